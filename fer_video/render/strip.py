"""The timeline that runs below the picture: who shows what, and the current time."""

from __future__ import annotations

import numpy as np

from fer_video.render.clock import clock
from fer_video.render.draw import bgr, fill, text, text_size
from fer_video.render.overlay import scale_of
from fer_video.render.palette import colour_of, person_colour
from fer_video.results.timeline import Timeline
from fer_video.types import ClipResult, Image

__all__ = ["TimelineStrip"]

_GROUND, _TRACK, _TEXT, _QUIET = (24, 24, 24), (48, 48, 48), (235, 235, 235), (165, 165, 165)
_SIZE, _ROW, _PAD = 12, 20, 5  # pixels of a picture whose shorter side has 360
_MOST_ROWS = 4  # people with a row of their own: those longest in sight
_TO_COME = 0.38  # how bright the part is that has not been played yet


class TimelineStrip:
    """Drawn once; `draw` adds the moment. height: rows of pixels it takes."""

    def __init__(self, result: ClipResult, width: int, picture_height: int, duration_s: float) -> None:
        self._scale = scale_of(width, picture_height)
        self._duration_s = max(duration_s, 1e-3)
        people = sorted(result.people, key=lambda person: -person.frames)[:_MOST_ROWS]
        self._ids = sorted(person.id for person in people)
        self._size, self._row, self._pad = (max(round(px * self._scale), 1) for px in (_SIZE, _ROW, _PAD))
        line = text_size("0", self._size)[1] + self._pad
        self.height = line + max(len(self._ids), 1) * self._row + 2 * self._pad
        self._top = line + self._pad  # of the first row
        gutter = max((text_size(f"person {each}", self._size)[0] for each in self._ids), default=0)
        self._left, self._right = gutter + 2 * self._pad, width - self._pad
        self._played = np.full((self.height, width, 3), _GROUND, np.uint8)
        self._legend(self._rows(result), len(result.people) - len(people))
        self._to_come = self._played.copy()
        rows = self._to_come[self._top :, self._left : self._right]
        rows[:] = (rows * _TO_COME).astype(np.uint8)

    def _rows(self, result: ClipResult) -> list[str]:
        """One a person: the leading emotion's colour, as high as it is probable. Gives the labels that were drawn."""
        timeline = Timeline(result, self._right - self._left)
        leading: dict[str, None] = {}
        for place, person in enumerate(self._ids):
            top, bottom = self._top + place * self._row, self._top + (place + 1) * self._row - self._pad // 2
            fill(self._played, (self._left, top, self._right, bottom), _TRACK)
            label_y = top + (self._row - text_size("0", self._size)[1]) // 2
            text(self._played, f"person {person}", self._pad, label_y, self._size, bgr(person_colour(person)))
            cells = timeline.cells(person)
            for cell in (each for each in cells if each is not None):
                x1 = self._x(cell.start_s - timeline.step_s / 2)
                x2 = max(self._x(cell.start_s + timeline.step_s / 2), x1 + 1)
                high = round((bottom - top) * cell.of(cell.emotion))
                fill(self._played, (x1, bottom - high, x2, bottom), bgr(colour_of(cell.emotion)))
                leading[cell.emotion] = None
        if not self._ids:
            text(self._played, "no face found", self._pad, self._top, self._size, _QUIET)
        return list(leading)

    def _legend(self, labels: list[str], unseen: int) -> None:
        """To the right in the first line, as far as there is room beside the time."""
        x, room = self._right, self._left + text_size("0:00:00.0 / 0:00:00.0", self._size)[0]
        if unseen:
            labels = [*labels, f"+ {unseen} more people" if unseen > 1 else "+ 1 more person"]
        for label in reversed(labels):
            width, height = text_size(label, self._size)
            if x - width - height - self._pad < room:
                break
            x -= width
            text(self._played, label, x, self._pad, self._size, _TEXT)
            if not label.startswith("+"):
                side = height // 2
                x -= side + self._pad
                top = self._pad + height // 4
                fill(self._played, (x, top, x + side, top + side), bgr(colour_of(label)))
            x -= 2 * self._pad

    def _x(self, time_s: float) -> int:
        share = min(max(time_s / self._duration_s, 0.0), 1.0)
        return self._left + round(share * (self._right - self._left))

    def draw(self, time_s: float) -> Image:
        """(height, width, 3) uint8 BGR: the strip at a moment."""
        x = self._x(time_s)
        strip = self._played.copy()
        strip[self._top :, x:] = self._to_come[self._top :, x:]
        thick = max(round(2 * self._scale), 1)
        left, top = x - thick // 2, self._top - self._pad // 2
        fill(strip, (left, top, left + thick, self.height), _TEXT)
        said = f"{clock(time_s, self._duration_s)} / {clock(self._duration_s, self._duration_s)}"
        text(strip, said, self._pad, self._pad, self._size, _TEXT)
        return strip
