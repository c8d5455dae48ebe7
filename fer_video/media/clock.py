"""The container's time stamps -> seconds from the first frame that never go back, whatever the stamps do.

Times are the presentation times as they are. Where a clock starts again, wraps around or jumps further than any pause
of a recording, the jump is taken out, told, and changes nothing else: a frame follows the one before by their usual
distance, and from there on the clock runs as it did.
"""

from __future__ import annotations

from fer_video.types import Jump

__all__ = ["Clock"]

# How long a picture may stand. Transport and program streams are joined from parts with clocks of their own, so FFmpeg
# takes ten seconds for a new one there; elsewhere a stamp is meant, until it says that nothing happened for an hour.
_PAUSE_S, _PAUSE_IN_JOINED_S = 3600.0, 10.0
_MOST_JUMPS = 100  # that are told one by one
_TOLD_S = 0.5  # smaller ones are repeated stamps
_ALIKE = 0.9  # of a gap: a frame that lasts so long by its own account explains it


class Clock:
    """Takes the frames' stamps in the order of presentation.

    joined: whether the kind of container allows for clocks that begin anew. interval_s: between frames, as announced.
    """

    def __init__(self, interval_s: float, joined: bool) -> None:
        self.origin_s: float | None = None  # the container's own time of the first frame
        self.estimated = 0  # frames without a stamp of their own
        self.jumps: list[Jump] = []
        self.shift_s = 0.0  # what is added to the container's clock since its jumps
        self.interval_s = interval_s  # between two frames, as of late
        self._pause_s = _PAUSE_IN_JOINED_S if joined else _PAUSE_S
        self._offset_s = 0.0
        self._last_s: float | None = None
        self._repeated = 0

    def time(self, stamp_s: float | None, lasts_s: float = 0.0) -> float:
        """stamp_s: the container's time of the next frame; None when it has none. lasts_s: of the frame before."""
        if self._last_s is None:
            self.origin_s = stamp_s
            self._offset_s = -(stamp_s or 0.0)
            self.estimated += stamp_s is None
            self._last_s = 0.0
            return 0.0
        last_s = self._last_s
        if stamp_s is None:
            self.estimated += 1
            self._last_s = last_s + self.interval_s
            return self._last_s
        time_s = stamp_s + self._offset_s
        step_s = time_s - last_s
        if 0 < step_s <= self._pause_s or 0 < step_s * _ALIKE <= lasts_s:
            if not self._repeated:  # after a repeated stamp it is half of it
                self.interval_s = min(step_s, 2 * self.interval_s)  # so that one pause is not taken for the usual step
            self._repeated = 0
        elif step_s <= 0 and self._repeated == 0 and step_s > -self._pause_s:
            # One stamp given twice, or two exchanged: half way to where the next one belongs, in case that is right.
            self._repeated, self.estimated = 1, self.estimated + 1
            time_s = last_s + self.interval_s / 2
        else:
            time_s = self._over_jump(last_s, step_s)
        self._last_s = time_s
        return time_s

    def begin_at(self, origin_s: float, stamp_s: float) -> None:
        """The next frame is not the first one. origin_s: the container's time of that. stamp_s: of the next one."""
        self.origin_s, self._offset_s = origin_s, -origin_s
        self._last_s = stamp_s - origin_s - self.interval_s

    def _over_jump(self, last_s: float, step_s: float) -> float:
        if step_s <= 0:
            self.estimated += 1
        time_s = last_s + self.interval_s
        self._offset_s += self.interval_s - step_s
        self.shift_s += self.interval_s - step_s
        if abs(step_s) > _TOLD_S and len(self.jumps) < _MOST_JUMPS:
            self.jumps.append(Jump(time_s, step_s - self.interval_s))
        return time_s
