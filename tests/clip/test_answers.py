"""One vocabulary: people, clip, group and segments have the same labels, whatever answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fer_video.clip.answers import PersonMethod, labels_of, valence_of
from fer_video.clip.model import ClipModel, ClipModelInfo, Mixture
from fer_video.clip.pool import Pooler, Pooling
from fer_video.clip.summary import Summary, SummaryOptions
from fer_video.types import Face, Observation

EMOTIONS = ("neutral", "happiness", "sadness")
FACE = Face((0, 0, 100, 100), 0.9)


class Fixed(ClipModel):
    """A clip model with scores written by hand."""

    def __init__(self, info: ClipModelInfo, scores: list[float]) -> None:
        self.info, self._fixed = info, np.array([scores])

    def scores(self, descriptors: Any) -> Any:
        return self._fixed


def model_of(labels: tuple[str, ...], scores: list[float], **more: Any) -> ClipModel:
    info = ClipModelInfo("m", labels, "main", Pooling(("mean",)), {}, 1.0, "b", "0" * 64, 2, "0", **more)
    return Fixed(info, scores)


def summary_of(shares: list[tuple[int, int, tuple[float, ...]]], **options: Any) -> Summary:
    """shares: (frame, person, probabilities)."""
    summary = Summary(SummaryOptions(EMOTIONS, **options))
    for frame, person, values in shares:
        named = dict(zip(EMOTIONS, values, strict=True))
        summary.add(Observation(frame, frame / 10, person, FACE, named, np.ones(2, np.float32)))
    summary.close()
    return summary


def test_the_mixture_by_hand() -> None:
    mixture = Mixture(head=0.5, score=2.0)
    # The model's order differs from the head's.
    model = model_of(("happiness", "neutral", "sadness"), [1.0, 0.5, -1.0], mixture=mixture)
    pooler = Pooler(model.info.pooling, 2)
    pooler.add_frame(np.ones((3, 2)))
    mean = np.array([0.6, 0.3, 0.1])
    named, method = PersonMethod(EMOTIONS, model, mixed=True).answer(mean, pooler)
    powers = np.sqrt(mean) * np.exp([1.0, 2.0, -2.0])
    assert method == "mixture:m"
    assert list(named) == list(EMOTIONS)
    assert list(named.values()) == pytest.approx(powers / powers.sum())
    alone, method = PersonMethod(EMOTIONS, model).answer(mean, pooler)
    assert (method, max(alone, key=alone.__getitem__)) == ("svm:m", "happiness")


def test_a_model_of_fewer_labels_restricts_everything() -> None:
    model = model_of(("sadness", "happiness"), [0.2, -0.2])
    shares = [(i, 1, (0.5, 0.3, 0.2)) for i in range(9)] + [(8, 2, (0.5, 0.4, 0.1))]
    summary = summary_of(shares, person_model=model)
    first, second = summary.people()
    clip, group = summary.clip(), summary.group()
    assert clip is not None
    assert group is not None
    for each in (first, second, clip, group):
        assert list(each.probabilities) == ["happiness", "sadness"]
        assert sum(each.probabilities.values()) == pytest.approx(1)
    assert (first.method, second.method) == ("svm:m", "mean-probability")  # seen once: the frame's own answer
    assert second.probabilities["happiness"] == pytest.approx(0.8)
    (segment,) = first.segments or ()
    assert (segment.emotion, segment.confidence) == ("happiness", pytest.approx(0.6))


def test_labels_that_no_frame_knows_come_from_windows() -> None:
    model = model_of(("bored", "curious"), [0.5, -0.5])
    summary = summary_of([(i, 1, (0.5, 0.3, 0.2)) for i in range(40)], person_model=model)
    (person,) = summary.people()
    assert [each.emotion for each in person.segments or ()] == ["bored"]
    assert summary.segmenting["method"] == "windows"
    group = summary.group()
    assert group is not None
    assert (group.emotion, group.valence) == ("bored", None)


def test_the_group_of_one_is_the_person() -> None:
    for model in (None, model_of(EMOTIONS, [0.1, 0.4, -0.3], mixture=Mixture(1.0, 1.0))):
        summary = summary_of([(i, 1, (0.5, 0.3, 0.2)) for i in range(9)], person_model=model, mixed=model is not None)
        clip, group = summary.clip(), summary.group()
        assert clip is not None
        assert group is not None
        assert (group.method, group.probabilities) == (clip.method, pytest.approx(clip.probabilities))
        assert group.valence == pytest.approx(
            {
                "positive": clip.probabilities["happiness"],
                "neutral": clip.probabilities["neutral"],
                "negative": clip.probabilities["sadness"],
            }
        )


def test_a_group_weighs_people_by_time_in_sight() -> None:
    model = model_of(EMOTIONS, [0.0, 0.0, 0.0], mixture=Mixture(1.0, 1e-9))  # as good as the mean
    shares = [(i, 1, (0.2, 0.2, 0.6)) for i in range(6)] + [(i, 2, (0.2, 0.6, 0.2)) for i in range(4, 6)]
    group = summary_of(sorted(shares), person_model=model, mixed=True).group()
    assert group is not None
    # Person 1: four frames alone and two shared, person 2 two shared: 5 to 1.
    assert group.probabilities["sadness"] == pytest.approx((5 * 0.6 + 0.2) / 6, abs=1e-4)
    assert group.how.startswith("Mean over the people, weighted by time in sight.")


def test_labels_and_valences() -> None:
    assert labels_of(None, EMOTIONS) == EMOTIONS
    assert valence_of({"surprise": 0.2, "neutral": 0.3, "fear": 0.4, "happiness": 0.1}) == pytest.approx(
        {"positive": 0.1, "neutral": 0.5, "negative": 0.4}
    )
    assert valence_of({"positive": 0.5, "negative": 0.5}) == {"positive": 0.5, "negative": 0.5}
    assert valence_of({"bored": 1.0}) is None
