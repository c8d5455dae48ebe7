"""A camera, a stream, or a file played at its own speed -> the latest frame.

    with LiveSource("rtsp://camera/1") as source:
        for frame in source.frames():      # as fast as the caller asks, never behind
            ...

A thread reads all the time and keeps only the newest frame; what comes while the caller is busy is passed over and
counted. A stream that ends is opened again, with longer and longer pauses; a file ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from fer_video.errors import InputError, OptionError
from fer_video.media.address import scheme_of, shown
from fer_video.media.decode import VideoSource, open_source
from fer_video.media.sampling import Sampling
from fer_video.types import Frame

__all__ = ["LiveOptions", "LiveSource"]

_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")
_JOIN_S = 2.0  # beyond what one read may take


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How long a camera or a stream is waited for.

    Attributes:
        timeout_s: Most seconds for opening a stream, and for its next frame.
        first_pause_s: Seconds before a stream that broke is opened again; doubled each time.
        longest_pause_s: Longest pause in seconds.
    """

    timeout_s: float = 5.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= 300:
            raise OptionError(f"timeout must be from 0 (not included) to 300 seconds, not {self.timeout_s:g}")


class LiveSource:
    """what: "0" and so on a camera by number, an address (rtsp://, http://, ...), or a video file.

    say: told, in a line, when a stream breaks and when it is back. skipped: frames passed over so far.

    Entering opens it: raises InputError when that fails.
    """

    def __init__(
        self, what: str, options: LiveOptions | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = shown(what)
        self.skipped = 0
        self._what, self._options, self._say = what, options or LiveOptions(), say
        self._camera = int(what) if what.isascii() and what.isdigit() and not Path(what).exists() else None
        self._is_stream = scheme_of(what) in _SCHEMES
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._unseen = False
        self._stopping = threading.Event()
        self._ended = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=f"live {self.name}", daemon=True)
        self._began_s = 0.0
        self._first: Any = None

    def __enter__(self) -> Self:
        self._first = self._open()
        self._began_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(self._options.timeout_s + _JOIN_S)

    def frames(self) -> Iterator[Frame]:
        """The newest frame each time, waiting for one that was not given before. Ends with a file.

        Frame.index counts all that came, Frame.time_s are seconds since the source was opened (in a file its own).
        Raises what the reading thread met.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unseen or self._ended)
                if self._error is not None:
                    raise self._error
                if not self._unseen:
                    return
                frame, self._unseen = self._latest, False
            assert frame is not None
            yield frame

    def age_s(self, frame: Frame) -> float:
        """For how long a frame has been there."""
        return time.monotonic() - self._began_s - frame.time_s

    # ---- the reading thread

    def _work(self) -> None:
        try:
            if isinstance(self._first, VideoSource):
                self._play(self._first)
            else:
                self._capture(self._first)
        except Exception as error:  # noqa: BLE001  raised again where the frames are asked for
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _publish(self, frame: Frame) -> None:
        with self._changed:
            self.skipped += self._unseen
            self._latest, self._unseen = frame, True
            self._changed.notify_all()

    def _play(self, source: VideoSource) -> None:
        """Frames come when they would be shown."""
        with source:
            for frame in source.frames(Sampling(fps=None)):
                if self._stopping.wait(max(self._began_s + frame.time_s - time.monotonic(), 0)):
                    return
                self._publish(frame)

    def _capture(self, capture: Any) -> None:
        index, pause_s = 0, self._options.first_pause_s
        while not self._stopping.is_set():
            done, image = capture.read()
            if done and image is not None:
                self._publish(Frame(index, time.monotonic() - self._began_s, np.asarray(image, np.uint8)))
                index, pause_s = index + 1, self._options.first_pause_s
                continue
            capture.release()
            self._say(f"{self.name}: broke off, opening it again")
            while not self._stopping.wait(pause_s):
                pause_s = min(2 * pause_s, self._options.longest_pause_s)
                try:
                    capture = self._open()
                except InputError:
                    continue  # said once; it goes on until it works or somebody stops it
                self._say(f"{self.name}: is back")
                break
        capture.release()

    def _open(self) -> Any:
        if self._camera is None and not self._is_stream:
            source = open_source(self._what)
            if not isinstance(source, VideoSource):
                source.close()
                raise InputError(f"{self.name}: holds pictures; name a video, a camera by its number, or an address")
            return source
        if self._camera is not None:
            capture = cv2.VideoCapture(self._camera)
        else:
            wait_ms = int(self._options.timeout_s * 1000)
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wait_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, wait_ms]
            capture = cv2.VideoCapture(self._what, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            kind = "camera" if self._camera is not None else "stream"
            raise InputError(f"{self.name}: no {kind} can be opened there; check that it is on and not in use")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where a driver would keep older frames
        return capture
