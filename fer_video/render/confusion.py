"""The confusion matrix as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output

if TYPE_CHECKING:
    from fer_video.classify.evaluate import Evaluation

__all__ = ["check_drawing", "draw_confusion"]


def check_drawing(path: Path) -> None:
    """Before the work: raises OptionError without matplotlib, OutputError where nothing can be written."""
    try:
        import matplotlib as _  # noqa: F401
    except ImportError as error:
        raise OptionError("pictures need matplotlib: pip install 'fervid[plot]'") from error
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written there; give the name of a file in a folder that exists")


def draw_confusion(evaluation: Evaluation, path: Path) -> None:
    """Rows are the true classes: shades say the share of a row, numbers count clips. PNG or SVG by the suffix.

    Raises OutputError.
    """
    from matplotlib.figure import Figure

    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.75 * len(evaluation.labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = shares[row, column] > 0.5
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    ticks = range(len(evaluation.labels))
    axes.set_xticks(ticks, evaluation.labels, rotation=45, ha="right")
    axes.set_yticks(ticks, evaluation.labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("true")
    axes.set_title(f"accuracy {evaluation.accuracy.value:.1%}, mean recall {evaluation.macro_recall.value:.1%}")
    with open_output(path, binary=True) as file:
        figure.savefig(file, format="svg" if path.suffix.lower() == ".svg" else "png", dpi=150)
