"""`fervid bench` as users call it, and what its figures mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fer_video.cli.main import main

from fer_video import Analyzer, AnalyzerOptions, OptionError, Sampling
from fer_video.machine.bench import BenchOptions


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["bench", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_figures_belong_together(face_clip: Path) -> None:
    code, out, _ = run(face_clip, "--format", "json", "--runs", 1)
    assert code == 0
    found = json.loads(out)
    assert found["schema"] == "fervid-bench/1"
    assert (found["frames"], found["faces"], found["width"], found["height"]) == (20, 20, 384, 288)
    assert set(found["stage_s"]) == {"decode", "detect", "embed", "answer"}
    assert all(seconds > 0 for seconds in found["stage_s"].values())
    assert sum(found["share"].values()) == pytest.approx(1)
    assert found["limit_fps"] <= min(found["decode_fps"], found["inference_fps"])
    assert found["efficiency"] == pytest.approx(found["fps"] / found["limit_fps"])
    assert found["ran"]["options"]["detect"] == "keyframes"


def test_table_and_what_is_being_done(face_clip: Path) -> None:
    code, out, err = run(face_clip, "--runs", 1, "--fps", 5, "--detect", "every")
    assert code == 0
    assert out.startswith(f"{face_clip}: 10 frames of 384x288, 1.0 faces in each")
    for word in ("end to end", "decoding alone", "networks alone", "efficiency", "peak memory", "embed"):
        assert word in out
    assert "warming up" in err
    assert run(face_clip, "--runs", 1, "--fps", 5, "-q")[2] == ""


def test_what_others_do_is_measured_or_said_to_be_missing(face_clip: Path) -> None:
    code, out, _ = run(face_clip, "--runs", 1, "--fps", 2, "--compare", "--format", "json")
    assert code == 0
    peers = json.loads(out)["peers"]
    assert [peer["name"] for peer in peers] == ["emotieff", "fer"]
    for peer in peers:
        assert (peer["fps"] is None) == bool(peer["error"])


def test_a_clip_without_a_face(faceless_clip: Path) -> None:
    code, out, _ = run(faceless_clip, "--runs", 1, "--format", "json")
    assert code == 0
    assert json.loads(out)["faces"] == 0


def test_bad_inputs(tmp_path: Path) -> None:
    code, out, err = run(tmp_path / "none.mp4")
    assert (code, out) == (1, "")
    assert "no such file" in err.splitlines()[-1]
    with pytest.raises(OptionError, match="runs"):
        BenchOptions(AnalyzerOptions(), runs=0)


def test_stages_are_counted_from_clip_to_clip(face_clip: Path) -> None:
    analyzer = Analyzer(AnalyzerOptions(sampling=Sampling(5)))
    analyzer.analyze(face_clip)
    once = dict(analyzer.busy_s)
    analyzer.analyze(face_clip)
    assert all(analyzer.busy_s[name] > seconds for name, seconds in once.items())


def test_a_clock_that_stands_still(face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: 1.0)
    code, out, err = run(face_clip, "--runs", 1, "--fps", 2)
    assert (code, out) == (1, "")
    assert err.endswith("fervid: error: the clock of this machine stands still; nothing can be measured\n")
