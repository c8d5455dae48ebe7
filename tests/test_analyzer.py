"""The whole pipeline on real decoded clips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import EXAMPLE
from media import Image, cut_off, encode

import fer_video
from fer_video import Analyzer, AnalyzerOptions, DetectorOptions, InputError, OptionError, Sampling
from fer_video.engine.pipeline import chunks


def test_the_example(analyzer: Analyzer) -> None:
    result = analyzer.analyze(EXAMPLE)
    assert result.status == "ok"
    assert result.error is None
    assert result.duration_s == pytest.approx(10.5, abs=0.05)
    assert result.fps == pytest.approx(25)
    assert result.frames_sampled == 105
    (woman,) = result.people
    first, second = result.tracks  # a cut lies between them
    assert first.end_s < 6 < 7.9 < second.start_s
    assert (first.person, second.person) == (woman.id, woman.id)
    assert (woman.start_s, woman.end_s, woman.frames) == (first.start_s, second.end_s, first.frames + second.frames)
    assert result.clip is not None
    assert result.clip.emotion == "happiness"
    assert result.clip.method in ("svm:pseudo-clip-8", "mixture:pseudo-clip-8")
    assert result.clip.person == 1
    plain = fer_video.analyze(EXAMPLE, AnalyzerOptions(model="none")).clip
    assert plain is not None
    assert (plain.emotion, plain.method) == ("happiness", "mean-probability")
    rows = result.to_frame_rows()
    assert len(rows) == 105
    assert sum(row["person"] is None for row in rows) == 105 - result.frames_with_face
    # the first frame, at 25 a second, in each tenth of a second
    assert [row["time_s"] for row in rows] == pytest.approx([math.ceil(k * 2.5) / 25 for k in range(105)], abs=1e-3)


def test_a_cut_ends_every_track(analyzer: Analyzer, astronaut: Image, tmp_path: Path) -> None:
    """The same place in the picture, another shot: another track, of the same person where the face is the same."""
    first = astronaut[:288, 60:444]
    second = 255 - np.ascontiguousarray(first[:, ::-1])
    second[40:200, 100:250] = first[40:200, 100:250]  # her face where it was, everything around it another
    views = [first] * 5 + [second] * 5
    clip = encode(tmp_path / "cut.mp4", views, [i / 10 for i in range(10)])
    result = analyzer.analyze(clip)
    assert [(track.id, track.frames, track.person) for track in result.tracks] == [(1, 5, 1), (2, 5, 1)]
    assert [(person.id, person.frames) for person in result.people] == [(1, 10)]
    plain = fer_video.analyze(clip, AnalyzerOptions(identify=False))
    assert [(person.id, person.frames) for person in plain.people] == [(1, 5), (2, 5)]
    assert [track.person for track in plain.tracks] == [1, 2]


def sizes(chunked: Iterator[list[fer_video.Frame]]) -> list[int]:
    return [len(chunk) for chunk in chunked]


def frames_of(*shapes: tuple[int, int], fps: float = 10.0) -> Iterator[fer_video.Frame]:
    return iter([fer_video.Frame(i, i / fps, np.zeros((*shape, 3), np.uint8)) for i, shape in enumerate(shapes)])


def test_chunks_grow_are_small_for_large_frames_and_of_one_size() -> None:
    assert sizes(chunks(frames_of(*[(360, 640)] * 40))) == [4, 8, 16, 12]
    assert sizes(chunks(frames_of(*[(2160, 3840)] * 10))) == [4, 4, 2]
    assert sizes(chunks(frames_of((9, 9), (9, 9), (8, 9), (9, 9)))) == [2, 1, 1]


@pytest.mark.parametrize(
    ("fps", "expected"),
    # Looked at are, at 25 frames a second, frames 0, 5, 10, ... and so the 6th, 11th, 16th.
    [(25, [6, 10, 15, 9]), (30, [7, 12, 12, 9]), (24, [5, 8, 16, 11]), (60, [13, 12, 12, 3]), (5, [4, 8, 16, 12])],
)
def test_chunks_end_where_the_detector_looks_anyway(fps: float, expected: list[int]) -> None:
    assert sizes(chunks(frames_of(*[(36, 64)] * 40, fps=fps), 0.2)) == expected


def test_every_frame(face_clip: Path) -> None:
    result = fer_video.analyze(face_clip, AnalyzerOptions(sampling=Sampling(fps=None)))
    assert result.frames_sampled == result.frames_with_face == 20
    assert [row["frame"] for row in result.to_frame_rows()] == list(range(20))
    assert [row["time_s"] for row in result.to_frame_rows()] == pytest.approx([i / 10 for i in range(20)])


def test_a_clip_without_a_face_is_fine(analyzer: Analyzer, faceless_clip: Path) -> None:
    result = analyzer.analyze(faceless_clip)
    assert (result.status, result.clip, result.group, result.people) == ("ok", None, None, ())
    assert (result.frames_sampled, result.frames_with_face) == (10, 0)
    rows = result.to_frame_rows()
    assert len(rows) == 10
    assert all(value is None for row in rows for name, value in row.items() if name not in ("path", "frame", "time_s"))


def test_six_people_in_a_picture_and_in_a_clip(analyzer: Analyzer, six_people: Image, tmp_path: Path) -> None:
    picture = tmp_path / "six.png"
    picture.write_bytes(cv2.imencode(".png", six_people)[1].tobytes())
    still = analyzer.analyze(picture)
    assert still.duration_s is None
    assert [person.id for person in still.people] == [1, 2, 3, 4, 5, 6]
    # a slow pan: everybody keeps the id
    views = [six_people[:, 4 * i : 4 * i + 1200] for i in range(12)]
    moving = analyzer.analyze(encode(tmp_path / "six.mp4", views, [i / 10 for i in range(12)]))
    assert [person.frames for person in moving.people] == [12] * 6
    assert moving.frames_with_face == 12
    assert len(moving.to_frame_rows()) == 72
    agreeing = sum(a.emotion == b.emotion for a, b in zip(still.people, moving.people, strict=True))
    assert agreeing >= 5


def test_stream_gives_what_analyze_keeps(analyzer: Analyzer, face_clip: Path) -> None:
    streamed = list(analyzer.stream(face_clip))
    kept = list(analyzer.analyze(face_clip).observations or ())
    assert len(streamed) == len(kept) == 20
    for a, b in zip(streamed, kept, strict=True):
        assert (a.frame, a.time_s, a.person, a.emotion) == (b.frame, b.time_s, b.person, b.emotion)
        assert a.confidence == pytest.approx(b.confidence, abs=1e-5)
        assert a.embedding is not None
        assert a.embedding.shape == (1024,)
        assert b.embedding is None


def test_stream_is_lazy(analyzer: Analyzer) -> None:
    observations = analyzer.stream(EXAMPLE)
    assert next(observations).frame == 0
    observations.close()  # type: ignore[attr-defined]


def test_attributes_only_when_asked(face_clip: Path, analyzer: Analyzer) -> None:
    assert analyzer.analyze(face_clip).people[0].attributes is None
    options = AnalyzerOptions(attributes=True, sampling=Sampling(fps=2))
    (person,) = fer_video.analyze(face_clip, options).people
    assert person.attributes is not None
    assert 20 < person.attributes.age_years < 60
    assert max(person.attributes.gender, key=person.attributes.gender.__getitem__) == "female"
    assert sum(person.attributes.ethnicity.values()) == pytest.approx(1, abs=1e-5)


def test_faces_asked_for(six_people: Image, tmp_path: Path) -> None:
    path = tmp_path / "six.png"
    path.write_bytes(cv2.imencode(".png", six_people)[1].tobytes())
    assert len(fer_video.analyze(path, AnalyzerOptions(faces=DetectorOptions(max_faces=2))).people) == 2
    assert fer_video.analyze(path, AnalyzerOptions(faces=DetectorOptions(min_face_px=400))).people == ()


def test_partial_clip(analyzer: Analyzer, tmp_path: Path) -> None:
    import av

    whole = tmp_path / "whole.mp4"
    with av.open(EXAMPLE) as source, av.open(whole, "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    result = analyzer.analyze(cut_off(whole, tmp_path / "cut.mp4", 0.5))
    assert result.status == "partial"
    assert result.error is not None
    assert "cut off" in result.error
    assert result.clip is not None
    assert result.clip.emotion == "happiness"
    assert 20 < result.frames_sampled < 90


def test_one_bad_file_does_not_stop_the_others(analyzer: Analyzer, face_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    paths = [tmp_path / "missing.mp4", face_clip, tmp_path / "text.mp4", face_clip]
    results = list(analyzer.analyze_many(paths))
    assert [result.status for result in results] == ["failed", "ok", "failed", "ok"]
    assert [result.path for result in results] == [str(path) for path in paths]
    assert "no such file" in (results[0].error or "")


def test_a_bug_in_one_clip_does_not_stop_the_others(
    analyzer: Analyzer, face_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = analyzer._backbone.embed
    calls = iter([True])

    def embed(crops: list[Image]) -> object:
        if next(calls, False):
            raise IndexError("odd clip")
        return real(crops)

    monkeypatch.setattr(analyzer._backbone, "embed", embed)
    first, second = analyzer.analyze_many([face_clip, face_clip])
    assert first.status == "failed"
    assert "IndexError: odd clip" in (first.error or "")
    assert second.status == "ok"


def test_a_missing_file_raises_in_the_library(analyzer: Analyzer) -> None:
    with pytest.raises(InputError, match="no such file"):
        analyzer.analyze("missing.mp4")
    with pytest.raises(InputError, match="no such file"):
        next(analyzer.stream("missing.mp4"))


@pytest.mark.parametrize("wrong", [{"min_confidence": 1.5}, {"threads": 0}, {"threads": 10**10}, {"max_lost_s": -1.0}])
def test_senseless_options(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        AnalyzerOptions(**wrong)  # type: ignore[arg-type]


def test_what_ran_is_said(analyzer: Analyzer, face_clip: Path) -> None:
    ran = analyzer.analyze(face_clip).ran
    assert ran["fervid"] == fer_video.__version__
    assert ran["detector"]["name"] == "yunet-2023mar"
    assert len(ran["backbone"]["sha256"]) == 64
    assert ran["provider"] == "CPUExecutionProvider"
    assert ran["sampling"] == {"fps": 10.0, "every_frame": False, "start_s": 0.0, "end_s": None}
    assert ran["times"] == "container"


def test_progress_is_told(analyzer: Analyzer, face_clip: Path) -> None:
    told: list[tuple[float, float | None]] = []
    analyzer.analyze(face_clip, lambda time_s, duration_s: told.append((time_s, duration_s)))
    assert [time_s for time_s, _ in told] == pytest.approx([i / 10 for i in range(20)])
    assert told[0][1] == pytest.approx(2, abs=0.2)
