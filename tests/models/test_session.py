"""Work handed out over the cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fer_video.models import Session, find_model, open_session
from fer_video.models.backbone import Backbone


@pytest.fixture(scope="module")
def session() -> Session:
    return open_session(find_model("emotion-backbone"), "cpu", threads=3)


@pytest.mark.parametrize(
    ("count", "most", "least", "sizes"),
    [(0, 4, 1, []), (1, 4, 1, [1]), (7, 32, 1, [3, 3, 1]), (7, 2, 1, [2, 2, 2, 1]), (7, 4, 4, [4, 3])],
)
def test_parts_are_even_and_in_order(session: Session, count: int, most: int, least: int, sizes: list[int]) -> None:
    parts = session.spread(list, range(count), most=most, least=least)
    assert [len(part) for part in parts] == sizes
    assert [item for part in parts for item in part] == list(range(count))


def test_an_error_of_a_part_is_that_of_the_whole(session: Session) -> None:
    def work(part: Sequence[int]) -> int:
        if 5 in part:
            raise ValueError("five")
        return len(part)

    with pytest.raises(ValueError, match="five"):
        session.spread(work, range(9), most=2)
    assert session.spread(work, range(4), most=2) == [2, 2]


def test_cores_are_shared_between_networks() -> None:
    spec = find_model("emotion-backbone")
    assert [open_session(spec, "cpu", threads, networks=2).at_once for threads in (1, 2, 5)] == [1, 1, 2]
    alone = open_session(spec, "cpu", 2, alone=True)
    assert (alone.threads, alone.at_once) == (2, 1)


def test_however_crops_are_spread_the_answer_is_the_same(session: Session) -> None:
    crops = list(np.random.default_rng(0).integers(0, 256, (9, 96, 96, 3), np.uint8))
    one = Backbone(replace(session, at_once=1)).embed(crops)
    for way in (session, session.alone()):
        other = Backbone(way).embed(crops)
        assert np.allclose(other.features, one.features, atol=1e-5)
        assert np.allclose(other.probabilities["emotion"], one.probabilities["emotion"], atol=1e-6)
