"""The curves of a training: a CSV that grows with it, and a picture of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from fer_video.files import open_output

__all__ = ["draw_curves", "read_curves", "write_curves"]

Row = Mapping[str, float | str]


def read_curves(path: Path, until: int) -> list[dict[str, float | str]]:
    """The rows up to a step; none where there is no file. Later ones are made again by a resumed training."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            {key: value if key == "stage" else float(value) for key, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
    return [row for row in rows if float(row["steps"]) <= until]


def write_curves(path: Path, rows: Sequence[Row]) -> None:
    """Raises OutputError."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open_output(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: value if isinstance(value, str) else f"{value:.6g}" for key, value in row.items()} for row in rows
        )


def draw_curves(path: Path, rows: Sequence[Row]) -> None:
    """One panel for the losses, one for each figure on the validation part. Raises OutputError."""
    from matplotlib.figure import Figure

    columns = list(dict.fromkeys(key for row in rows for key in row if isinstance(row[key], float | int)))
    losses = [name for name in columns if name.startswith("loss")]
    measured = [name for name in columns if "." in name and not name.startswith("loss")]
    panels = [losses, *([name] for name in measured)]
    figure = Figure(figsize=(4 * min(len(panels), 3), 2.8 * -(-len(panels) // 3)), layout="constrained")
    grid = figure.subplots(-(-len(panels) // 3), min(len(panels), 3), squeeze=False)
    for axes, names in zip(grid.flat, panels, strict=False):
        for name in names:
            points = [(float(row["steps"]), float(row[name])) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), marker=".", label=name.removeprefix("loss."))
        axes.set_title("losses, training part" if names is losses else f"{names[0]}, validation part", fontsize=9)
        axes.set_xlabel("steps", fontsize=8)
        axes.grid(alpha=0.3)
    grid.flat[0].legend(fontsize=7)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    with open_output(path, binary=True) as file:
        figure.savefig(file, format="png", dpi=110)
