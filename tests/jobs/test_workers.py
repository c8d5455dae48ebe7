"""Worker processes: what they give, and what becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import eventually, gone
from scripted import Scripted

from fer_video.errors import ModelError, OptionError, WorkerError
from fer_video.jobs.engine import Engine, InProcess, Outcome
from fer_video.jobs.workers import LocalWorkers
from fer_video.models.cores import available_cores

Value = tuple[str, int | None, int]


def run(engine: Engine[Value], *clips: str) -> dict[str, Outcome[Value]]:
    with engine:
        outcomes = list(engine.run(clips))
    assert len(outcomes) == len({each.number for each in outcomes})
    return {clips[each.number]: each for each in outcomes}


def test_each_clip_has_one_outcome_and_models_are_loaded_once_a_worker(tmp_path: Path) -> None:
    clips = [f"{i}" for i in range(12)]
    outcomes = run(LocalWorkers(Scripted(tmp_path), 2), *clips)
    assert sorted(outcomes) == sorted(clips)
    values = [each.value for each in outcomes.values() if each.value is not None]
    assert [value[0] for value in values] == list(outcomes)
    started = (tmp_path / "started").read_text().split()
    assert {str(value[2]) for value in values} <= set(started)
    assert len(started) == len(set(started)) <= 2
    assert {value[1] for value in values} == {max(1, available_cores() // 2)}


def test_in_this_process(tmp_path: Path) -> None:
    outcomes = run(InProcess(Scripted(tmp_path)), "a", "bad", "bug", "b")
    assert list(outcomes) == ["a", "bad", "bug", "b"]
    assert outcomes["a"].value == ("a", None, os.getpid())
    assert outcomes["bad"].error == "bad: is bad"
    assert "an oversight" in (outcomes["bug"].error or "")


def test_bad_clips_are_outcomes_with_an_error(tmp_path: Path) -> None:
    outcomes = run(LocalWorkers(Scripted(tmp_path), 2), "a", "bad", "bug", "b")
    assert outcomes["bad"].error == "bad: is bad"
    assert (outcomes["bug"].error or "").startswith("bug: RuntimeError: an oversight (a bug in fervid")
    assert [outcomes[each].error for each in "ab"] == [None, None]


def test_a_clip_that_kills_its_worker_is_tried_twice_and_the_rest_goes_on(tmp_path: Path) -> None:
    outcomes = run(LocalWorkers(Scripted(tmp_path), 2), "die", "die-once", *"abcdef")
    assert outcomes["die"].error == (
        "die: its worker died twice, by SIGKILL: terminate called; it may be broken, or need memory"
    )
    assert [name for name, each in outcomes.items() if each.value is None] == ["die"]
    assert len((tmp_path / "started").read_text().split()) <= 2 + 3


def test_a_clip_that_hangs_is_ended_twice(tmp_path: Path) -> None:
    outcomes = run(LocalWorkers(Scripted(tmp_path), 2, timeout_s=1.0), "stuck", *"abcdef")
    assert outcomes["stuck"].error == "stuck: took longer than 1 s, twice"
    assert sum(each.value is not None for each in outcomes.values()) == 6
    hung = [int(path.suffixes[-2][1:]) for path in tmp_path.glob("stuck.*.stuck")]
    assert len(hung) == 2
    assert all(map(gone, hung))


@pytest.mark.parametrize("kind", [LocalWorkers, InProcess])
def test_what_is_wrong_with_the_job_is_raised(tmp_path: Path, kind: type[Engine[Value]]) -> None:
    def make(work: Scripted) -> Engine[Value]:
        return LocalWorkers(work, 2) if kind is LocalWorkers else InProcess(work)

    with pytest.raises(ModelError, match=r"^the model is gone$"):
        run(make(Scripted(tmp_path)), "a", "model", "b")
    with pytest.raises(OptionError, match=r"^this cannot be had$"):
        run(make(Scripted(tmp_path, wrong_option=True)), "a", "b")


def test_workers_that_die_as_they_start_are_not_started_for_ever(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="die as they start: with exit code 3: no such library"):
        run(LocalWorkers(Scripted(tmp_path, dies_at_start=True), 2), *"abcdef")
    assert 3 <= len((tmp_path / "started").read_text().split()) <= 4


def test_progress_is_reported(tmp_path: Path) -> None:
    told = []
    with LocalWorkers(Scripted(tmp_path), 1) as engine:
        assert len(list(engine.run(["a"], lambda *what: told.append(what)))) == 1
    assert told[0] == (0, 1, 0.0, 3.0)  # and then not again for a fifth of a second


def test_stop_finishes_what_is_in_hand(tmp_path: Path) -> None:
    with LocalWorkers(Scripted(tmp_path), 2) as engine:
        outcomes = []
        for outcome in engine.run(["a", *(f"slow{i}" for i in range(20))]):
            outcomes.append(outcome)
            engine.stop()
    assert 1 <= len(outcomes) <= 3
    assert all(each.error is None for each in outcomes)


def test_workers_stay_for_the_next_run_and_leaving_ends_them(tmp_path: Path) -> None:
    with LocalWorkers(Scripted(tmp_path), 1) as engine:
        (one,) = engine.run(["a"])
        (two,) = engine.run(["b"])
        assert one.value is not None
        assert two.value is not None
        assert one.value[2] == two.value[2]
        next(iter(engine.run(["c", "stuck"])))  # and nobody asks for the second
    assert gone(one.value[2])


def test_messages_come_through_the_logger_once_and_nothing_else_is_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    run(LocalWorkers(Scripted(tmp_path), 2), "noisy1", "noisy2", "noisy3")
    assert [record.message for record in caplog.records] == ["a warning\nof two lines"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("workers", "timeout_s"), [(0, None), (1, 0.0), (1, float("nan"))])
def test_wrong_options(tmp_path: Path, workers: int, timeout_s: float | None) -> None:
    with pytest.raises(OptionError):
        LocalWorkers(Scripted(tmp_path), workers, timeout_s)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    """Killed so that it can say goodbye to nobody, with a worker in the middle of a clip."""
    code = (
        "from pathlib import Path\nfrom scripted import Scripted\nfrom fer_video.jobs.workers import LocalWorkers\n"
        "if __name__ == '__main__':\n"
        f"    list(LocalWorkers(Scripted(Path({str(tmp_path)!r})), 2).run(['stuck1', 'stuck2']))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "helpers")}
    with subprocess.Popen([sys.executable, str(script)], env=env) as supervisor:
        try:
            eventually(lambda: len(list(tmp_path.glob("*.stuck"))) == 2)
        finally:
            supervisor.send_signal(signal.SIGKILL)
    workers = [int(path.suffixes[-2][1:]) for path in tmp_path.glob("*.stuck")]
    eventually(lambda: all(map(gone, workers)))
