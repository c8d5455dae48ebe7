"""The schemas are those of the records in the code, and let in what fervid writes and nothing else."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import fervid
from conftest import EXAMPLE, ROOT
from made import FAILED
from made import result as made

from fer_video.results.rows import clip_object
from schemas import FOLDER, check

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="only in a checkout")


def test_the_files_are_those_that_the_tool_makes() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "schemas.py"))
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.iterdir()}
    assert written == json.loads(json.dumps(tool["schemas"]())), "run: python tools/schemas.py"


def test_results_and_journals_of_a_batch(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "bad.mp4").write_text("no video")
    run = fervid("predict", EXAMPLE, tmp_path / "bad.mp4", "--frames", "--attributes", "--fps", "2", "--out", f"{out}/")
    assert run.exit_code == 1
    objects = [json.loads(path.read_text()) for path in out.glob("*.json")]
    assert sorted(each["status"] for each in objects) == ["failed", "ok"]
    for each in objects:
        check("result", each)
    for line in (out / "fervid.journal").read_text().splitlines():
        check("journal", json.loads(line))


def test_embedded_clip_models() -> None:
    models = list((ROOT / "weights").glob("*/model.json"))
    assert models
    for path in models:
        check("clip-model", json.loads(path.read_text(encoding="utf-8")))


def test_all_that_is_written_in_tests_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    clip_object(made(), frames=True)
    made().to_dict()
    FAILED.to_dict()
    with pytest.raises(jsonschema.ValidationError):
        made(path=3).to_dict()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "fervid/2"),
        (("status",), "fine"),
        (("duration_s",), "3"),
        (("clip", "confidence"), 1.5),
        (("people", 0, "segments"), {}),
        (("people", 0, "probabilities", "happy"), None),
        (("frames", 0, "faces", 0, "box"), [1, 2, 3]),
        (("frames", 0, "faces", 0, "person"), 0),
        (("tracks", 0, "id"), None),
    ],
)
def test_what_is_no_result_is_refused(place: tuple[Any, ...], value: Any) -> None:
    document = json.loads(json.dumps(clip_object(made(), frames=True)))
    check("result", document)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        check("result", document)


def test_a_field_that_is_missing_is_refused_and_one_more_is_not() -> None:
    document = clip_object(made())
    check("result", document | {"later": 1})
    del document["tracks"]
    with pytest.raises(jsonschema.ValidationError, match="'tracks' is a required property"):
        check("result", document)
