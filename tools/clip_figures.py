"""Figures of methods on pseudo-clips, and the tables of them in the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_video.errors import InputError
from fer_video.learning.evaluate import evaluate

__all__ = ["by_kind", "markdown", "of_method", "plain", "write_into"]

BEGIN, END = "<!-- figures: tools/train_clip_models.py -->", "<!-- end of figures -->"
_NAMES = {"mean-probability": "mean probability", "svm": "SVM alone", "mixture": "mixture of both"}
_KINDS = {"changing": "clips that change", "still": "clips that do not", "groups": "groups"}

Figures = tuple[Any, Any, float, Mapping[str, float], int]  # accuracy, mean recall, calibration error, recalls, clips


def of_method(truth: Any, probabilities: Any, labels: Sequence[str]) -> Figures:
    """truth: (n,) labels. probabilities: (n, labels)."""
    said = np.array(labels)[probabilities.argmax(axis=1)]
    result = evaluate(truth, said, np.ones(len(truth), bool), list(labels))
    return result.accuracy, result.macro_recall, calibration_error(truth == said, probabilities.max(axis=1)), {
        label: value for label, value in result.recall.items() if result.support[label]
    }, len(truth)  # fmt: skip


def calibration_error(right: Any, confidence: Any, bins: int = 15) -> float:
    """Expected calibration error: mean distance of accuracy and confidence over bins of confidence."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [places == i for i in range(bins)]
    return float(sum(abs(right[p].mean() - confidence[p].mean()) * p.mean() for p in parts if p.any()))


def by_kind(clips: Mapping[str, Any], answers: Mapping[str, Any], labels: Any) -> dict[str, dict[Any, Figures]]:
    """For clips that change and for still ones, of each method."""
    kinds = {"changing": ~clips["still"], "still": clips["still"]}
    figures = {
        kind: {name: of_method(clips["label"][rows], values[rows], labels) for name, values in answers.items()}
        for kind, rows in kinds.items()
    }
    for kind, methods in figures.items():
        for name, (accuracy, recall, off, _, clips_of) in methods.items():
            print(f"  {kind:9} {name:17} {clips_of} clips: accuracy {accuracy.value:.4f}, mean recall "
                  f"{recall.value:.4f}, calibration error {off:.3f}", flush=True)  # fmt: skip
    return figures


def plain(figures: Mapping[str, Mapping[str, Figures]]) -> dict[str, Any]:
    """For model.json."""
    return {
        kind: {
            name: {"clips": each[4], "accuracy": round(each[0].value, 4), "macro_recall": round(each[1].value, 4),
                   "calibration_error": round(each[2], 4)}
            for name, each in methods.items()
        }
        for kind, methods in figures.items()
    }  # fmt: skip


def markdown(facts: Mapping[str, Any], backbone: str) -> str:
    """The tables, with the choices that were made."""
    person, group = facts["person"], facts["group"]
    options = person["options"]
    counts = facts["pictures"]
    lines = [
        f"Backbone `{backbone}`. Pictures: {counts['train']} for training, {counts['choose']} to choose by "
        f"and {counts['report']} to report on. Training clips: {person['clips']} of one person and {group['clips']} of "
        "groups. These are the figures on clips from the pictures to report on, with 95% bootstrap intervals:",
        "",
        "| clips | answer | number | accuracy | mean recall of the classes | calibration error |",
        "|---|---|---|---|---|---|",
        *(line for part in (person, group) for line in _rows(part["figures"])),
        "",
        f"Default: **{_NAMES[person['default']]}**. SVM: {options.kernel}, C {options.C:g}, statistics "
        f"{', '.join(options.pooling.statistics)}. Mixture: softmax({person['mixture'].head:g} x log mean probability "
        f"+ {person['mixture'].score:g} x score). Temperature of the SVM alone: {person['temperature']:.2f}.",
        "",
        "| cross-validated on training clips | accuracy | mean recall |",
        "|---|---|---|",
        *(f"| one person: {what} | {accuracy:.1%} | {recall:.1%} |" for what, accuracy, recall in person["trials"]),
        *(f"| group: {what} | {accuracy:.1%} | {recall:.1%} |" for what, accuracy, recall in group["trials"]),
        "",
        *_recalls(person["figures"]),
        "",
        *_strides(person["adaptive"]),
    ]
    return "\n".join(lines).replace("%", " %")


def _rows(figures: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    lines = []
    for kind, methods in figures.items():
        for name, (accuracy, recall, off, _, clips) in methods.items():
            spans = [f"{f.value:.1%} ({100 * f.low:.1f} to {100 * f.high:.1f})" for f in (accuracy, recall)]
            lines.append(f"| {_KINDS[kind]} | {_NAMES[name]} | {clips} | {spans[0]} | {spans[1]} | {off:.3f} |")
    return lines


def _recalls(figures: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    labels = sorted({label for methods in figures.values() for each in methods.values() for label in each[3]})
    lines = [f"| recall | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
    for kind, methods in figures.items():
        for name, each in methods.items():
            cells = (f"{each[3][label]:.2f}" if label in each[3] else "" for label in labels)
            lines.append(f"| {_KINDS[kind]}, {_NAMES[name]} | {' | '.join(cells)} |")
    return lines


def _strides(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"Adaptive frame rate, SVM alone, false-acceptance rate 0.1, {facts['clips']} clips of 25 frames a second:",
        "",
        "| analysed | frames used | accuracy |",
        "|---|---|---|",
        *(
            f"| {'every frame' if stride == '1' else f'every {stride}th frame'} | {1 / int(stride):.0%} | {value:.1%} |"
            for stride, value in facts["accuracy_by_stride"].items()
        ),
        f"| adaptive | {facts['frames_used']:.0%} | {facts['accuracy']:.1%}, the same label as with every frame on "
        f"{facts['same_label_as_every_frame']:.1%} of the clips |",
    ]


def write_into(path: Path, tables: str, begin: str = BEGIN, end: str = END) -> None:
    """Between the two marks of a document. Raises InputError without them."""
    text = path.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise InputError(f"{path}: lacks the marks {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}", encoding="utf-8")
