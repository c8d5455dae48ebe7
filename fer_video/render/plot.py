"""Results -> a plot of who shows what when: stacked areas or lines per person, or small multiples of many clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_video.errors import InputError, OptionError, printable
from fer_video.render.figure import drawing, save_figure, save_pages
from fer_video.render.palette import colour_of, text_on
from fer_video.results.rows import segmenting
from fer_video.types import ClipResult, Person

__all__ = ["Kind", "plot_clip", "plot_clips"]

Kind = Literal["stacked", "lines"]

_MOST_POINTS = 600  # finer than the picture's pixels is of no use
_MOST_PEOPLE, _MOST_CLIPS = 12, 60
_LINE = 150  # characters below the axis
# A second sign beside colour, for lines: one for each of eight emotions
_DASHES: tuple[Any, ...] = (
    "-", (0, (6, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)), (0, (10, 3)), (0, (1, 3)), (0, (4, 4)), (0, (8, 2, 1, 2, 1, 2)),
)  # fmt: skip


@drawing()
def plot_clip(
    result: ClipResult, out: Path, kind: Kind = "stacked", person: int | None = None, *, group: bool = False
) -> None:
    """One panel a person (the longest in sight, or the one asked for). PNG, SVG or PDF by the suffix.

    group: one more panel for the mean of all who are in sight.

    Raises InputError for a result without frames or people, OptionError for a person who is not in it, OutputError.
    """
    people = sorted(result.people, key=lambda each: -each.frames)[:_MOST_PEOPLE]
    if person is not None:
        people = [each for each in result.people if each.id == person]
        if not people:
            raise OptionError(f"person {person} is not in {result.path}; there are {len(result.people)} people")
    if result.observations is None or result.duration_s is None or not people:
        raise InputError(f"{result.path}: nothing to plot: no frames over time, or nobody in them")
    people.sort(key=lambda each: each.id)
    figure, panels = _figure(len(people) + group, 1, width=10, height=1.9)
    if group:
        _panel(panels[-1], result, None, kind)
        said = f"{result.group.emotion or 'uncertain'} {result.group.confidence:.0%}" if result.group else ""
        panels[-1].set_title(_plain(f"all {len(result.people)} together: {said}"), loc="left", fontsize=10)
    for axes, each in zip(panels, people, strict=False):
        _panel(axes, result, each, kind)
        answer = f"{each.emotion or 'uncertain'} {each.confidence:.0%}"
        axes.set_title(_plain(f"person {each.id}: {answer}"), loc="left", fontsize=10)
        _segments(axes, each)
    panels[-1].set_xlabel(_plain(_how(result)), fontsize=8)
    more = len(result.people) - len(people)
    rest = f", and {more} more people" if more and person is None else ""
    figure.suptitle(_plain(f"{printable(Path(result.path).name)}{rest}"), fontsize=12)
    _legend(figure, panels)
    save_figure(figure, out)


@drawing()
def plot_clips(results: Sequence[ClipResult], out: Path, kind: Kind = "stacked") -> None:
    """Small multiples: the main person of each clip, times from 0 to each clip's end. More than 60 clips are several
    pages of a PDF. Raises as plot_clip.
    """
    shown = [each for each in results if each.clip is not None and each.observations and each.duration_s is not None]
    if not shown:
        raise InputError("nothing to plot: in none of the clips is anybody seen over time")
    left_out = _left_out(results)
    pages = [shown[first : first + _MOST_CLIPS] for first in range(0, len(shown), _MOST_CLIPS)]
    if len(pages) == 1:
        save_figure(_multiples(shown, kind, left_out), out)
        return
    if out.suffix.lower() != ".pdf":
        raise OptionError(
            f"{len(shown)} clips do not fit into one picture, which holds {_MOST_CLIPS}; name it .pdf for several pages"
        )
    texts = [
        ". ".join(filter(None, [f"page {number} of {len(pages)}", left_out])) for number in range(1, len(pages) + 1)
    ]
    save_pages((_multiples(page, kind, said) for page, said in zip(pages, texts, strict=True)), out)


def _multiples(shown: Sequence[ClipResult], kind: Kind, said: str) -> Any:
    """The figure of at most 60 clips. said: above it."""
    columns = min(4, int(np.ceil(np.sqrt(len(shown)))))
    figure, panels = _figure(int(np.ceil(len(shown) / columns)), columns, width=3.4 * max(columns, 2), height=1.6)
    for axes, result in zip(panels, shown, strict=False):
        assert result.clip is not None
        main = next((each for each in result.people if each.id == result.clip.person), result.people[0])
        _panel(axes, result, main, kind)
        answer = f"{result.clip.emotion or 'uncertain'} {result.clip.confidence:.0%}"
        axes.set_title(_plain(f"{printable(Path(result.path).stem)[-30:]}\n{answer}"), loc="left", fontsize=8)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[max(len(shown) - columns, 0) : len(shown)]:
        axes.set_xlabel("seconds", fontsize=8)
    if said:
        figure.suptitle(said, fontsize=9)
    _legend(figure, panels)
    return figure


def _left_out(results: Sequence[ClipResult]) -> str:
    """How many clips are not shown, and why; "" where all are."""
    counts = Counter(
        "failed"
        if each.status == "failed"
        else "without a face"
        if each.clip is None or not each.observations
        else "pictures"
        if each.duration_s is None
        else ""
        for each in results
    )
    del counts[""]
    parts = [
        f"{count} {'picture' if (why, count) == ('pictures', 1) else why}" for why, count in sorted(counts.items())
    ]
    return f"not shown of {len(results)} clips: {', '.join(parts)}" if parts else ""


def _how(result: ClipResult) -> str:
    """Below the axis: its unit, and how the answers and the segments were reached."""
    answer = [f"answers: {result.clip.how}"] if result.clip is not None and result.clip.how else []
    method, how = segmenting(result)
    said = [*(printable(each) for each in answer), *([f"segments: {printable(how)}"] if method else [])]
    return "\n".join(["seconds", *(line for each in said for line in wrap(each, _LINE))])


def _figure(rows: int, columns: int, *, width: float, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height * rows + 1.1), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    return figure, list(panels.flat)


def _panel(axes: Any, result: ClipResult, person: Person | None, kind: Kind) -> None:
    """person: None for all of them."""
    assert result.observations is not None
    assert result.duration_s is not None
    times, shares = _curves(result, person)
    labels = result.observations.emotions
    if kind == "stacked":
        tops = np.cumsum(shares, axis=1)
        for i, label in enumerate(labels):
            below = tops[:, i - 1] if i else np.zeros(len(times))
            axes.fill_between(times, below, tops[:, i], color=colour_of(label), label=label, linewidth=0, step="mid")
    else:
        for i, label in enumerate(labels):
            style = _DASHES[i % len(_DASHES)]
            axes.plot(times, shares[:, i], color=colour_of(label), label=label, linestyle=style, linewidth=1.4)
    _gaps(axes, times, np.isnan(shares[:, 0]))
    axes.set_xlim(0, result.duration_s)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _curves(result: ClipResult, person: Person | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(n,) times and (n, emotions) probabilities, NaN where the person was not seen: of the sampled frames, or of a
    long clip the means over stretches of it. person: None for the mean of all who are in sight.
    """
    assert result.observations is not None
    log = result.observations
    times = np.unique([seen.time_s for seen in log])
    faces = (seen for seen in log if seen.probabilities is not None)
    mine = [seen for seen in faces if person is None or seen.person == person.id]
    if len(times) > 2 * _MOST_POINTS:  # so that there is a frame in each stretch also where they come unevenly
        edges = np.linspace(times[0], times[-1], _MOST_POINTS + 1)
        places = np.clip(np.searchsorted(edges, [seen.time_s for seen in mine], "right") - 1, 0, _MOST_POINTS - 1)
        times = (edges[:-1] + edges[1:]) / 2
    else:
        places = np.searchsorted(times, [seen.time_s for seen in mine])
    sums, counts = np.zeros((len(times), len(log.emotions))), np.zeros(len(times))
    np.add.at(sums, places, [list((seen.probabilities or {}).values()) for seen in mine])
    np.add.at(counts, places, 1)
    with np.errstate(invalid="ignore"):
        return times, sums / counts[:, None]


