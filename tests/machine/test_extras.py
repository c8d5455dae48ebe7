"""What doctor says of the extras, against setup.cfg."""

from __future__ import annotations

import configparser
import re

import pytest
from command import fervid
from conftest import ROOT

from fer_video.machine.extras import EXTRAS, Extra, missing_packages


@pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="only in a checkout")
def test_extras_are_those_of_the_installation() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = {
        name: sorted(re.findall(r"^[\w-]+", packages, re.MULTILINE))
        for name, packages in config["options.extras_require"].items()
        if name not in ("test", "dev", "docs")
    }
    assert declared == {name: sorted(extra.packages) for name, extra in EXTRAS.items()}


def test_doctor_lists_what_each_extra_enables_and_what_is_missing() -> None:
    said = fervid("doctor").stdout
    for name, extra in EXTRAS.items():
        (line,) = (each for each in said.splitlines() if f"extra {name}: " in each)
        assert extra.enables in line
        missing = list(missing_packages(extra))
        assert line.startswith("!  " if missing else "ok ")
        assert all(each in line for each in missing)
    assert list(missing_packages(Extra(("numpy", "no-such-package"), ""))) == ["no-such-package"]
