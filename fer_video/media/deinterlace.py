"""Interlaced frames -> whole ones: FFmpeg's bwdif, one frame for each, at the time of its first field."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from fer_video.media.decoded import Decoded

__all__ = ["Deinterlacer"]


class Deinterlacer:
    """Does nothing before the first interlaced frame; after it, frames that are not flagged pass through unchanged."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._shape: tuple[int, int, str, bool] | None = None
        self._waiting: deque[Decoded] = deque()

    def put(self, decoded: Decoded, base: Fraction) -> Iterator[Decoded]:
        """Frames in order, one or two late. base: seconds per unit of their stamps."""
        frame = decoded.frame
        if self._graph is None and not decoded.fields:
            yield decoded
            return
        shape = (frame.width, frame.height, frame.format.name, decoded.fields not in ("", "auto"))
        if shape != self._shape:
            yield from self.end()
            self._graph, self._shape = _graph(decoded, base), shape
        self._waiting.append(decoded)
        # The filter goes by the order alone; stamps that repeat or go back would confuse it.
        frame.pts = None if decoded.stamp is None else frame.pts
        self._graph.vpush(frame)
        yield from self._pull()

    def end(self) -> Iterator[Decoded]:
        """Those that are still in the filter."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
        self._graph = self._shape = None
        self._waiting.clear()

    def _pull(self) -> Iterator[Decoded]:
        while self._waiting:
            try:
                frame = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield replace(self._waiting.popleft(), frame=frame)


def _graph(decoded: Decoded, base: Fraction) -> Any:
    graph, frame = av.filter.Graph(), decoded.frame
    which = "deint=interlaced" if decoded.fields in ("", "auto") else f"deint=all:parity={decoded.fields}"
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=base)
    graph.link_nodes(source, graph.add("bwdif", f"mode=send_frame:{which}"), graph.add("buffersink"))
    graph.configure()
    return graph
