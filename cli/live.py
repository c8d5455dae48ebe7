"""`fervid live`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import analyzer_options, debug_option, device_options, face_options

from fer_video.errors import OptionError

if TYPE_CHECKING:
    from fer_video.types import Frame, Observation

__all__ = ["live"]

_TITLE = "fervid live - q ends"


@click.command()
@click.argument("source", metavar="[0|ADDRESS|FILE]", default="0", shell_complete=files)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("window", "jsonl")),
    help="A window, or a line of JSON a frame on stdout.  [default: window where there is a screen]",
)
@click.option("--fps", type=float, metavar="N", help="Look at N frames a second at most.  [default: all it can]")
@click.option("--duration", "duration_s", type=float, metavar="SEC", help="End after so long.  [default: go on]")
@click.option(
    "--timeout",
    "timeout_s",
    type=float,
    default=5.0,
    show_default=True,
    metavar="SEC",
    help="Wait so long for a stream.",
)
@click.option("--min-confidence", type=float, default=0.0, metavar="0-1", help="Abstain below this.")
@face_options
@device_options
@debug_option
def live(source: str, format_name: str | None, duration_s: float | None, timeout_s: float, **given: Any) -> None:
    """Read the emotions in a camera or a stream as they happen.

    SOURCE is a camera's number, the address of a stream (rtsp://, http://, ...), or a video file, played at its own
    speed. The newest frame is looked at, never one from before; a stream that breaks is opened again. Ctrl-C ends it.

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
