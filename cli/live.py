"""`fervid live`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    analyzer_options,
    debug_option,
    device_options,
    face_options,
    min_confidence_option,
)

from fer_video.errors import OptionError

if TYPE_CHECKING:
    from fer_video.types import Frame, Observation

__all__ = ["live"]

_TITLE = "fervid live - q ends"


@command()
@click.argument("source", metavar="[0|ADDRESS|FILE]", default="0", shell_complete=files)
@option_group(
    "Output",
    click.option(
        "--format",
        "format_name",
        type=click.Choice(("window", "jsonl")),
        help="Show a window, or print one line of JSON per frame.  [default: window if there is a screen]",
    ),
)
@option_group(
    "Source",
    click.option(
        "--fps",
        type=float,
        metavar="N",
        help="Sample at most N frames per second.  [default: as many as this machine can analyse]",
    ),
    click.option(
        "--duration", "duration_s", type=float, metavar="SEC", help="Stop after SEC seconds.  [default: never]"
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=float,
        default=5,
        show_default=True,
        metavar="SEC",
        help="Wait at most SEC seconds for a stream to open and for each frame.",
    ),
)
@option_group(
    "Answers",
    min_confidence_option,
)
@face_options
@device_options
@debug_option
def live(source: str, format_name: str | None, duration_s: float | None, timeout_s: float, **given: Any) -> None:
    """Read the emotions from a camera or a stream as they happen.

    The source is the number of a camera, the address of a stream (rtsp://, http://, ...), or a video file, which is
    played at its own speed. The newest frame is analysed; frames that come during the analysis are skipped. A stream
    that breaks is opened again. Ctrl-C ends the command; so do q and Escape in the window.

    \b
    fervid live
    fervid live rtsp://camera.local/stream --format jsonl | jq -c .faces[].emotion
    """
    from fer_video.analyzer import Analyzer
    from fer_video.media.live import LiveOptions, LiveSource
    from fer_video.media.sampling import Choice, Sampling
    from fer_video.results.rows import frame_object

    if duration_s is not None and not duration_s > 0:
        raise click.UsageError("--duration must be more than 0")
    shown = (format_name or ("window" if _has_screen() else "jsonl")) == "window"
    options = analyzer_options({**given, "every_frame": given["fps"] is None, "start_s": 0.0, "end_s": duration_s})
    choice = Choice(Sampling(given["fps"], end_s=duration_s))
    analyzer = Analyzer(options)
    with LiveSource(source, LiveOptions(timeout_s), warn) as camera, _window(shown, options.min_confidence) as show:

        def chosen() -> Iterator[Frame]:
            for frame in camera.frames():
                if choice.after_end(frame.time_s):
                    return
                if choice.take(frame.index, frame.time_s):
                    yield frame

        for frame, seen in analyzer.watch(chosen()):
            if shown:
                if not show(frame, seen):
                    return
                continue
            value = frame_object(frame.index, frame.time_s, seen, options.min_confidence)
            value |= {"late_s": round(max(camera.age_s(frame), 0.0), 3), "skipped": camera.skipped}
            sys.stdout.write(json.dumps(value) + "\n")
            sys.stdout.flush()


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _window(wanted: bool, min_confidence: float) -> Iterator[Any]:
    """Gives a function that shows a frame and what was found, and says whether to go on."""
    if not wanted:
        yield None
        return
    import cv2

    from fer_video.render.draw import check_text
    from fer_video.render.overlay import Overlay, OverlayOptions

    check_text()
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    except cv2.error as error:
        raise OptionError("no window can be opened here; use --format jsonl") from error

    sized = False

    def show(frame: Frame, seen: list[Observation]) -> bool:
        nonlocal sized
        picture = frame.image.copy()
        height, width = picture.shape[:2]
        if not sized:
            cv2.resizeWindow(_TITLE, width, height)
            sized = True
        Overlay(width, height, OverlayOptions(), min_confidence).draw(picture, seen)
        cv2.imshow(_TITLE, picture)
        key = cv2.waitKey(1) & 0xFF
        return key not in (ord("q"), 27) and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) > 0

    try:
        yield show
    finally:
        cv2.destroyAllWindows()
