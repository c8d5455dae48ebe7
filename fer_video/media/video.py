"""A video file -> Frames, decoded by FFmpeg through PyAV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from fer_video.errors import InputError
from fer_video.media.clock import Clock
from fer_video.media.container import measure
from fer_video.media.decoded import Decoded
from fer_video.media.decoder import Decoder
from fer_video.media.formats import open_container, video_stream
from fer_video.media.header import read_header
from fer_video.media.limits import Limits, limits
from fer_video.media.sampling import Choice, Sampling
from fer_video.media.seek import key_frame_before
from fer_video.media.source import Source, SourceInfo
from fer_video.types import Frame, Timing

__all__ = ["VideoSource"]

# How much shorter than announced a stream may be before it counts as cut off. Announced lengths are frame count over
# mean rate; with edit lists they were seen 5 % off in sound files.
_SHORT_RATIO, _SHORT_S = 0.9, 0.5
_USUAL_FPS = 25.0
_SEEK_FROM_S = 2.0  # a start before that is reached by decoding sooner than by looking for it
_JOINED = 0x0200  # FFmpeg's AVFMT_TS_DISCONT: clocks may begin anew
_LEAST_OFFSET_S = 1e-3  # the container's start is rounded
_WITHOUT_STAMPS = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
_BT709 = 1
_MICRO = 1_000_000  # a second in FFmpeg's units of the container
_CONVERT = "FFmpeg has no decoder for it, or it is damaged; convert it, for example to H.264"


class VideoSource(Source):
    """Opened and decoded up to the first frame, since only frames tell their size and how they are turned.

    time_base: seconds per unit of the container's stamps. start: the stamp of the first frame, in seconds. joined:
    whether its clock may begin anew. coding: how the colours of its pictures are coded best, by names of PyAV's.
    """

    start = Fraction(0)

    def __init__(self, path: Path, bounds: Limits | None = None) -> None:
        self._path, self._bounds = path, bounds or limits()
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path, self._bounds)
        try:
            self._stream = video_stream(self._container, self._path)
            self._check_pixels(self._stream.codec_context.width, self._stream.codec_context.height)
            self.time_base = self._stream.time_base
            self.joined = bool(self._container.format.flags & _JOINED)
            self._decoder = Decoder(self._container, self._stream, self._bounds, ignore_start=self.joined)
            self._frames = self._decoder.frames()
            self._first = self._begin()
            self.info = self._read_info(*self._first.size)
        except BaseException:
            self._container.close()
            raise
        frame = self._first.frame
        self.coding = {name: int(getattr(frame, name)) for name in ("colorspace", "color_primaries", "color_trc")}
        if self._first.colours.is_hdr:
            self.coding = dict.fromkeys(self.coding, _BT709)
        if self._first.stamp is not None:
            self.start = self._first.stamp * self.time_base
            self.timing = Timing(float(self.start), self._offset_s())

    def _offset_s(self) -> float:
        """How long after its start a player shows the first frame. Players start with what comes first, be it sound."""
        began_s = (self._container.start_time or 0) / _MICRO
        if self._container.format.name in _WITHOUT_STAMPS:  # what FFmpeg makes up is late by the frames it reorders
            return 0.0
        offset_s = float(self.start) - began_s
        return offset_s if offset_s >= _LEAST_OFFSET_S else 0.0

    def _begin(self) -> Decoded:
        first = next(self._frames, None)
        if first is None:
            size = self._size_told()
            if size is not None:
                self._check_pixels(*size)
            why = self._decoder.stopped or f"not one frame can be decoded (codec {self._codec()}); {_CONVERT}"
            if not self._stream.codec_context.width and not self._decoder.stopped:
                why += f". Frames of over {self._bounds.pixels} pixels are not decoded either (FERVID_MAX_PIXELS)"
            raise InputError(f"{self._path}: {why}")
        self._check_pixels(*first.size)
        return first

    def _size_told(self) -> tuple[int, int] | None:
        """By the file's first bytes, where FFmpeg gives none since it is over the limit."""
        with self._path.open("rb") as file:
            return read_header(file.read(64)).size

    def _codec(self) -> str:
        return str(self._stream.codec_context.name)

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._bounds.pixels:
            raise InputError(
                f"{self._path}: frames of {width} x {height} pixels are over the limit of {self._bounds.pixels}; "
                "raise FERVID_MAX_PIXELS, or make it smaller"
            )

    def _read_info(self, width: int, height: int) -> SourceInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        fps = float(rate) if rate and 0 < rate <= 1000 else None
        if stream.duration is not None:
            duration_s = float(stream.duration * self.time_base)
        elif self._container.duration is not None:
            duration_s = self._container.duration / _MICRO
        else:
            duration_s = 0.0
        return SourceInfo(
            width=width,
            height=height,
            fps=fps,
            duration_s=duration_s if duration_s > 0 else None,
            frame_count=stream.frames if 0 < stream.frames < 1e9 else None,
        )

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """See Source. Frames that are not whole are left out, unless not one that was asked for is."""
        given = False
        for frame in self._read(sampling):
            given = True
            yield frame
        if not given and self._decoder.losses.left_out:
            self._open()
            yield from self._read(sampling, damaged=True)

    def _read(self, sampling: Sampling, *, damaged: bool = False) -> Iterator[Frame]:
        """damaged: whether to give frames that are not whole."""
        clock = Clock(1 / (self.info.fps or _USUAL_FPS), self.joined)
        time_s, lasts_s = -math.inf, 0.0
        chosen = Choice(sampling)
        for index, decoded in self._numbered(clock, sampling.start_s):
            self._check_pixels(*decoded.size)
            stamp_s = None if decoded.stamp is None else float(decoded.stamp * self.time_base)
            time_s = clock.time(stamp_s, lasts_s)
            lasts_s = float(decoded.lasts * self.time_base)
            self.estimated_times = clock.estimated
            if chosen.after_end(time_s):
                self.ended_early = self._decoder.losses.describe(damaged)
                self.timing = replace(self.timing, jumps=tuple(clock.jumps))
                return
            if not decoded.whole:
                self._decoder.losses.leave_out(time_s)
            if (decoded.whole or damaged) and chosen.take(index, time_s):
                yield Frame(index, time_s, decoded.picture())
        end_s = time_s + clock.interval_s
        if time_s < sampling.start_s:
            raise InputError(f"{self._path}: ends at {end_s:.2f} s, before the start that was asked for")
        self.duration_s, self.timing = end_s, replace(self.timing, jumps=tuple(clock.jumps))
        self.ended_early = self._why_early(end_s) or self._decoder.losses.describe(damaged)

    def _numbered(self, clock: Clock, start_s: float) -> Iterator[tuple[int, Decoded]]:
        """Frames with their numbers, from the first one or from a key frame before the start."""
        if start_s >= _SEEK_FROM_S and self._first.stamp is not None:
            container = open_container(self._path, self._bounds)
            stream = video_stream(container, self._path)
            key = key_frame_before(container, stream, self._first.stamp, start_s)
            if key is not None:
                self._container.close()
                self._container, self._stream, self.sought = container, stream, True
                self._decoder = Decoder(container, stream, self._bounds)
                clock.begin_at(float(self._first.stamp * self.time_base), float(key.stamp * self.time_base))
                found = (each for each in self._decoder.frames(key.stamp) if _from(each, key.stamp))
                yield from enumerate(found, key.index)
                return
            container.close()
        yield from enumerate(chain([self._first], self._frames))

    def _why_early(self, reached_s: float) -> str | None:
        if self._decoder.stopped:
            return self._decoder.stopped
        extent = measure(self._path)
        if extent.missing:
            return f"the file is cut off: {extent.missing} bytes are missing, decoded up to {reached_s:.2f} s"
        if extent.unfinished:
            return f"the file is cut off: the mark of its end is missing, decoded up to {reached_s:.2f} s"
        announced_s = self.info.duration_s
        # Only where the announced length is that of the video: elsewhere it is that of the longest stream.
        if extent.counts_frames and announced_s and reached_s < announced_s * _SHORT_RATIO - _SHORT_S:
            return f"decoding ended at {reached_s:.2f} s of {announced_s:.2f} s: the file is cut off or damaged"
        return None

    def close(self) -> None:
        self._frames.close()
        self._container.close()


def _from(decoded: Decoded, stamp: int) -> bool:
    """Whether a frame is not one that is shown before the key frame and predicted from what was not decoded."""
    return decoded.stamp is None or decoded.stamp >= stamp
