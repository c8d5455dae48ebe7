"""What `import fervid` gives: keywords, arrays, pictures, results that are loaded again; and the notebook."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from command import fervid as command_line
from conftest import EXAMPLE, ROOT
from fer_video.cli.predict import predict
from made import FAILED, written
from made import result as made
from media import Image

import fer_video
import fervid
from fer_video.api.keywords import KEYWORDS, options_of

NOT_OF_A_CLIP = {
    "out", "format", "rows", "frames", "workers", "timeout", "engine", "address", "gpus_per_worker", "retry_failed",
    "redo", "dry_run", "shard", "group", "quiet", "verbose", "debug", "help_all", "config", "no_config",
}  # fmt: skip


def test_fervid_is_fer_video() -> None:
    assert fervid.__all__ == fer_video.__all__
    for name in fervid.__all__:
        assert getattr(fervid, name) is getattr(fer_video, name)
    assert dir(fervid) == fervid.__all__
    with pytest.raises(AttributeError, match="'fervid' has no attribute 'analyse'"):
        fervid.analyse  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, fervid; print([m for m in ('numpy', 'cv2', 'onnxruntime', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_python_m_fervid_is_the_command_line() -> None:
    text = subprocess.check_output([sys.executable, "-m", "fervid", "--version"], text=True)
    assert text.strip() == f"fervid, version {fervid.__version__}"


# ---- keywords


def test_keywords_are_the_options_of_predict() -> None:
    options = {each.opts[-1].lstrip("-").replace("-", "_"): each for each in predict.params if each.opts[0][0] == "-"}
    assert set(KEYWORDS) == set(options) - NOT_OF_A_CLIP
    defaults = predict.make_context("predict", ["clip.mp4"]).params
    for name, keyword in KEYWORDS.items():
        assert keyword.default == defaults[options[name].name], name


@pytest.mark.parametrize("function", [fervid.analyze, fervid.analyze_many, fervid.analyze_frames, fervid.stream])
def test_help_explains_each_keyword(function: Any) -> None:
    named = {name for name, each in inspect.signature(function).parameters.items() if each.kind == each.KEYWORD_ONLY}
    told = {name for name in KEYWORDS if f"    {name}  " in function.__doc__}
    assert len(told) > 18
    assert told == named - {"order", "name"}


def test_keywords_say_the_same_as_the_command_line(face_clip: Path) -> None:
    result = fervid.analyze(face_clip, fps=5, window=1, start="0:00.2", model="none", device="cpu", threads=1)
    arguments = (
        "--fps",
        "5",
        "--window",
        "1",
        "--start",
        "0.2",
        "--model",
        "none",
        "--device",
        "cpu",
        "--threads",
        "1",
    )
    said = json.loads(command_line("predict", face_clip, *arguments, "--format", "json").stdout)
    assert result.to_dict() == said


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"fps": "5"}, "fps must be a number, not '5'"),
        ({"fps": 0}, "fps must be a number from 0"),
        ({"fps": float("nan")}, "fps must be a number"),
        ({"fps": 5, "every_frame": True}, "fps and every_frame"),
        ({"adaptive": True, "fps": 5}, "adaptive"),
        ({"every_frame": 1}, "every_frame must be True or False"),
        ({"min_face": 2.5}, "min_face must be a whole number"),
        ({"min_score": 2}, "min_score must lie between"),
        ({"max_faces": True}, "max_faces must be a whole number"),
        ({"start": "1:75"}, "start must be seconds"),
        ({"start": 5, "end": 2}, "end .* must lie after start"),
        ({"detect": "sometimes"}, "detect must be one of keyframes, every"),
        ({"device": "gpu"}, "device must be one of auto, cpu, cuda"),
        ({"window": 2, "step": 3}, "step <= window"),
        ({"step": 1}, "step needs window"),
        ({"model": 3}, "model must be a name or path"),
        ({"threads": 0}, "threads must be from 1"),
        ({"min_confidence": -1}, "min_confidence must lie"),
        ({"identify": None}, "identify must be True or False"),
    ],
)
def test_values_that_make_no_sense_are_named_before_any_work(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(fervid.OptionError, match=said):
        fervid.analyze("there-is-no-such.mp4", **keywords)


def test_unknown_keywords_and_inputs() -> None:
    with pytest.raises(TypeError, match="'windw'; known are fps"):
        fervid.analyze("x.mp4", windw=2)  # type: ignore[call-arg]
    with pytest.raises(fervid.OptionError, match="not int"):
        fervid.analyze(3)
    with pytest.raises(fervid.OptionError, match="either options or keywords"):
        fervid.analyze("x.mp4", fervid.AnalyzerOptions(), fps=5)
    with pytest.raises(fervid.OptionError, match="give single options as keywords"):
        fervid.analyze("x.mp4", 5)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    assert options_of({"fps": np.float32(5), "max_faces": np.int64(2)}) == options_of({"fps": 5.0, "max_faces": 2})


def test_mistakes_in_a_generator_show_when_it_is_made() -> None:
    for function in (fervid.stream, fervid.analyze_many):
        with pytest.raises(fervid.OptionError, match="fps"):
            function(["x.mp4"], fps="many")  # type: ignore[arg-type]


def test_many_clips(face_clip: Path) -> None:
    good, bad = fervid.analyze_many([str(face_clip), "missing.mp4"], fps=2)
    assert (good.status, bad.status) == ("ok", "failed")
    assert len(list(fervid.stream(face_clip, fps=2))) == good.frames_sampled == 4


# ---- arrays and pictures


def test_an_array_is_a_picture_in_either_order(tmp_path: Path, astronaut: Image) -> None:
    path = tmp_path / "face.png"
    PIL.Image.fromarray(astronaut[:, :, ::-1]).save(path)
    from_file = fervid.analyze(path)
    pictures = [astronaut, np.dstack([astronaut, astronaut[:, :, :1]]), PIL.Image.open(path)]
    found = [*map(fervid.analyze, pictures), fervid.analyze(astronaut[:, :, ::-1], order="rgb")]
    assert from_file.people
    for each in found:
        assert (each.path, each.duration_s, each.size) == ("picture", None, (512, 512))
        assert each.people == from_file.people
    swapped = fervid.analyze(astronaut, order="rgb")
    assert swapped.people != from_file.people


def test_grey_arrays(astronaut: Image) -> None:
    grey = astronaut[:, :, 1]
    one, two = fervid.analyze(grey), fervid.analyze(grey[:, :, None])
    assert one.people == two.people
    assert one.frames_with_face == 1


def test_arrays_as_frames_are_what_the_file_gives() -> None:
    with av.open(EXAMPLE) as video:
        frames = [each.to_ndarray(format="bgr24") for each in video.decode(video=0)]
    result = fervid.analyze_frames(iter(frames), fps=25, name="astronaut")
    same = fervid.analyze(EXAMPLE, every_frame=True)
    assert (result.path, result.frames_sampled, result.duration_s) == ("astronaut", same.frames_sampled, 10.48)
    assert result.to_frame().time_s.tolist() == pytest.approx(same.to_frame().time_s.tolist(), abs=1e-6)
    assert result.clip is not None
    assert same.clip is not None
    assert result.clip.probabilities == pytest.approx(same.clip.probabilities, abs=0.02)  # another conversion of colour


def test_only_a_few_of_the_frames_are_kept(astronaut: Image) -> None:
    """Frames are made one by one, and the first are gone long before the last come."""
    import gc
    import weakref

    alive: list[weakref.ref[Any]] = []
    most = 0

    def frames() -> Any:
        nonlocal most
        for _ in range(300):
            image = astronaut[:200, 100:300].copy()
            alive.append(weakref.ref(image))
            yield image
            del image
            most = max(most, sum(each() is not None for each in alive))

    assert fervid.analyze_frames(frames(), 30).frames_sampled == 300
    gc.collect()
    assert most < 150
    assert not [each for each in alive if each() is not None]


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((9, 9, 3)), "array of float64"),
        (np.zeros((9, 9, 2), np.uint8), r"shape \(9, 9, 2\)"),
        (np.zeros((0, 9, 3), np.uint8), r"shape \(0, 9, 3\)"),
    ],
)
def test_arrays_that_are_no_pictures(picture: Any, said: str) -> None:
    with pytest.raises(fervid.InputError, match=said):
        fervid.analyze(picture)
    with pytest.raises(fervid.InputError, match=said):
        fervid.analyze_frames([np.zeros((9, 9, 3), np.uint8), picture], 10)


def test_frames_that_make_no_clip(astronaut: Image) -> None:
    with pytest.raises(fervid.InputError, match="no frames"):
        fervid.analyze_frames([], 10)
    for fps in (0, -1, "10", True, float("nan")):
        with pytest.raises(fervid.OptionError, match="fps must be the number"):
            fervid.analyze_frames([astronaut], fps)  # type: ignore[arg-type]
    with pytest.raises(fervid.OptionError, match="adaptive"):
        fervid.analyze_frames([astronaut], 10, adaptive=True)
    with pytest.raises(fervid.OptionError, match="order must be"):
        fervid.analyze(astronaut, order="grb")  # type: ignore[arg-type]


# ---- results of before


def test_results_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(written("json", "clips", made("a.mp4"), single=True))
    (tmp_path / "b.jsonl").write_text(written("jsonl", "clips", made("b.mp4"), FAILED, frames=True))
    assert fervid.load(tmp_path / "a.json").path == "a.mp4"
    with pytest.raises(fervid.InputError, match="holds 2 clips; read them with load_all"):
        fervid.load(tmp_path / "b.jsonl")
    assert [each.path for each in fervid.load_all(tmp_path)] == ["a.mp4", "b.mp4", "bad\n.mp4"]
    with pytest.raises(fervid.InputError):
        fervid.load(tmp_path / "none.json")


def test_a_summary_is_a_data_frame(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("stem,subject\na,anna\nz,zoe\n")
    clips = [made("a.mp4"), made("b.mp4")]
    frame = fervid.summarize(clips, meta=tmp_path / "people.csv")
    assert frame.subject.tolist()[0] == "anna"
    assert frame.mean_happy.tolist() == [0.625, 0.625]
    assert [note.split("people.csv")[1] for note in frame.attrs["notes"]] == [
        ": 1 of 2 rows match no clip: z", ": b.mp4",
    ]  # fmt: skip


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    (tmp_path / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["again"].to_dict(frames=True) == names["result"].to_dict(frames=True)
    assert names["nobody"].clip is None
    assert "Frames per second" in capsys.readouterr().out
    assert (tmp_path / "clip.png").read_bytes().startswith(b"\x89PNG")
