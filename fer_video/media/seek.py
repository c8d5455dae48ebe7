"""Where to begin decoding so that no frame before a given time is decoded needlessly.

Packets are read up to that moment, which costs a small part of decoding them, since the number of a frame is its place
in the file and no container tells it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import av

__all__ = ["KeyFrame", "key_frame_before"]

_PAUSE_S = 10.0  # between two packets; with a longer one the clock may begin anew (clock.py)


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A frame that can be decoded without those before it."""

    stamp: int  # its presentation time in units of the stream's time base
    index: int  # Frame.index


def key_frame_before(container: Any, stream: Any, first: int, start_s: float) -> KeyFrame | None:
    """The last one that is shown at or before start_s, and the container set to it. first: stamp of the first frame.

    None where that cannot be told for certain: times that are missing, go back or jump, damage, or no way to seek.
    """
    limit = first + start_s / stream.time_base
    stamps, keys, last = array("q"), [], None
    try:
        for packet in container.demux(stream):
            if not packet.size:
                break
            if packet.pts is None or packet.dts is None or packet.is_corrupt or (not stamps and not packet.is_keyframe):
                return None
            if last is not None and not 0 < (packet.dts - last) * stream.time_base < _PAUSE_S:
                return None
            last = packet.dts
            if packet.dts > limit:
                break
            if packet.is_discard:
                continue
            stamps.append(packet.pts)
            if packet.is_keyframe and packet.pts <= limit:
                keys.append(packet.pts)
        if len(keys) < 2:  # the beginning, which needs no seeking
            return None
        container.seek(keys[-1], stream=stream)
        packet = next(container.demux(stream), None)
        if packet is None or packet.pts is None or packet.pts > keys[-1]:
            return None
        container.seek(keys[-1], stream=stream)
    except av.FFmpegError:
        return None
    return KeyFrame(keys[-1], sum(stamp < keys[-1] for stamp in stamps))
