"""A clip's observations binned over time, for drawings of one or two lines."""

from __future__ import annotations

from dataclasses import dataclass

from fer_video.clip.pool import RunningStats
from fer_video.types import ClipResult

__all__ = ["Cell", "Timeline"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One person in one stretch of time."""

    start_s: float
    probabilities: dict[str, float]  # mean over the stretch

    @property
    def emotion(self) -> str:
        return max(self.probabilities, key=self.probabilities.__getitem__)

    def of(self, label: str) -> float:
        """How probable a label is; of one that the per-frame network does not know, how sure it is at all."""
        return self.probabilities.get(label, self.probabilities[self.emotion])


class Timeline:
    """Cuts the clip's time into at most `width` equal stretches of `step_s`, never finer than the sampled frames."""

    def __init__(self, result: ClipResult, width: int = 40) -> None:
        seen = list(result.observations or ())
        self.is_picture = result.duration_s is None
        self._start_s = seen[0].time_s if seen else 0.0
        self._width = max(min(width, result.frames_sampled), 1)
        span_s = seen[-1].time_s - self._start_s if seen else 0.0
        self.step_s = span_s / max(self._width - 1, 1) or 1.0
        self._means: dict[tuple[int, int], RunningStats] = {}
        self._emotions = result.observations.emotions if result.observations else ()
        for each in seen:
            if each.person is not None and each.probabilities is not None:
                stats = self._means.setdefault((each.person, self._cell_of(each.time_s)), RunningStats())
                stats.add(list(each.probabilities.values()))

    def _cell_of(self, time_s: float) -> int:
        return min(round((time_s - self._start_s) / self.step_s), self._width - 1)

    def cells(self, person: int) -> list[Cell | None]:
        """One a stretch; None where the person was not seen."""
        row: list[Cell | None] = []
        for i in range(self._width):
            stats = self._means.get((person, i))
            means = None if stats is None else dict(zip(self._emotions, stats.mean.tolist(), strict=True))
            row.append(None if means is None else Cell(self._start_s + i * self.step_s, means))
        return row
