"""Curves around the onsets of events -> a picture: one panel per emotion, one line with its interval per group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_video.errors import InputError, OptionError, printable
from fer_video.render.figure import drawing, save_figure
from fer_video.study.epochs import Aligned

__all__ = ["plot_aligned"]

# Okabe and Ito's colours, in an order in which neighbours differ most; dashes are a second sign.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9A9A9A")
_DASHES = ("-", "--", "-.", ":")
_LEAST = 0.02  # an emotion that changes less than this anywhere is left out
_COLUMNS = 3


@drawing()
def plot_aligned(groups: Sequence[Aligned], out: Path, *, change: bool = False) -> None:
    """PNG or SVG by the suffix. change: curves are changes from a baseline.

    Raises InputError, OptionError, OutputError.
    """
    from matplotlib.figure import Figure

    if not groups or all(np.isnan(each.mean).all() for each in groups):
        raise InputError("nothing to plot: nobody was in sight around an event")
    if len(groups) > len(_COLOURS):
        raise OptionError(f"{len(groups)} groups do not fit into one picture; plot at most {len(_COLOURS)}")
    labels = [label for i, label in enumerate(groups[0].labels) if _range(groups, i) >= _LEAST] or [groups[0].labels[0]]
    columns = min(_COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    figure = Figure(figsize=(3.6 * max(columns, 2), 2.3 * rows + 0.9), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes, label in zip(panels, labels, strict=False):
        column = groups[0].labels.index(label)
        for place, group in enumerate(groups):
            _line(axes, group, column, place)
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.set_title(_plain(label), loc="left", fontsize=10)
        axes.tick_params(labelsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    for axes in panels[len(labels) :]:
        axes.set_visible(False)
    for axes in panels[max(len(labels) - columns, 0) : len(labels)]:
        axes.set_xlabel("seconds from the onset", fontsize=9)
        axes.tick_params(labelbottom=True)  # the lowest one of its column, which may be above an empty place
    figure.supylabel("change from the baseline (log-ratio)" if change else "probability", fontsize=9)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), fontsize=8, frameon=False)
    save_figure(figure, out)


def _range(groups: Sequence[Aligned], column: int) -> float:
    values = np.concatenate([each.mean[:, column] for each in groups])
    known = values[np.isfinite(values)]
    return float(known.max() - known.min()) if len(known) else 0.0


def _line(axes: Any, group: Aligned, column: int, place: int) -> None:
    colour = _COLOURS[place]
    counts = [
        f"{n} {what if n == 1 else what + 's'}" for n, what in ((group.subjects, "subject"), (group.events, "event"))
    ]
    name = f"{', '.join(group.group) or 'all events'} ({', '.join(counts)})"
    style = _DASHES[place % len(_DASHES)]
    axes.plot(group.times, group.mean[:, column], color=colour, linestyle=style, linewidth=1.5, label=_plain(name))
    axes.fill_between(group.times, group.low[:, column], group.high[:, column], color=colour, alpha=0.2, linewidth=0)


def _plain(said: str) -> str:
    """matplotlib reads $...$ as mathematics: in a name it is a dollar."""
    return printable(said).replace("$", r"\$")
