"""Who is who: clusters worked out by hand, and drawn clips of the faces that packages ship."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import SIX, face_crops
from media import Image, encode

import fer_video
from fer_video import Analyzer, AnalyzerOptions
from fer_video.faces.clusters import cluster
from fer_video.faces.identity import track_embedding
from fer_video.faces.portraits import Portraits, portrait_score
from fer_video.types import Face

FRONTAL = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def unit(*degrees: float) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack((np.cos(turns), np.sin(turns)), 1).astype(np.float32)


def test_average_linkage_by_hand() -> None:
    """0 and 10 degrees merge first (cosine 0.98); 50 has cos 50 and cos 40 to them, 0.704 on average."""
    assert cluster(unit(0, 10, 50), [], 0.70) == [0, 0, 0]
    assert cluster(unit(0, 10, 50), [], 0.71) == [0, 0, 2]
    assert cluster(unit(0, 10, 50)[:0], [], 0.5) == []
    assert cluster(unit(0), [], 0.5) == [0]


def test_tracks_seen_together_stay_apart_and_groups_inherit_that() -> None:
    assert cluster(unit(0, 0), [(0, 1)], 0.5) == [0, 1]
    # 1 joins 0, the more alike; 2 was seen with 0 and so cannot follow, though it is as alike to 1
    assert cluster(unit(0, 5, 15), [(0, 2)], 0.5) == [0, 0, 2]
    assert len(set(cluster(np.ones((6, 1), np.float32), [(a, b) for a in range(6) for b in range(a)], 0.1))) == 6


def test_an_embedding_of_crops_that_disagree_is_shorter() -> None:
    """Two unit vectors at 60 degrees have a mean of length cos 30; the vector is as long as its square root."""
    found = track_embedding(np.array([3, 5], np.float32)[:, None] * unit(0, 60))
    assert found.length == pytest.approx(4)
    assert found.crops == 2
    assert found.vector == pytest.approx(np.sqrt(np.cos(np.radians(30))) * unit(30)[0], abs=1e-6)


def test_portraits_are_large_frontal_and_apart() -> None:
    face = Face((0, 0, 112, 112), 0.8, FRONTAL)
    assert portrait_score(face) == pytest.approx(0.8)
    turned = FRONTAL.copy()
    turned[2, 0] = 40  # a quarter of the way: half as frontal
    assert portrait_score(Face((0, 0, 56, 56), 0.8, turned)) == pytest.approx(0.8 * 0.5 * 0.5)
    assert portrait_score(Face((0, 0, 112, 112), 0.8)) == 0
    kept, crop = Portraits(), np.zeros((112, 112, 3), np.uint8)
    for i in range(20):  # ten seconds
        kept.offer(face, i / 2, lambda: crop)
    assert [round(each.time_s, 1) for each in kept.best_first()] == [0.0, 0.5, 1.0, 1.5, 2.0]
    kept.offer(Face((0, 0, 112, 112), 0.95, FRONTAL), 10.0, lambda: crop)
    assert kept.best_first()[0].time_s == 10.0
    assert len(kept.best_first()) == 5


@pytest.fixture(scope="module")
def people(six_people: Image, astronaut: Image) -> list[Image]:
    """240x240 pictures of three people."""
    return [*face_crops(six_people, (SIX[0], SIX[2]), 240), cv2.resize(astronaut[20:220, 120:320], (240, 240))]


def shot(people: list[Image], at: list[tuple[int, int]], shade: int) -> Image:
    """640x360 with people at places (who, x); shots differ by what is behind."""
    rng = np.random.default_rng(shade)
    view = cv2.resize(rng.integers(0, 256, (9, 16, 3), dtype=np.uint8), (640, 360), interpolation=cv2.INTER_NEAREST)
    for who, x in at:
        view[60:300, x : x + 240] = people[who]
    return np.asarray(view, np.uint8)


def test_people_across_cuts(analyzer: Analyzer, people: list[Image], tmp_path: Path) -> None:
    """A B A C B, each at another place in another shot: three people, and all numbers follow them."""
    shots = [shot(people, [(who, x)], k) for k, (who, x) in enumerate([(0, 30), (1, 350), (0, 200), (2, 60), (1, 120)])]
    clip = encode(tmp_path / "abacb.mp4", [view for view in shots for _ in range(8)], [i / 10 for i in range(40)])
    result = analyzer.analyze(clip)
    assert [track.person for track in result.tracks] == [1, 2, 1, 3, 2]
    assert [(person.id, person.frames) for person in result.people] == [(1, 16), (2, 16), (3, 8)]
    assert [row["track"] for row in result.to_frame_rows()] == [1 + i // 8 for i in range(40)]
    assert [row["person"] for row in result.to_frame_rows()] == [[1, 2, 1, 3, 2][i // 8] for i in range(40)]
    features = analyzer.extract(clip)
    assert features.person.tolist() == [[1, 2, 1, 3, 2][i // 8] for i in range(40)]
    streamed = list(analyzer.stream(clip))
    assert [each.person for each in streamed] == [each.track for each in streamed] == [1 + i // 8 for i in range(40)]


def test_who_leaves_and_returns_is_the_same(analyzer: Analyzer, people: list[Image], tmp_path: Path) -> None:
    """One shot; the second person is gone for two seconds and comes back elsewhere, the first stays."""
    small = [cv2.resize(each, (120, 120), interpolation=cv2.INTER_AREA) for each in people]

    def view(*places: tuple[int, int]) -> Image:
        drawn = np.full((360, 640, 3), np.linspace(60, 160, 640)[:, None], np.uint8)
        for who, x in places:
            drawn[120:240, x : x + 120] = small[who]
        return drawn

    views = [view((0, 40), (1, 460))] * 10 + [view((0, 40))] * 20 + [view((0, 40), (1, 300))] * 10
    result = analyzer.analyze(encode(tmp_path / "back.mp4", views, [i / 10 for i in range(40)]))
    assert [(track.id, track.person) for track in result.tracks] == [(1, 1), (2, 2), (3, 2)]
    assert [person.frames for person in result.people] == [40, 20]
    assert [person.end_s for person in result.people] == pytest.approx([3.9, 3.9])


def test_six_at_once_are_six(analyzer: Analyzer, six_people: Image, tmp_path: Path) -> None:
    view = six_people[:886, :1280]
    views = [view] * 5 + [np.ascontiguousarray(view[:, ::-1])] * 5  # a cut to the mirrored picture
    result = analyzer.analyze(encode(tmp_path / "six.mp4", views, [i / 10 for i in range(10)]))
    assert len(result.people) >= 6
    for frame in range(10):
        seen = [each.person for each in result.observations or () if each.frame == frame]
        assert len(seen) == len(set(seen)) == 6


def test_the_answer_of_a_person_is_that_of_all_their_frames(people: list[Image], tmp_path: Path) -> None:
    """Without a clip model it is the mean over the frames of both tracks, whatever their lengths."""
    views = [shot(people, [(0, 30)], 0)] * 9 + [shot(people, [(0, 300)], 1)] * 4
    clip = encode(tmp_path / "two.mp4", views, [i / 10 for i in range(13)])
    result = fer_video.analyze(clip, AnalyzerOptions(model="none"))
    (person,) = result.people
    seen = [list((each.probabilities or {}).values()) for each in result.observations or ()]
    assert len(seen) == person.frames == 13
    assert list(person.probabilities.values()) == pytest.approx(np.mean(seen, axis=0), abs=1e-6)
