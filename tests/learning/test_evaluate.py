"""Figures of a classifier: by hand, and against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, recall_score

from fer_video.learning.evaluate import evaluate


def test_figures_by_hand() -> None:
    truth, said = np.array(list("aaabbc")), np.array(list("aabbbb"))
    has_face = np.array([True, True, True, True, True, False])
    result = evaluate(truth, said, has_face, "abc")
    assert result.accuracy.value == pytest.approx(4 / 6)
    assert result.accuracy_with_face.value == pytest.approx(4 / 5)
    assert result.recall == pytest.approx({"a": 2 / 3, "b": 1, "c": 0})
    assert result.precision == pytest.approx({"a": 1, "b": 1 / 2, "c": np.nan}, nan_ok=True)  # never the answer
    assert result.macro_recall.value == pytest.approx(5 / 9)
    assert result.macro_f1.value == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)
    assert result.confusion == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert result.support == {"a": 3, "b": 2, "c": 1}


def test_figures_equal_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    truth = np.array(list("abcd"))[rng.integers(0, 4, 300)]
    said = np.where(rng.random(300) < 0.6, truth, np.array(list("abcd"))[rng.integers(0, 4, 300)])
    result = evaluate(truth, said, np.ones(300, bool), "abcd")
    assert result.macro_recall.value == pytest.approx(balanced_accuracy_score(truth, said))
    assert result.macro_f1.value == pytest.approx(f1_score(truth, said, average="macro"))
    assert list(result.recall.values()) == pytest.approx(recall_score(truth, said, average=None))
    assert result.confusion == confusion_matrix(truth, said).tolist()
    # the textbook interval of a share: 1.96 standard errors
    half = 1.96 * (result.accuracy.value * (1 - result.accuracy.value) / 300) ** 0.5
    assert result.accuracy.low == pytest.approx(result.accuracy.value - half, abs=0.01)
    assert result.accuracy.high == pytest.approx(result.accuracy.value + half, abs=0.01)


def test_clips_of_one_person_count_as_one_draw() -> None:
    truth = np.array(["a", "b"] * 50)
    said = truth.copy()
    said[:50] = "a"  # of the first person, all answers are the same
    subjects = np.array(["x"] * 50 + ["y"] * 50)
    alone, together = (evaluate(truth, said, np.ones(100, bool), "ab", each) for each in (None, subjects))
    assert together.accuracy.high - together.accuracy.low > 2 * (alone.accuracy.high - alone.accuracy.low)


def test_a_class_that_is_absent_has_no_recall() -> None:
    result = evaluate(np.array(["a", "b"]), np.array(["a", "c"]), np.array([True, True]), "abcd")
    told = result.to_dict()
    assert told["recall"] == {"a": 1.0, "b": 0.0, "c": None, "d": None}
    assert told["precision"] == {"a": 1.0, "b": None, "c": 0.0, "d": None}
    assert told["macro_recall"]["value"] == 0.5
    json.dumps(told, allow_nan=False)
