"""The backbone against hand-worked numbers and against ONNX Runtime called directly."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from media import Image
from scipy.special import softmax as scipy_softmax

from fer_video.errors import ModelError
from fer_video.faces.align import crop_face
from fer_video.models import HeadSpec, InputSpec, find_model, open_session
from fer_video.models.backbone import Backbone, attributes_from, preprocess, softmax
from fer_video.types import Face

ASTRONAUT = Face((182, 58, 270, 178), 0.9)


def cropped(backbone: Backbone, image: Image, face: Face) -> Image:
    return crop_face(image, face, backbone.size, backbone.spec.crop)


def embedded(**options: object) -> Backbone:
    return Backbone(open_session(find_model("emotion-backbone")), **options)  # type: ignore[arg-type]


def test_preprocess_by_hand() -> None:
    crop = np.zeros((2, 2, 3), np.uint8)
    crop[0, 1] = (255, 0, 51)  # blue, green, red
    spec = InputSpec("x", 2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 2.0))
    tensor = preprocess([crop, crop], spec)
    assert tensor.shape == (2, 3, 2, 2)
    assert tensor.dtype == np.float32
    # red 51/255 = 0.2 -> (0.2 - 0.5) / 0.5, green 0 -> -0.25 / 0.5, blue 1 -> 1 / 2
    assert tensor[1, :, 0, 1] == pytest.approx([-0.6, -0.5, 0.5])
    assert tensor[0, :, 1, 1] == pytest.approx([-1.0, -0.5, 0.0])


def test_preprocess_other_conventions() -> None:
    crop = np.full((1, 1, 3), (0, 51, 255), np.uint8)
    bgr = preprocess([crop], InputSpec("x", 1, channels="BGR", value_range=(0, 255)))
    assert bgr[0, :, 0, 0] == pytest.approx([0, 51, 255])
    signed = preprocess([crop], InputSpec("x", 1, value_range=(-1, 1)))
    assert signed[0, :, 0, 0] == pytest.approx([1, -0.6, -1])


def test_softmax() -> None:
    logits = np.array([[0, np.log(3)], [1000, 1000]], np.float32)
    assert softmax(logits) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    random = np.random.default_rng(0).normal(0, 5, (9, 8)).astype(np.float32)
    assert softmax(random) == pytest.approx(scipy_softmax(random, axis=1), abs=1e-6)


def test_what_it_gives_is_what_the_network_gives(astronaut: Image) -> None:
    backbone = embedded(attributes=True, batch=2)
    crops = [cropped(backbone, astronaut, Face((182 + 9 * i, 58, 270 + 9 * i, 178), 0.9)) for i in range(5)]
    result = backbone.embed(crops)
    assert result.features.shape == (5, 1280)
    raw = ort.InferenceSession(str(backbone.spec.path), providers=["CPUExecutionProvider"])
    rgb = np.stack(crops)[..., ::-1].astype(np.float32) / 255
    tensor = ((rgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(0, 3, 1, 2).astype(np.float32)
    features, emotion, age = raw.run(["features", "emotion", "age"], {"input": tensor})
    assert result.features == pytest.approx(features, abs=1e-4)
    assert result.probabilities["emotion"] == pytest.approx(scipy_softmax(emotion, axis=1), abs=1e-5)
    assert result.probabilities["age"] == pytest.approx(scipy_softmax(age, axis=1), abs=1e-5)


def test_the_astronaut_smiles(astronaut: Image) -> None:
    backbone = embedded()
    probabilities = backbone.embed([cropped(backbone, astronaut, ASTRONAUT)]).probabilities
    assert list(probabilities) == ["emotion"]  # no attributes unless asked for
    assert backbone.emotions[int(probabilities["emotion"][0].argmax())] == "happiness"


def test_no_crops() -> None:
    nothing = embedded().embed([])
    assert nothing.features.shape == (0, 1280)
    assert nothing.probabilities["emotion"].shape == (0, 8)


def test_attributes_by_hand() -> None:
    heads = (
        HeadSpec("emotion", "e", ("a", "b")),
        HeadSpec("age", "a", ("0", "1", "2", "3")),
        HeadSpec("gender", "g", ("male", "female")),
        HeadSpec("ethnicity", "r", ("White", "Black")),
    )
    given = {"age": [0.5, 0, 0, 0.5], "gender": [0.25, 0.75], "ethnicity": [0.5, 0.5]}
    found = attributes_from(heads, {task: np.array(values, np.float32) for task, values in given.items()})
    assert found.age_years == pytest.approx(1.5)
    assert found.age_std_years == pytest.approx(1.5)
    assert found.gender == {"male": 0.25, "female": 0.75}
    assert found.ethnicity == {"White": 0.5, "Black": 0.5}


def test_a_detector_is_no_backbone() -> None:
    with pytest.raises(ModelError, match="no emotion head"):
        Backbone(open_session(find_model("face-detector")))