def _gaps(axes: Any, times: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> None:
    """Where the person was not seen: hatched, so that it is not taken for a probability of 0."""
    edges = np.concatenate([times[:1], (times[:-1] + times[1:]) / 2, times[-1:]])
    changes = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    for first, last in changes.reshape(-1, 2):
        axes.axvspan(edges[first], edges[last], facecolor="#F4F4F2", edgecolor="#C9C9C4", hatch="///", linewidth=0)


def _segments(axes: Any, person: Person) -> None:
    """A band over the panel, with names where there is room for them."""
    span = axes.get_xlim()[1]
    for segment in person.segments or ():
        label = segment.emotion or "uncertain"
        colour = colour_of(label) if segment.emotion else "#FFFFFF"
        width = max(segment.end_s - segment.start_s, span / 500)
        axes.add_patch(_band(axes, segment.start_s, width, colour))
        if width > span * 0.012 * len(label):
            middle = segment.start_s + width / 2
            axes.text(
                middle, 1.065, _plain(label), ha="center", va="center", fontsize=7, color=text_on(colour),
                transform=axes.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip
    if person.segments:
        axes.title.set_position((0, 1.12))
        axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=10, pad=18)


def _band(axes: Any, start_s: float, width_s: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (start_s, 1.01), width_s, 0.11, facecolor=colour, edgecolor="#555555", linewidth=0.5,
        transform=axes.get_xaxis_transform(), clip_on=False,
    )  # fmt: skip


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    """One for all panels: the labels that amount to something anywhere."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    names = [_plain(label) for label in handles]
    if names:
        columns = min(len(names), max(int(figure.get_figwidth() / 1.2), 1))
        figure.legend(handles.values(), names, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def _plain(said: str) -> str:
    """matplotlib reads $...$ as mathematics: in a name it is a dollar."""
    return said.replace("$", r"\$")
