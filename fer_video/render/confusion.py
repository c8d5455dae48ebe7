"""The confusion matrix as a picture, and settings that all pictures of matplotlib share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output

__all__ = ["check_drawing", "draw_confusion", "save_figure"]


def check_drawing(path: Path) -> None:
    """Before the work: raises OptionError without matplotlib, OutputError where nothing can be written."""
    try:
        import matplotlib as _  # noqa: F401
    except ImportError as error:
        raise OptionError("pictures need matplotlib: pip install 'fervid[plot]'") from error
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written there; give the name of a file in a folder that exists")


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


def save_figure(figure: Any, path: Path) -> None:
    """PNG, or SVG by the suffix; the same bytes for the same figure. Raises OutputError."""
    import matplotlib

    vector = path.suffix.lower() == ".svg"
    with matplotlib.rc_context({"svg.hashsalt": "fervid"}), open_output(path, binary=True) as file:
        metadata = {"Date": None} if vector else None
        figure.savefig(file, format="svg" if vector else "png", dpi=150, metadata=metadata)
