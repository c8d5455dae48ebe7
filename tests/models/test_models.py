"""Manifest, verification, sessions, and models of the user's own."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from conftest import ROOT

from fer_video.analyzer import Analyzer
from fer_video.errors import ModelError, OptionError
from fer_video.models import devices, find_model, load_manifest, open_session, session
from fer_video.models.cores import available_cores
from fer_video.models.devices import DEVICES, stdout_to_stderr
from fer_video.models.spec import entry_of as described
from fer_video.models.spec import parse_spec
from fer_video.options import AnalyzerOptions

BACKBONE = "mobilenet-v1-mtl"


def entry_of(name: str) -> dict[str, Any]:
    document = json.loads((ROOT / "weights" / "manifest.json").read_text())
    (entry,) = [entry for entry in document["models"] if entry["name"] == name]
    return dict(entry)


def test_every_embedded_model_is_what_the_manifest_says() -> None:
    defaults, models = load_manifest()
    assert set(defaults.values()) <= set(models)
    for name, spec in models.items():
        assert hashlib.sha256(spec.path.read_bytes()).hexdigest() == spec.sha256, name
        assert spec.licence, name
        assert spec.source, name
        graph = onnx.load(spec.path).graph
        outputs = {value.name for value in graph.output}
        named = {head.output for head in spec.heads} | set((spec.outputs or {}).values())
        assert named <= outputs, name
        assert [value.name for value in graph.input] == [spec.input.name], name


def test_every_embedded_model_has_a_card() -> None:
    for name in load_manifest()[1]:
        card = ROOT / "weights" / entry_of(name)["card"]
        text = card.read_text(encoding="utf-8").lower()
        for chapter in ("licence", "limits", "data"):
            assert chapter in text, (card, chapter)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    spec = find_model("emotion-backbone")
    data = bytearray(spec.path.read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "damaged.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"damaged\.onnx: damaged weights.*reinstall"):
        open_session(replace(spec, path=path))


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx.*No such file.*reinstall"):
        open_session(replace(find_model("emotion-backbone"), path=tmp_path / "gone.onnx"))


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a network")
    with pytest.raises(ModelError, match=r"text\.onnx: ONNX Runtime cannot run"):
        open_session(replace(find_model("emotion-backbone"), path=path, sha256=None))


def test_the_session_says_where_it_runs() -> None:
    session = open_session(find_model("face-detector"), device="cpu", threads=1)
    assert session.provider == "CPUExecutionProvider"
    assert session.sha256 == session.spec.sha256
    assert available_cores() >= 1


def test_unknown_and_absent_devices() -> None:
    import onnxruntime as ort

    with pytest.raises(OptionError, match="unknown device 'gpu'"):
        open_session(find_model("face-detector"), device="gpu")
    absent = [name for name, each in DEVICES.items() if each.provider not in ort.get_available_providers()]
    assert absent, "no machine has every accelerator"
    for name in absent:
        with pytest.raises(OptionError, match=f"device {name} is not available.*pip"):
            open_session(find_model("face-detector"), device=name)


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no such emotion-backbone; give one of: mobilenet-v1-mtl"):
        find_model("emotion-backbone", "resnet")
    with pytest.raises(OptionError, match="scrfd:PATH"):
        find_model("face-detector", f"scrfd:{tmp_path}/none.onnx")
    with pytest.raises(OptionError, match="not face-detector"):
        find_model("face-detector", BACKBONE)


def test_a_model_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    model = onnx.load(find_model("emotion-backbone").path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"does not say what it is.*mine\.json"):
        find_model("emotion-backbone", str(path))
    (tmp_path / "mine.json").write_text('{"name": "mine"}')
    with pytest.raises(ModelError, match="description is not valid"):
        find_model("emotion-backbone", str(path))
    (tmp_path / "mine.json").write_text("[1, 2]")
    with pytest.raises(ModelError, match="description is not valid"):
        find_model("emotion-backbone", str(path))


def test_a_model_of_ones_own_with_a_description_beside_it(tmp_path: Path, face_clip: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(find_model("emotion-backbone").path, path)
    entry = entry_of(BACKBONE) | {"name": "mine", "heads": entry_of(BACKBONE)["heads"][:1]}
    entry.pop("sha256")
    path.with_suffix(".json").write_text(json.dumps(entry))
    analyzer = Analyzer(AnalyzerOptions(backbone=str(path)))
    result = analyzer.analyze(face_clip)
    assert result.clip is not None
    assert result.clip.emotion == "happiness"
    assert result.ran["backbone"]["name"] == "mine"
    assert result.ran["backbone"]["sha256"] == find_model("emotion-backbone").sha256
    with pytest.raises(ModelError, match="cannot tell age, gender, ethnicity"):
        Analyzer(AnalyzerOptions(backbone=str(path), attributes=True))


def test_a_model_of_ones_own_that_carries_its_description(tmp_path: Path) -> None:
    model = onnx.load(find_model("emotion-backbone").path)
    model.metadata_props.add(key="fervid", value=json.dumps(entry_of(BACKBONE) | {"sha256": None}))
    path = tmp_path / "mine.onnx"
    onnx.save(model, path)
    assert find_model("emotion-backbone", str(path)).head("emotion") == find_model("emotion-backbone").head("emotion")


def test_a_description_that_does_not_fit_its_graph(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(find_model("emotion-backbone").path, path)
    entry = entry_of(BACKBONE)
    entry["heads"][0]["labels"].pop()
    path.with_suffix(".json").write_text(json.dumps(entry))
    with pytest.raises(ModelError, match="8 values for 7 labels"):
        Analyzer(AnalyzerOptions(backbone=str(path)))
    entry = entry_of(BACKBONE) | {"features": {"output": "pooled", "size": 1024}}
    path.with_suffix(".json").write_text(json.dumps(entry))
    with pytest.raises(ModelError, match="no output 'pooled'"):
        Analyzer(AnalyzerOptions(backbone=str(path)))


@pytest.mark.parametrize("change", [{"layout": "NHWC?"}, {"channels": "GBR"}, {"mean": [1]}, {"std": "abc"}])
def test_a_description_is_checked(change: dict[str, Any]) -> None:
    entry = entry_of(BACKBONE)
    entry["input"] |= change
    with pytest.raises(ValueError, match=r"one of|should be|could not"):
        parse_spec(entry, Path("x"))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("input", {"std": [0, 0, 0]}),
        ("input", {"size": "96"}),
        ("input", {"multiple_of": 0}),
        ("crop", {"factor": -1}),
        ("crop", {"factor": float("nan")}),
        ("features", {"size": "x"}),
    ],
)
def test_senseless_numbers_in_a_description(part: str, change: dict[str, Any]) -> None:
    entry = entry_of(BACKBONE)
    entry[part] |= change
    with pytest.raises(ValueError, match="should"):
        parse_spec(entry, Path("x"))


@pytest.mark.parametrize("labels", ["neutral!", [], ["a", "a"]])
def test_senseless_labels(labels: object) -> None:
    entry = entry_of(BACKBONE)
    entry["heads"][0]["labels"] = labels
    with pytest.raises(ValueError, match="list of different names"):
        parse_spec(entry, Path("x"))


@pytest.mark.parametrize("change", [{"name": "pixels"}, {"size": 100}])
def test_an_input_that_does_not_fit_its_graph(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(find_model("emotion-backbone").path, path)
    entry = entry_of(BACKBONE)
    entry["input"] |= change
    path.with_suffix(".json").write_text(json.dumps(entry))
    with pytest.raises(ModelError, match="as described"):
        Analyzer(AnalyzerOptions(backbone=str(path), model="none"))


class Runtime:
    """ONNX Runtime as it would be with other providers: what it is asked for, and what it gives."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *providers: str, works: bool = True, raises: bool = False
    ) -> None:
        import onnxruntime as ort

        self.asked: list[list[tuple[str, dict[str, str]]]] = []
        self.preloaded = 0
        real = ort.InferenceSession

        def start(data: bytes, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
            self.asked.append(providers)
            if raises and len(providers) > 1:
                raise RuntimeError("no such library")
            raw = real(data, options, ["CPUExecutionProvider"])
            return Pretender(raw, [name for name, _ in providers]) if works else raw

        def preload() -> None:
            self.preloaded += 1
            print("cuDNN not found")  # noqa: T201  as the real one does

        monkeypatch.setattr(ort, "get_available_providers", lambda: [*providers, "CPUExecutionProvider"])
        monkeypatch.setattr(ort, "InferenceSession", start)
        monkeypatch.setattr(ort, "preload_dlls", preload, raising=False)
        devices._preload_cuda.cache_clear()
        session._say_once.cache_clear()


class Pretender:
    def __init__(self, raw: Any, providers: list[str]) -> None:
        self.raw, self.providers = raw, providers

    def get_providers(self) -> list[str]:
        return self.providers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


CUDA = "CUDAExecutionProvider"


def test_a_device_that_onnxruntime_gave_up_on_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Runtime(monkeypatch, CUDA, works=False)
    with pytest.raises(OptionError, match=r"fell back to CPUExecutionProvider.*onnxruntime-gpu\[cuda,cudnn\]"):
        open_session(find_model("face-detector"), device="cuda")


@pytest.mark.parametrize("raises", [False, True])
def test_auto_falls_back_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, raises: bool
) -> None:
    Runtime(monkeypatch, CUDA, works=False, raises=raises)
    for _ in range(3):
        assert open_session(find_model("face-detector"), device="auto").provider == "CPUExecutionProvider"
    (record,) = caplog.records
    assert CUDA in record.getMessage()


