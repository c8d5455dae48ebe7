"""Labelled clips for what is learned from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from media import Image


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, six_people: Image) -> Path:
    """<class>/<subject>/<clip>/: frames of two people under changes of light and place, four "subjects" each.

    One clip shows nobody.
    """
    root = tmp_path_factory.mktemp("labelled")
    faces = {"her": astronaut[20:230, 120:330], "him": six_people[30:240, 850:1060]}
    rng = np.random.default_rng(0)
    for label, face in faces.items():
        for subject in range(4):
            for take in range(2):
                folder = root / label / f"s{subject}" / f"take{take}"
                folder.mkdir(parents=True)
                for frame in range(3):
                    x, y = rng.integers(0, 12, 2)
                    view = face[y : y + 190, x : x + 190] * rng.uniform(0.6 + 0.1 * subject, 1.0)
                    (folder / f"{frame}.png").write_bytes(cv2.imencode(".png", view.astype(np.uint8))[1].tobytes())
    nobody = root / "her" / "s0" / "take2"
    nobody.mkdir()
    (nobody / "0.png").write_bytes(cv2.imencode(".png", np.full((99, 99, 3), 80, np.uint8))[1].tobytes())
    return root
