"""Whose fault it was that a worker ended, and when no more are started: with workers that only follow a script."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fer_video.errors import WorkerError
from fer_video.jobs import supervisor
from fer_video.jobs.engine import Outcome
from fer_video.jobs.supervisor import Ending, Message, Supervisor, Task, Worker


@dataclass(frozen=True)
class Fate:
    born: bool = True  # gets ready
    works: bool = True  # does clips
    lost: bool = False  # goes with its machine


class Player(Worker):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate

    def _send(self, task: Task) -> None:
        pass

    def end(self) -> Ending:
        return Ending("by fate", self.fate.lost)

    def say(self) -> Message | None:
        if not self.ready:
            return ("ready",) if self.fate.born else None
        assert self.task is not None
        return ("done", Outcome(self.task.number, self.task.clip)) if self.fate.works else None


class Play(Supervisor[str, Player]):
    """The fates are those of the workers in the order in which they are started; the last goes for all others."""

    def __init__(self, most: int, *fates: Fate) -> None:
        super().__init__(most, None)
        self._fates, self.started = fates, 0

    def _start(self) -> Player:
        self.started += 1
        return Player(self._fates[min(self.started, len(self._fates)) - 1])

    def _listen(self, most_s: float | None) -> Iterator[tuple[Player, Message | None]]:
        for worker in [*self._workers]:
            if not worker.ready or worker.task is not None:
                yield worker, worker.say()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_REST_S", 0.01)


def errors(play: Play, *clips: str) -> list[str | None]:
    with play:
        return [outcome.error for outcome in play.run(clips)]


def test_a_clip_may_kill_one_worker_and_lose_four_machines() -> None:
    gone, died = Fate(works=False, lost=True), Fate(works=False)
    assert errors(Play(1, gone, died, gone, gone, gone, Fate()), "a") == [None]
    assert errors(Play(1, died, Fate()), "a") == [None]
    (error,) = errors(Play(1, died, died), "a")
    assert error == "a: its worker died twice, by fate; it may be broken, or need memory"
    (error,) = errors(Play(1, gone), "a")
    assert error == "a: the machine it was on went away 5 times, last by fate"


def test_workers_that_die_as_they_start_end_it_only_when_nobody_works(caplog: pytest.LogCaptureFixture) -> None:
    play = Play(3, Fate(), Fate(born=False))
    assert errors(play, *(str(i) for i in range(50))) == [None] * 50
    assert play.started <= 1 + 4
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["workers die as they start: by fate; going on with those there are"]
    with pytest.raises(WorkerError, match=r"^workers die as they start: by fate; try fewer"):
        errors(Play(2, Fate(born=False)), "a", "b")


def test_machines_that_go_away_before_anything_is_begun_are_not_held_against_the_work() -> None:
    gone = Fate(born=False, lost=True)
    assert errors(Play(1, *[gone] * 6, Fate()), "a") == [None]