def test_auto_on_a_machine_with_a_cpu_only_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert open_session(find_model("face-detector")).provider == "CPUExecutionProvider"
    assert not caplog.records


def test_auto_takes_cuda_where_it_works(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = Runtime(monkeypatch, "TensorrtExecutionProvider", CUDA)
    assert open_session(find_model("face-detector")).provider == CUDA
    assert runtime.asked == [[(CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), ("CPUExecutionProvider", {})]]
    open_session(find_model("face-detector"))
    assert runtime.preloaded == 1
    captured = capsys.readouterr()
    assert (captured.out, "cuDNN not found" in captured.err) == ("", True)


def test_options_that_fit_the_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path))
    for name, device in DEVICES.items():
        with monkeypatch.context() as patch:
            runtime = Runtime(patch, device.provider, CUDA)
            opened = open_session(find_model("face-detector"), device=name)
        assert opened.provider == device.provider
        first = runtime.asked[0][0]
        assert first[0] == device.provider
        assert dict(device.options).items() <= first[1].items()
        if device.cache_option:
            assert Path(first[1][device.cache_option]).is_dir()
            assert Path(first[1][device.cache_option]).is_relative_to(tmp_path)
        if name == "tensorrt":  # what it cannot take goes to CUDA, then to the CPU
            assert [each for each, _ in runtime.asked[0]] == [device.provider, CUDA, "CPUExecutionProvider"]


def test_tensorrt_that_is_only_cuda_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path))
    Runtime(monkeypatch, "TensorrtExecutionProvider", CUDA)
    monkeypatch.setattr(Pretender, "get_providers", lambda self: self.providers[1:])
    with pytest.raises(OptionError, match=f"tensorrt was asked for but ONNX Runtime fell back to {CUDA}"):
        open_session(find_model("face-detector"), device="tensorrt")


def test_native_prints_do_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with stdout_to_stderr():
        os.write(1, b"noise")
    os.write(1, b"data")
    assert capfd.readouterr() == ("data", "noise")


def test_a_description_survives_being_written() -> None:
    spec = find_model("emotion-backbone")
    assert parse_spec(json.loads(json.dumps(described(spec))), spec.path) == replace(spec, sha256=None)
