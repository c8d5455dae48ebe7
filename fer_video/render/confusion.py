"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_video.render.figure import drawing, save_figure

__all__ = ["draw_confusion"]


@drawing()
def draw_confusion(
    labels: Sequence[str], confusion: Sequence[Sequence[int]], accuracy: float, macro_recall: float, path: Path
) -> None:
    """confusion: (labels, labels) clips; rows are the true classes: shades say the share of a row, numbers count clips.

    PNG or SVG by the suffix. Raises OutputError.
    """
    from matplotlib.figure import Figure

    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.75 * len(labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = shares[row, column] > 0.5
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    names = [label.replace("$", r"\$") for label in labels]  # $...$ would be read as mathematics
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=45, ha="right")
    axes.set_yticks(ticks, names)
    axes.set_xlabel("answer")
    axes.set_ylabel("true")
    axes.set_title(f"accuracy {accuracy:.1%}, mean recall {macro_recall:.1%}")
    save_figure(figure, path)
