"""The sound of a clip, copied packet by packet into the video made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from fer_video.closing import Closing
from fer_video.media.clock import Clock
from fer_video.media.formats import open_container
from fer_video.media.limits import limits

__all__ = ["SoundTrack"]

_PACKET_S = 0.02  # where a packet does not say how long it lasts


class SoundTrack(Closing):
    """All sound streams of a file, for an output that takes the packets in order of time.

    joined: see media.clock.Clock; where the pictures' clock is mended, so is that of the sound.

    Raises InputError when FFmpeg cannot read the file.
    """

    def __init__(self, path: Path, joined: bool = False) -> None:
        self._container, self._joined = open_container(path, limits()), joined
        self._outputs: dict[int, Any] = {}
        self._clocks: dict[int, Clock] = {}
        self._last: dict[int, int] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def connect(self, output: Any) -> list[str]:
        """Gives the output a stream for each of the clip's that its kind of file can hold; names codecs left out."""
        refused = []
        for stream in self._container.streams.audio:
            if stream.codec_context is None:
                refused.append("unknown")
            elif not stream.codec_context.sample_rate or not stream.codec_context.layout.nb_channels:
                refused.append(f"{stream.codec_context.name} (damaged)")  # no file can be made with it
            elif stream.codec_context.codec.canonical_name in output.supported_codecs:
                self._outputs[stream.index] = output.add_stream_from_template(stream)
            else:
                refused.append(stream.codec_context.name)
        if self._outputs:
            kept = [stream for stream in self._container.streams.audio if stream.index in self._outputs]
            self._packets = (packet for packet in self._container.demux(kept) if packet.dts is not None)
            self._next = self._take()
        return refused

    def _take(self) -> Any:
        try:
            return next((packet for packet in self._packets if self._mend(packet)), None)
        except av.FFmpegError:  # cut off or damaged here: what came before it is kept, as for the pictures
            return None

    def _mend(self, packet: Any) -> bool:
        """Takes out jumps of the clock, and leaves all other stamps as they are. False for a packet out of order."""
        lasts_s = float((packet.duration or 0) * packet.time_base) or _PACKET_S
        clock = self._clocks.setdefault(packet.stream.index, Clock(lasts_s, self._joined))
        clock.time(float(packet.dts * packet.time_base), lasts_s)
        shift = round(clock.shift_s / packet.time_base)
        if shift:
            packet.dts += shift
            packet.pts = None if packet.pts is None else packet.pts + shift
        last = self._last.get(packet.stream.index)
        if last is not None and packet.dts <= last:
            return False
        self._last[packet.stream.index] = packet.dts
        return True

    def write_until(self, time_s: float, output: Any) -> None:
        """Copies what comes before a moment of the container's time."""
        while self._next is not None and self._next.dts * self._next.time_base < time_s:
            packet = self._next
            packet.stream = self._outputs[packet.stream.index]
            output.mux(packet)
            self._next = self._take()

    def close(self) -> None:
        self._container.close()
