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

from fer_video.analyzer import Analyzer, AnalyzerOptions
from fer_video.errors import ModelError, OptionError
from fer_video.models import find_model, load_manifest, open_session
from fer_video.models.devices import DEVICES, stdout_to_stderr
from fer_video.models.session import available_cores
from fer_video.models.spec import parse_spec

BACKBONE = "effnet-lite0-mtl"


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
    with pytest.raises(OptionError, match="no such emotion-backbone; give one of: effnet-lite0-mtl"):
        find_model("emotion-backbone", "resnet")
    with pytest.raises(OptionError, match="scrfd:PATH"):
        find_model("face-detector", f"scrfd:{tmp_path}/none.onnx")
    with pytest.raises(OptionError, match="not face-detector"):
        find_model("face-detector", BACKBONE)


def test_a_model_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(find_model("emotion-backbone").path, path)
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
    entry = entry_of(BACKBONE) | {"features": {"output": "pooled", "size": 1280}}
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


def test_a_device_that_onnxruntime_gave_up_on_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime as ort

    has = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: has)
    real = ort.InferenceSession
    monkeypatch.setattr(ort, "InferenceSession", lambda data, options, providers: real(data, options, has[1:]))
    with pytest.raises(OptionError, match="fell back to CPUExecutionProvider"):
        open_session(find_model("face-detector"), device="cuda")
    assert open_session(find_model("face-detector"), device="auto").provider == "CPUExecutionProvider"


def test_native_prints_do_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with stdout_to_stderr():
        os.write(1, b"noise")
    os.write(1, b"data")
    assert capfd.readouterr() == ("data", "noise")
