"""Results written with --frames and read back; files that are not what they say."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import fervid
from conftest import EXAMPLE
from made import result, written

from fer_video.errors import InputError
from fer_video.results.observations import ObservationLog
from fer_video.results.read import read_results
from fer_video.types import Affect


@pytest.fixture
def document() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(written("json", "clips", result(), single=True, frames=True))
    return value


@pytest.mark.parametrize("name", ["r.json", "r.jsonl"])
def test_what_was_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(written(path.suffix[1:], "clips", result(), result("b.mp4", attributes=False), frames=True))
    first, second = read_results(path)
    assert first.to_dict(frames=True) == result().to_dict(frames=True)
    assert second.to_frame_rows() == result("b.mp4", attributes=False).to_frame_rows()


def test_valence_and_arousal_are_read_back(tmp_path: Path) -> None:
    given = result(attributes=False)
    log = ObservationLog(given.observations.emotions, has_affect=True)  # type: ignore[union-attr]
    for seen in given.observations or ():
        log.append(seen if seen.face is None else replace(seen, affect=Affect(0.25, -0.5)))
    people = tuple(replace(person, affect=Affect(0.25, -0.5)) for person in given.people)
    given = replace(given, observations=log, people=people)
    (tmp_path / "r.json").write_text(written("json", "clips", given, frames=True))
    (value,) = read_results(tmp_path / "r.json")
    assert value.to_dict(frames=True) == given.to_dict(frames=True)
    assert value.people[0].affect == Affect(0.25, -0.5)
    assert value.to_frame_rows() == given.to_frame_rows()


def test_a_real_clip_with_landmarks(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    run = fervid("predict", EXAMPLE, "--frames", "--fps", "2", "--attributes", "--window", "2", "--out", path)
    assert run.exit_code == 0, run.stderr
    (value,) = read_results(path)
    assert value.to_dict(frames=True) == json.loads(path.read_text())
    assert value.observations is not None
    (face,) = [each.face for each in value.observations if each.time_s == 1.0]
    assert face is not None
    assert face.landmarks is not None
    x1, y1, x2, y2 = face.box
    assert ((face.landmarks > (x1, y1)) & (face.landmarks < (x2, y2))).all()


def test_frames_are_for_json_clips_only(face_clip: Path) -> None:
    for arguments in (["--format", "csv"], ["--format", "json", "--rows", "frames"], []):
        run = fervid("predict", face_clip, "--frames", *arguments)
        assert run.exit_code == 2
        assert "--frames belongs to JSON clips" in run.stderr


def face(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["frames"][0]["faces"][0]
    return found


BREAKAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "is in no frame": lambda value: value.update(frames=[]),
    "person 9 is in no frame": lambda value: value["people"][0].update(id=9),
    "fervid/1": lambda value: value.update(schema="other/1"),
    "'people' is missing": lambda value: value.pop("people"),
    "status": lambda value: value.update(status="fine"),
    "text": lambda value: value.update(path=["clip.mp4"]),
    "object": lambda value: value.update(clip=[]),
    "number": lambda value: face(value).update(box=["<img>", 0, 1, 1]),
    "values to unpack": lambda value: face(value).update(box=[0, 0, 1]),
    "probability": lambda value: face(value)["probabilities"].update(sad=2.0),
    "different labels": lambda value: face(value)["probabilities"].update(surprised=0.0),
    "order of time": lambda value: value["frames"].reverse(),
    "whole number": lambda value: face(value).update(person=1 << 40),
    "without a person": lambda value: face(value).update(person=0),
    "but not its frames": lambda value: value.pop("frames"),
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_result_that_is_none_is_one_clear_line(tmp_path: Path, document: dict[str, Any], what: str) -> None:
    broken = copy.deepcopy(document)
    BREAKAGES[what](broken)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(InputError, match=what) as caught:
        read_results(path)
    assert "fervid predict CLIP --frames" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"schema": NaN}', "[" * 100_000, '"\\ud800"', "\x00"])
def test_text_that_is_no_result(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"r\.json"):
        read_results(path)


def test_infinite_numbers_are_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document).replace('"duration_s": 0.3', '"duration_s": 1e999'))
    with pytest.raises(InputError, match="number"):
        read_results(path)
