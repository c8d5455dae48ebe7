"""The sound of a clip, copied packet by packet into the video made from it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from fer_video.closing import Closing
from fer_video.errors import InputError

__all__ = ["SoundTrack"]

_OPTIONS = {"protocol_whitelist": "file,crypto"}  # a playlist must not lead to the network


class SoundTrack(Closing):
    """All sound streams of a file, for an output that takes the packets in order of time. Needs PyAV.

    start_s: the container's time of the first picture, which its sound is in step with.
    colours: how the file says its colours are coded. sample_aspect: width of a pixel over its height, as stored.

    Raises InputError when FFmpeg cannot read the file.
    """

    def __init__(self, path: Path) -> None:
        import av

        self._file = path.open("rb")  # a file, not its name: FFmpeg takes some names for addresses
        try:
            self._container = av.open(self._file, options=_OPTIONS)
        except av.FFmpegError as error:
            self._file.close()
            raise InputError(f"{path}: its sound cannot be read: {error.strerror or error}") from error
        self.start_s, self.sample_aspect = Fraction(0), Fraction(1)
        self.colours: dict[str, int] = {}
        self.size: tuple[int, int] | None = None  # as stored, before rotation
        self.time_base = Fraction(1, 90_000)
        if self._container.streams.video:
            self._read_video(self._container.streams.video[0])
        self._outputs: dict[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def _read_video(self, stream: Any) -> None:
        if stream.start_time is not None:
            self.start_s = stream.start_time * stream.time_base
        self.time_base = stream.time_base or self.time_base
        codec = stream.codec_context
        self.sample_aspect = codec.sample_aspect_ratio or Fraction(1)
        self.size = (codec.width, codec.height)
        names = ("colorspace", "color_primaries", "color_trc")
        self.colours = {name: int(getattr(codec, name)) for name in names}

    def connect(self, output: Any) -> list[str]:
        """Gives the output a stream for each of the clip's that its kind of file can hold; names codecs left out."""
        refused = []
        for stream in self._container.streams.audio:
            if stream.codec_context.codec.canonical_name in output.supported_codecs:
                self._outputs[stream.index] = output.add_stream_from_template(stream)
            else:
                refused.append(stream.codec_context.name)
        if self._outputs:
            kept = [stream for stream in self._container.streams.audio if stream.index in self._outputs]
            self._packets = (packet for packet in self._container.demux(kept) if packet.dts is not None)
            self._next = self._take()
        return refused

    def _take(self) -> Any:
        import av

        try:
            return next(self._packets, None)
        except av.FFmpegError:  # cut off or damaged here: what came before it is kept, as for the pictures
            return None

    def write_until(self, time_s: float, output: Any) -> None:
        """Copies what comes before a moment of the container's time."""
        while self._next is not None and self._next.dts * self._next.time_base < time_s:
            packet = self._next
            packet.stream = self._outputs[packet.stream.index]
            output.mux(packet)
            self._next = self._take()

    def close(self) -> None:
        self._container.close()
        self._file.close()
