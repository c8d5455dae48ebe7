"""`fervid models list, info, verify, import, remove, path`, and `fervid doctor`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result
from conftest import ROOT
from fer_video.cli import main
from fer_video.cli.models.take_in import _LABELS, _NORMALIZATIONS
from graphs import save_classifier, save_scrfd_like, save_yunet_like

import fer_video.machine.doctor as doctor
from fer_video.models import catalogue, find_model, load_manifest
from fer_video.models.imports import LABELS, NORMALIZATIONS
from fer_video.models.manifest import _say_once, load_zoo


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def fervid(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)


# ---- what the lists say


def test_every_model_of_the_zoo_is_described() -> None:
    zoo = load_zoo()
    assert len(zoo) == 13
    assert not set(zoo) & set(load_manifest()[1])
    for name, spec in zoo.items():
        assert spec.licence, name
        assert spec.source, name
        assert spec.note, name
        assert spec.figures or "no published figure" in spec.note, name
        if spec.url is None:
            assert spec.non_commercial, name
        else:
            assert spec.url.startswith("https://"), name
            assert spec.url.endswith(".onnx"), name
            assert bool(spec.sha256) != bool(spec.git_blob), name
            # a commit, not a branch that moves
            assert any(len(part) == 40 and set(part) <= set("0123456789abcdef") for part in spec.url.split("/")), name
        if spec.task == "emotion-backbone":
            head = spec.head("emotion")
            assert head is not None
            assert len(head.labels) in (7, 8), name
            assert spec.add_features, name
            assert spec.has_affect == (name.endswith("va_mtl")), name


def test_list() -> None:
    lines = fervid("models", "list").stdout.splitlines()
    assert [line.split()[1] for line in lines[1:-2]] == list(catalogue())
    assert lines[1].startswith("+  centerface")
    assert lines[2].startswith("*  yunet-2023mar")
    detectors = json.loads(fervid("models", "list", "--task", "face-detector", "--json").stdout)
    assert {each["task"] for each in detectors} == {"face-detector"}
    assert [each["name"] for each in detectors if each["here"]] == ["centerface", "yunet-2023mar"]


def test_info() -> None:
    told = json.loads(fervid("models", "info", "sface-2021dec", "--json").stdout)
    assert (told["bytes"], told["licence"], told["here"]) == (38696353, "Apache-2.0", False)
    text = fervid("models", "info", "enet_b0_8_best_afew").stdout
    for fact in ("Apache-2.0", "60.95 %", "59.89 %", "d87faf71", "1280", "contempt", "224"):
        assert fact in text
    result = fervid("models", "info", "nothing")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "fervid models list" in result.stderr


def test_verify_of_what_is_here() -> None:
    result = fervid("models", "verify")
    names = ("centerface", "yunet-2023mar", "mobilenet-v1-mtl", "sface")
    assert (result.exit_code, result.stdout) == (0, "".join(f"{name}: good\n" for name in names))
    result = fervid("models", "verify", "centerface", "mbf_va_mtl")
    assert (result.exit_code, result.stdout) == (1, "centerface: good\nmbf_va_mtl: not on this machine\n")


def test_path_and_remove_of_an_embedded_model(store: Path) -> None:
    assert Path(fervid("models", "path", "centerface").stdout.strip()).samefile(
        find_model("face-detector", "centerface").path
    )
    assert fervid("models", "path").stdout == f"{store}\n"
    result = fervid("models", "remove", "centerface")
    assert result.exit_code == 2
    assert "comes with fervid" in result.stderr


def test_looking_touches_no_network_and_writes_nothing(store: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*arguments): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from fer_video.cli import main\n"
        "main(sys.argv[1:])"
    )
    for arguments in (["list"], ["info", "enet_b2_8"], ["verify"], ["path"]):
        subprocess.run([sys.executable, "-c", code, "models", *arguments], check=True, timeout=120, capture_output=True)
    assert not store.exists()


# ---- import


def test_importing_a_backbone(tmp_path: Path, store: Path, face_clip: Path) -> None:
    save_classifier(tmp_path / "mine.onnx", 7)
    result = fervid(
        "models", "import", tmp_path / "mine.onnx", "--labels", "affectnet-7", "--normalize", "imagenet",
        "--licence", "MIT",
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, f"{store / 'mine.onnx'}\n"), result.output
    assert "--backbone mine" in result.stderr
    (tmp_path / "mine.onnx").unlink()
    spec = find_model("emotion-backbone", "mine")
    assert spec.heads[0].labels == LABELS["affectnet-7"]
    assert spec.licence == "MIT"
    assert spec.sha256 == hashlib.sha256((store / "mine.onnx").read_bytes()).hexdigest()
    value = json.loads(fervid("predict", face_clip, "--backbone", "mine", "--format", "json", "--fps", "2").stdout)
    assert set(value["clip"]["probabilities"]) == set(LABELS["affectnet-7"])
    again = fervid("models", "import", store / "mine.onnx", "--labels", "affectnet-7", "--normalize", "imagenet")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert "mine: good" in fervid("models", "verify").stdout
    (store / "mine.onnx").write_bytes(b"x")
    assert fervid("models", "verify", "mine").exit_code == 1
    assert fervid("models", "remove", "mine").exit_code == 0
    assert [path.name for path in store.iterdir() if not path.name.endswith(".lock")] == []


def test_importing_with_valence_and_arousal_channels_last_and_own_labels(tmp_path: Path) -> None:
    save_classifier(tmp_path / "mine.onnx", 5, layout="NHWC", size=48)
    arguments = ("models", "import", tmp_path / "mine.onnx", "--normalize", "half", "--labels", "Sad, glad,mad")
    result = fervid(*arguments)
    assert result.exit_code == 2
    assert "5 numbers where 3 are described; with --valence-arousal" in result.stderr
    assert fervid(*arguments, "--valence-arousal", "--name", "theirs", "--crop-factor", "1.2").exit_code == 0
    spec = find_model("emotion-backbone", "theirs")
    assert (spec.input.layout, spec.input.size, spec.crop.factor, spec.has_affect) == ("NHWC", 48, 1.2, True)
    assert spec.heads[0].labels == ("sad", "glad", "mad")


def test_importing_a_graph_that_gives_features(tmp_path: Path) -> None:
    """The embedded network without its description: outputs are told apart by their widths, or named."""
    model = onnx.load(find_model("emotion-backbone").path)
    del model.metadata_props[:]
    keep = [value for value in model.graph.output if value.name in ("features", "emotion")]
    del model.graph.output[:]
    model.graph.output.extend(keep)
    onnx.save(model, tmp_path / "mine.onnx")
    result = fervid("models", "import", tmp_path / "mine.onnx", "--labels", "ferplus-8", "--normalize", "imagenet")
    assert result.exit_code == 0, result.output
    spec = find_model("emotion-backbone", "mine")
    assert (spec.features, spec.heads[0].output, spec.add_features) == ("features", "emotion", False)


@pytest.mark.parametrize(("save", "kind"), [(save_scrfd_like, "scrfd"), (save_yunet_like, "yunet")])
def test_importing_detectors(tmp_path: Path, save: Any, kind: str) -> None:
    save(tmp_path / "det.onnx")
    result = fervid("models", "import", tmp_path / "det.onnx")
    assert result.exit_code == 0, result.output
    assert "--detector det" in result.stderr
    assert find_model("face-detector", "det").kind == kind


def test_importing_a_model_that_describes_itself(tmp_path: Path) -> None:
    models = json.loads((ROOT / "weights" / "manifest.json").read_text())["models"]
    (entry,) = [each for each in models if each["name"] == "mobilenet-v1-mtl"]
    model = onnx.load(find_model("emotion-backbone").path)
    del model.metadata_props[:]
    model.metadata_props.add(key="fervid", value=json.dumps(entry | {"name": "my-net"}))
    onnx.save(model, tmp_path / "x.onnx")
    assert fervid("models", "import", tmp_path / "x.onnx").exit_code == 0
    assert len(find_model("emotion-backbone", "my-net").heads) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "does not tell --labels, --normalize; give them"),
        (("--labels", "affectnet-8"), "does not tell --normalize"),
        (("--labels", "a,b", "--normalize", "unit"), "8 numbers where 2 are described"),
        (("--labels", "a,a", "--normalize", "unit"), "8 numbers"),
        (("--labels", "affectnet-8", "--normalize", "unit", "--emotion-output", "x"), "has no output 'x'"),
        (("--labels", "affectnet-8", "--normalize", "unit", "--size", "99"), "as described"),
        (("--name", "../evil"), "cannot be a name"),
        (("--name", "centerface"), "is the name of a model that fervid knows"),
        (("--name", "enet_b2_8"), "is the name of a model that fervid knows"),
    ],
)
def test_what_an_import_cannot_know_or_do(tmp_path: Path, store: Path, arguments: tuple[str, ...], says: str) -> None:
    save_classifier(tmp_path / "mine.onnx", 8)
    result = fervid("models", "import", tmp_path / "mine.onnx", *arguments)
    assert result.exit_code in (1, 2)
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(store.glob("*.onnx")) + list(store.glob("*.json"))


@pytest.mark.parametrize("content", [b"", b"text", bytes(1000)])
def test_importing_what_is_no_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.onnx").write_bytes(content)
    result = fervid("models", "import", tmp_path / "mine.onnx")
    assert result.exit_code == 1
    assert "not an ONNX file" in result.stderr
    assert fervid("models", "import", tmp_path / "none.onnx").exit_code == 2


def test_asking_for_what_the_graph_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_video.cli.models import take_in as command

    from fer_video.models.imports import ImportOptions, inspect, make_entry

    save_classifier(tmp_path / "mine.onnx", 10)
    facts = inspect(tmp_path / "mine.onnx")
    assert facts.unknown == ("labels", "normalize")
    answers = iter(["affectnet-8", "imagenet"])
    monkeypatch.setattr(command.click, "prompt", lambda *a, **k: next(answers))
    monkeypatch.setattr(command.click, "confirm", lambda *a, **k: True)
    options = command._ask(facts, ImportOptions())
    entry = make_entry(tmp_path / "mine.onnx", facts, options)
    assert [head["task"] for head in entry["heads"]] == ["emotion", "valence", "arousal"]
    assert entry["input"]["mean"] == [0.485, 0.456, 0.406]


def test_choices_are_those_of_the_library() -> None:
    assert tuple(LABELS) == _LABELS
    assert tuple(NORMALIZATIONS) == _NORMALIZATIONS


@pytest.mark.parametrize(
    "text", ["{", '{"name": "mine", "task": {}}', "[" * 100_000, '{"name": "mine", "input": []}', "\x00", '"text"']
)
def test_one_broken_description_in_the_store_breaks_nothing_else(
    store: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.mkdir(parents=True)
    (store / "mine.json").write_text(text)
    _say_once.cache_clear()
    result = fervid("models", "list")
    assert result.exit_code == 0
    (said,) = [record.message for record in caplog.records]
    assert str(store / "mine.json") in said
    assert "mobilenet-v1-mtl" in result.stdout
    assert fervid("models", "remove", "mine").exit_code == 0
    assert not (store / "mine.json").exists()


# ---- doctor


def checks(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    result = fervid("doctor", "--json", *arguments)
    found = json.loads(result.stdout)
    assert found["good"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in found["checks"]}


def test_a_sound_installation() -> None:
    code, found = checks()
    assert code == 0, found
    assert {check["status"] for check in found.values()} <= {"good", "note"}
    assert "24 faces in 4 frames on CPUExecutionProvider" in found["inference"]["says"]
    assert found["decode"]["status"] == "good"
    assert "cpu (CPUExecutionProvider)" in found["devices"]["says"]
    assert {"model centerface", "model mobilenet-v1-mtl", "model pseudo-clip-8"} <= set(found)


def test_the_table_of_a_sound_installation() -> None:
    result = fervid("doctor")
    assert result.exit_code == 0
    assert result.stdout.endswith("\neverything works\n")


def test_a_device_that_is_not_there() -> None:
    code, found = checks("--device", "qnn")
    assert code == 1
    assert "pip install 'onnxruntime-qnn<2'" in found["trial run"]["says"]


class Installed:
    """A distribution as importlib.metadata has it."""

    def __init__(self, name: str, *files: str) -> None:
        self.metadata = {"Name": name}
        self.files = [importlib.metadata.PackagePath(file) for file in files]


@pytest.mark.parametrize(
    ("packages", "name", "mend"),
    [
        (
            ["onnxruntime", "onnxruntime-gpu"],
            "onnxruntime packages",
            "pip uninstall -y onnxruntime onnxruntime-gpu; pip install --force-reinstall --no-deps onnxruntime-gpu",
        ),
        (
            ["opencv-python", "opencv-python-headless"],
            "cv2 packages",
            "pip uninstall -y opencv-python opencv-python-headless; "
            "pip install --force-reinstall --no-deps opencv-python-headless",
        ),
    ],
)
def test_clashing_packages(monkeypatch: pytest.MonkeyPatch, packages: list[str], name: str, mend: str) -> None:
    folder = "cv2" if "cv2" in name else "onnxruntime"
    installed = [Installed(each, f"{folder}/__init__.py", f"{folder}/x.so") for each in packages]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: installed)
    found = {check.name: check for check in doctor._clashes()}
    assert (found[name].status, found[name].mend) == ("bad", mend)
    assert packages[0] in found[name].says


def test_damaged_weights_of_the_users_own(store: Path, tmp_path: Path) -> None:
    save_scrfd_like(tmp_path / "det.onnx")
    fervid("models", "import", tmp_path / "det.onnx")
    (store / "det.onnx").write_bytes(b"damaged")
    found = {check.name: check for check in doctor._weights()}
    assert found["model det"].status == "bad"
    assert "fervid models remove det" in (found["model det"].mend or "")
    assert found["model centerface"].status == "good"


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("libGL.so.1: cannot open shared object file")

    (found,) = doctor._guarded("trial run", broken)
    assert found.status == "bad"
    assert "libGL.so.1" in found.says


def test_a_decoder_that_gives_other_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "trial.avi"
    doctor._write_clip(clip)
    assert doctor._decoded(clip).status == "good"
    monkeypatch.setattr(doctor, "_TRIAL_FRAMES", 9)
    assert doctor._decoded(clip).status == "bad"


def test_a_device_that_computes_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"cuda": ([[0.9, 0.1]], "CUDAExecutionProvider"), "cpu": ([[0.1, 0.9]], "CPUExecutionProvider")}
    monkeypatch.setattr(doctor, "_read", lambda clip, device: answers[device])
    wrong = doctor._inferred(tmp_path, 1, "cuda")
    assert (wrong.status, "0.800 apart from the CPU" in wrong.says) == ("bad", True)
    answers["cpu"] = ([[0.895, 0.105]], "CPUExecutionProvider")
    assert doctor._inferred(tmp_path, 1, "cuda").status == "good"
    assert doctor._inferred(tmp_path, 2, "cuda").status == "bad"


def test_an_installation_that_lost_its_weights(tmp_path: Path) -> None:
    """In a copy of the package whose detector is damaged: exit code 1, and which file."""
    copy = tmp_path / "site"
    for source, target in (("fer_video", "fer_video"), ("cli", "fer_video/cli"), ("weights", "fer_video/weights")):
        shutil.copytree(ROOT / source, copy / target, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "fer_video" / "weights" / "centerface.onnx").write_bytes(b"damaged")
    code = f"import sys; sys.path.insert(0, {str(copy)!r}); from fer_video.cli import main; main(['doctor'])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}; {code}"],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "BAD model centerface" in done.stdout
    assert "pip install --force-reinstall --no-deps fervid" in done.stdout
    assert "Traceback" not in done.stderr
