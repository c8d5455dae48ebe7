"""The functions of `import fervid`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

from fer_video.analyzer import Analyzer
from fer_video.api.keywords import FrameKeywords, Keywords, explained, options_of
from fer_video.errors import InputError, OptionError
from fer_video.media.arrays import ArraySource, Order, is_pixels
from fer_video.options import AnalyzerOptions
from fer_video.results.found import result_files
from fer_video.results.read import read_results, stream_results
from fer_video.types import ClipResult, Observation

__all__ = ["analyze", "analyze_frames", "analyze_many", "load", "load_all", "stream", "summarize"]

_MOST_FPS = 1000.0
Clip = str | os.PathLike[str]


@explained
def analyze(
    clip: Clip | Any, options: AnalyzerOptions | None = None, *, order: Order = "bgr", **keywords: Unpack[Keywords]
) -> ClipResult:
    """Analyse one clip.

    clip: a video, a picture, a folder of pictures that are the frames of one video, an address, an array (height x
    width x 3, uint8, BGR as OpenCV has it, or order="rgb"), or a picture of Pillow's. options: an AnalyzerOptions,
    instead of keywords.

    For several clips use `analyze_many`, which loads the models only once. Raises InputError, ModelError, OptionError.
    """
    chosen = _options(options, keywords)
    if is_pixels(clip):
        source = ArraySource([clip], None, order)  # before the models, so that a mistake is known at once
        return Analyzer(replace(chosen, adaptive=False)).analyze_source(lambda: source, "picture")
    return Analyzer(chosen).analyze(_path(clip))


@explained
def analyze_frames(
    frames: Iterable[Any],
    fps: float,
    options: AnalyzerOptions | None = None,
    *,
    order: Order = "bgr",
    name: str = "frames",
    **keywords: Unpack[FrameKeywords],
) -> ClipResult:
    """Analyse pictures that follow each other, `fps` per second, as one clip.

    frames: arrays (height x width x 3, uint8) or pictures of Pillow's; they are read once, and only few are kept.
    order: "bgr" as OpenCV has it, or "rgb". name: the path in the result. options: an AnalyzerOptions, instead of
    keywords. Without options every frame is analysed.

    Raises InputError, ModelError, OptionError.
    """
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= _MOST_FPS:
        raise OptionError(f"fps must be the number of frames per second, 0 to {_MOST_FPS:g}, not {fps!r}")
    chosen = _options(options, keywords if options is not None else {"every_frame": True, **keywords})
    if chosen.adaptive:
        raise OptionError("adaptive goes through a clip several times, and frames come only once; leave it out")
    source = ArraySource(frames, float(fps), order)
    return Analyzer(chosen).analyze_source(lambda: source, name)


@explained
def analyze_many(
    clips: Iterable[Clip], options: AnalyzerOptions | None = None, **keywords: Unpack[Keywords]
) -> Iterator[ClipResult]:
    """Analyse clips one after the other; gives each result as soon as it is there.

    A clip that cannot be read gives a result with status "failed" and its error. Raises ModelError, OptionError.
    """
    analyzer = Analyzer(_options(options, keywords))  # now, and not when the first result is asked for
    return analyzer.analyze_many(map(_path, clips))


@explained
def stream(clip: Clip, options: AnalyzerOptions | None = None, **keywords: Unpack[Keywords]) -> Iterator[Observation]:
    """The observations of one clip as they are made, with embeddings; memory stays flat.

    Raises InputError, ModelError, OptionError.
    """
    return Analyzer(_options(options, keywords)).stream(_path(clip))


def load(path: Clip) -> ClipResult:
    """Read the result of one clip back from what `ClipResult.save` or `fervid predict --out` wrote as .json or .jsonl.

    Raises InputError, also where the file holds several clips: `load_all` reads those.
    """
    found = read_results(Path(path), frames=False)
    if len(found) > 1:
        raise InputError(f"{path}: holds {len(found)} clips; read them with load_all")
    return found[0]


def load_all(*paths: Clip) -> Iterator[ClipResult]:
    """The results in files, or in folders of them, one after the other. Raises InputError."""
    return chain.from_iterable(map(stream_results, result_files(map(str, paths))))


def summarize(
    results: Iterable[ClipResult] | Clip,
    by: str = "clip",
    *,
    meta: Clip | None = None,
    events: Clip | None = None,
    tiers: Sequence[str] = (),
    smooth: float | None = None,
    baseline: str | None = None,
    min_quality: float = 0.0,
    long: bool = False,
    seed: int = 0,
) -> Any:
    """A pandas DataFrame (extra [tables]) as `fervid summarize` writes it (docs/study.md).

    results: a file or folder of results, or ClipResults such as load_all("results/") gives. by: clip, person, or
    columns of the table meta, such as "condition". meta: CSV about the clips. events: a table or tiers, each event a
    row; tiers: only events of these. smooth: seconds that the probabilities are smoothed over. baseline: "0-10", or the
    file of a result. min_quality: 0 to 1, leaves out frames with worse faces. long: one row per emotion too. seed: of
    the bootstrap. What `fervid summarize` prints as warnings is in `attrs["notes"]` of the DataFrame.

    Raises InputError, OptionError.
    """
    from fer_video.api.present import frame_of
    from fer_video.study.annotations import read_annotations
    from fer_video.study.baseline import baseline_of
    from fer_video.study.meta import read_meta
    from fer_video.study.summarize import Summarizer, SummaryOptions

    neutral = None if baseline is None else baseline_of(baseline)
    options = SummaryOptions(by, long, seed, smooth, neutral, tuple(tiers), min_quality)
    marked = None if events is None else read_annotations(Path(events))
    with Summarizer(options, None if meta is None else read_meta(Path(meta)), marked) as summarizer:
        for result in load_all(results) if isinstance(results, str | os.PathLike) else results:
            summarizer.add(result)
        with summarizer.table() as table:
            frame = frame_of(table, table.columns)
    frame.attrs["notes"] = summarizer.notes
    return frame


def _options(options: AnalyzerOptions | None, keywords: Any) -> AnalyzerOptions:
    if options is None:
        return options_of(keywords)
    if not isinstance(options, AnalyzerOptions):
        raise OptionError(f"options must be an AnalyzerOptions, not {options!r}; give single options as keywords")
    if keywords:
        raise OptionError(f"{', '.join(keywords)}: give either options or keywords")
    return options


def _path(clip: Any) -> Clip:
    if not isinstance(clip, str | os.PathLike):
        raise OptionError(f"a clip is a path, an address or a picture, not {type(clip).__name__}")
    return clip
