"""A video stream of an opened file -> its frames in order, with all that FFmpeg knows of each.

for decoded in Decoder(container, stream, limits).frames():
    decoded.whole        # whether it shows what was filmed
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import av

from fer_video.media.colour import Colours
from fer_video.media.damage import Losses, Packet
from fer_video.media.decoded import Decoded
from fer_video.media.deinterlace import Deinterlacer
from fer_video.media.formats import decoder_options
from fer_video.media.limits import Limits
from fer_video.media.orientation import UPRIGHT, Orientation
from fer_video.media.planes import aspect_of, orientation_of

__all__ = ["Decoded", "Decoder"]

# Up to this size one thread decodes about as fast as several (benchmarks/frames.py).
_SMALL_PIXELS, _MOST_THREADS = 960 * 540, 8
_RETRIES = 64  # failures to read in a row after which a file has ended
# Codecs that do not know whether a picture is interlaced: it stands in the container, as one of FFmpeg's AVFieldOrder.
_WITHOUT_FLAGS = frozenset("ffv1 ffvhuff huffyuv magicyuv mjpeg rawvideo utvideo v210 v308 v408 v410".split())
_PARITY = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
_SEAM_S = 0.5  # between two packets of one recording there is less
_FOLLOWING = 2  # packets that FFmpeg may have read when it notices that some are missing
_INTRA = 1  # FFmpeg's AV_PICTURE_TYPE_I


class Decoder:
    """Reads once. stopped: why it gave up before the end, if it did."""

    def __init__(self, container: Any, stream: Any, limits: Limits, *, ignore_start: bool = False) -> None:
        """ignore_start: packets before the first frame that cannot be decoded are no loss: a recording that begins in
        the middle of a broadcast has them."""
        self.losses = Losses()
        self.stopped: str | None = None
        self._container, self._stream, self._limits = container, stream, limits
        self._ignore_start = ignore_start
        codec = stream.codec_context
        codec.options = decoder_options(limits)
        codec.copy_opaque = True
        small = codec.width * codec.height <= _SMALL_PIXELS
        stream.thread_type = "AUTO"
        stream.thread_count = self._threads = 1 if small else min(_cores(), _MOST_THREADS)
        self._number, self._given, self._spent_s = 0, 0, 0.0
        self._first_key: int | None = None  # number of the first packet that is decoded by itself
        self._angle: int | None = None
        self._turn = UPRIGHT
        self._fixed_aspect: Fraction | None = None  # of a container that overrules its codec

    def frames(self, first: int | None = None) -> Generator[Decoded, None, None]:
        """first: the stamp of the packet to begin with, a key frame's; None: the first one there is."""
        fields = Deinterlacer()
        base = self._stream.time_base
        for packet, *following in _ahead(self._packets(first)):
            if packet.is_corrupt and not self._is_seam(packet, following):
                self.losses.lost(self._number)
            for frame in self._decode(packet):
                if (decoded := self._described(frame)) is not None:
                    yield from fields.put(decoded, base)
            if self.stopped:
                break
        yield from fields.end()

    def _packets(self, first: int | None) -> Iterator[Any]:
        """Those of the stream, and one that ends it. Goes on behind places that cannot be read."""
        failed = 0
        while failed < _RETRIES and not self.stopped:
            began_s = time.perf_counter()
            try:
                for packet in self._container.demux(self._stream):
                    self._spent_s += time.perf_counter() - began_s
                    failed = 0
                    if first is None or (packet.pts == first and packet.is_keyframe):
                        first = None
                        yield packet
                    if self.stopped:
                        return
                    began_s = time.perf_counter()
                return
            except av.FFmpegError:
                self._spend(began_s)
                failed += 1
                self.losses.vanish(self._number, packets=failed == 1)
            except IndexError:  # PyAV's, at the end of a file in which more streams turned up than it announced
                break
        yield av.Packet()

    def _is_seam(self, packet: Any, following: list[Any]) -> bool:
        """Whether a packet seems damaged only because another recording, with a clock of its own, begins behind it."""
        for each in following:
            if each.dts is None or packet.dts is None:
                return False
            if not 0 <= (each.dts - packet.dts) * self._stream.time_base <= _SEAM_S:
                return bool(each.is_keyframe)
            packet = each
        return False

    def _decode(self, packet: Any) -> list[Any]:
        number, began_s = self._number, time.perf_counter()
        if packet.size:
            packet.opaque = Packet(number, packet.is_keyframe)
            if self._first_key is None and packet.is_keyframe:
                self._first_key = number
            self._number += 1
        try:
            frames: list[Any] = self._stream.codec_context.decode(packet)
        except av.EOFError:
            frames = []
        except av.FFmpegError:
            frames = []
            if self._given or not self._ignore_start:
                self.losses.vanish(max(number - self._threads + 1, 0))
        self._spend(began_s)
        if frames:
            self._spent_s, self._given = 0.0, self._given + len(frames)
        return frames

    def _spend(self, began_s: float) -> None:
        self._spent_s += time.perf_counter() - began_s
        if self._spent_s > self._limits.frame_s:
            self.stopped = (
                f"no frame came in {self._spent_s:.0f} s of work; FERVID_MAX_FRAME_SECONDS raises the limit of "
                f"{self._limits.frame_s:g}"
            )

    def _described(self, frame: Any) -> Decoded | None:
        """None for one that does not count."""
        packet = frame.opaque
        if not isinstance(packet, Packet):  # some decoders make frames of their own
            packet = Packet(self._number - 1, frame.key_frame)
        is_key = packet.is_key or frame.key_frame or frame.pict_type == _INTRA
        whole = self.losses.is_whole(Packet(packet.number, is_key), frame.is_corrupt)
        if packet.number < (self._first_key or 0):  # predicted from what was never there
            if self._ignore_start:
                return None
            whole = False
        return Decoded(
            frame=frame,
            stamp=frame.pts if frame.pts is not None else frame.dts,
            lasts=frame.duration or 0,
            aspect=self._aspect(),
            orientation=self._orientation(frame),
            colours=Colours.of(frame.colorspace, frame.color_range, frame.color_trc, frame.format.name),
            whole=whole,
            fields=self._fields(frame),
        )

    def _fields(self, frame: Any) -> str:
        if frame.interlaced_frame:
            return "auto"
        codec = self._stream.codec_context
        return _PARITY.get(codec.field_order, "") if codec.name in _WITHOUT_FLAGS else ""

    def _orientation(self, frame: Any) -> Orientation:
        """Asked for where its angle changes. Not of each frame: one whose side data were asked for is only freed by the
        garbage collector, and frames are large."""
        if frame.rotation != self._angle:
            self._angle, self._turn = frame.rotation, orientation_of(frame)
        return self._turn

    def _aspect(self) -> Fraction:
        """A container's own overrules the codec's, as in players; without one the codec's may change on the way."""
        coded, guessed = self._stream.codec_context.sample_aspect_ratio, self._stream.sample_aspect_ratio
        if self._given <= 1 and guessed and guessed != coded:
            self._fixed_aspect = guessed
        return aspect_of(self._fixed_aspect or coded)


def _ahead(packets: Iterator[Any]) -> Iterator[list[Any]]:
    """Each packet with the few that follow it."""
    window: deque[Any] = deque()
    for packet in packets:
        window.append(packet)
        if len(window) > _FOLLOWING:
            yield list(window)
            window.popleft()
    while window:
        yield list(window)
        window.popleft()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
