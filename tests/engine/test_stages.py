"""Stages in threads: order, how far ahead, errors, stopping."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from fer_video.engine.stages import Spare, Stages


def running() -> set[str]:
    return {thread.name for thread in threading.enumerate()} & {"one", "two", "three"}


def chain(
    stages: Stages, fail_in: str | None = None, error: BaseException | None = None, most: int = 1
) -> Iterator[int]:
    def through(name: str, items: Iterator[int]) -> Iterator[int]:
        for i in items:
            if name == fail_in and i == 3:
                assert error is not None
                raise error
            yield i

    made = stages.ahead("one", through("one", iter(range(50))), most)
    doubled = stages.ahead(
        "two", through("two", (2 * i for i in made)) if fail_in is None else through("two", made), most
    )
    return stages.ahead("three", through("three", doubled), most)


@pytest.mark.parametrize("most", [1, 4])
def test_items_stay_in_order(most: int) -> None:
    with Stages() as stages:
        assert list(chain(stages, most=most)) == list(range(0, 100, 2))
    assert not running()


@pytest.mark.parametrize("stage", ["one", "two", "three"])
@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_an_error_comes_out_after_what_was_made_before_it(stage: str, error: BaseException) -> None:
    got = []
    with pytest.raises(type(error)) as raised, Stages() as stages:
        for i in chain(stages, stage, error):
            got.append(i)  # noqa: PERF402  what came before the error is kept
    assert raised.value is error
    assert got == [0, 1, 2]
    assert not running()


def test_no_stage_runs_far_ahead() -> None:
    made: list[int] = []

    def counting() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    with Stages() as stages:
        items = stages.ahead("one", counting(), most=2)
        assert next(items) == 0
        deadline = time.monotonic() + 5
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)
        assert len(made) == 3  # one taken, two waiting
    assert not running()


def test_leaving_early_ends_all_and_closes_what_is_read() -> None:
    closed_in: list[str] = []

    def reading() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed_in.append(threading.current_thread().name)

    with Stages() as stages:
        items = stages.ahead("two", iter(stages.ahead("one", reading())))
        assert [next(items), next(items)] == [0, 1]
    assert not running()
    assert closed_in == ["one"]  # where it ran, so that nothing is freed under its feet


def test_leaving_waits_for_the_step_in_hand() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        yield 0
        begun.set()
        may_end.wait(10)
        ended.set()
        yield 1

    with Stages() as stages:
        assert next(stages.ahead("one", slow())) == 0
        assert begun.wait(10)
        threading.Timer(0.05, may_end.set).start()
    assert ended.is_set()


def test_working_time_leaves_waiting_out() -> None:
    busy: dict[str, float] = {}

    def slow(items: Iterator[int]) -> Iterator[int]:
        for i in items:
            time.sleep(0.02)
            yield i

    with Stages(busy) as stages:
        list(stages.ahead("two", slow(stages.ahead("one", iter(range(10))))))
    assert busy["two"] >= 0.2
    assert busy["one"] < 0.1


def test_who_would_wait_helps_the_next_stage() -> None:
    """The next stage does nothing until enough waits for it: all further items come with its work done."""
    go, helped = threading.Event(), threading.Event()
    busy_s: dict[str, float] = {}

    def square(item: tuple[int, int | None]) -> tuple[int, int | None]:
        assert item[1] is None
        if threading.current_thread().name == "one":
            time.sleep(0.01)
            helped.set()
        return item[0], item[0] ** 2

    def finish(items: Iterator[tuple[int, int | None]]) -> Iterator[tuple[int, int | None]]:
        assert go.wait(10)
        for item in items:
            yield item if item[1] is not None else square(item)

    with Stages(busy_s) as stages:
        made = stages.ahead("one", ((i, None) for i in range(20)), 2, Spare("two", square))
        done = stages.ahead("two", finish(made))
        assert helped.wait(10)
        go.set()
        assert list(done) == [(i, i * i) for i in range(20)]
    assert busy_s["two"] >= 0.01 > busy_s["one"]


def test_an_error_in_such_help_comes_out_too() -> None:
    def bad(item: int) -> int:
        raise ValueError(f"no {item}")

    held = threading.Event()

    def waiting(items: Iterator[int]) -> Iterator[int]:
        held.wait(0.2)
        yield from items

    got = []
    with pytest.raises(ValueError, match="no 1"), Stages() as stages:
        for item in stages.ahead("two", waiting(stages.ahead("one", iter(range(9)), 1, Spare("two", bad)))):
            got.append(item)  # noqa: PERF402
    assert got == [0]
    assert not running()
