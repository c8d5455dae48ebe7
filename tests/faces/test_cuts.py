"""Cuts, and what only looks like one."""

from __future__ import annotations

import numpy as np
from conftest import EXAMPLE

from fer_video.faces.cuts import CutDetector
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling


def test_the_cut_in_the_example_is_found_and_no_other() -> None:
    cuts = CutDetector()
    with open_source(EXAMPLE) as source:
        found = [frame.index for frame in source.frames(Sampling(fps=10)) if cuts.update(frame.image)]
    assert len(found) == 1
    assert 200 <= found[0] < 203  # the shots before it last 8 s at 25 frames a second


def test_a_change_of_light_is_no_cut(astronaut: np.ndarray) -> None:
    cuts = CutDetector()
    dark = (astronaut * 0.5).astype(np.uint8)
    assert [cuts.update(image) for image in (astronaut, dark, astronaut)] == [False, False, False]


def test_a_small_move_is_no_cut(astronaut: np.ndarray) -> None:
    cuts = CutDetector()
    views = [astronaut[10 * i : 10 * i + 300, 10 * i : 10 * i + 400] for i in range(8)]
    assert not any(cuts.update(view) for view in views)


def test_another_picture_is_a_cut(astronaut: np.ndarray, six_people: np.ndarray) -> None:
    cuts = CutDetector()
    assert [cuts.update(image) for image in (astronaut, six_people, six_people)] == [False, True, False]


def test_flat_pictures_are_no_trouble() -> None:
    cuts = CutDetector()
    black, white = np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 255, np.uint8)
    assert [cuts.update(image) for image in (black, black, white)] == [False, False, True]
