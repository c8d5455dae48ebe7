"""Ray actors: the contract that local workers keep too, and a real cluster of two nodes, one of which is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import EXAMPLE
from fer_video.cli import main
from media import Image, cut_off, encode
from scripted import Scripted

from fer_video import __version__
from fer_video.errors import ModelError, OptionError, WorkerError
from fer_video.jobs import cluster as cluster_module
from fer_video.jobs.cluster import RayOptions, RayWorkers
from fer_video.jobs.engine import Engine, Outcome
from fer_video.jobs.workers import LocalWorkers

# -P: modules are not looked for in the working directory, as with the installed command.
FERVID = [sys.executable, "-P", "-m", "fer_video.cli"]
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
Value = tuple[str, int | None, int]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of one node with one core; this process has joined it."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'fervid[ray]'")
    from ray.cluster_utils import Cluster

    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # For the nodes, which are to know what is in scripted.py.
    patch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"), prepend=os.pathsep)
    # That a node is gone is known after 4 s instead of 15; a slow one has 10 s to answer, as usual.
    found_out = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 1000,
        "health_check_failure_threshold": 4,
    }
    made = Cluster(initialize_head=True, head_node_args=NODE | {"_system_config": found_out})
    try:
        with chdir(tmp_path_factory.mktemp("empty")):  # Ray's workers import from here: not from a checkout
            before = signal.getsignal(signal.SIGTERM)
            ray.init(made.address, log_to_driver=False, logging_level="ERROR")
            signal.signal(signal.SIGTERM, before)  # Ray's would be a failed test
        yield made
    finally:
        ray.shutdown()
        made.shutdown()
        patch.undo()


def run(engine: Engine[Value], *clips: str) -> dict[str, Outcome[Value]]:
    with engine:
        outcomes = list(engine.run(clips))
    assert len(outcomes) == len({each.number for each in outcomes})
    return {clips[each.number]: each for each in outcomes}


def eventually(true: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---- the contract


def test_clips_that_fail_die_and_are_stuck_are_outcomes_as_they_are_locally(cluster: Any, tmp_path: Path) -> None:
    clips = ("a", "bad", "bug", "die", "die-once", "stuck", "b", "missing/c")
    (tmp_path / "local").mkdir()
    (tmp_path / "ray").mkdir()
    here = run(LocalWorkers(Scripted(tmp_path / "local"), 1, timeout_s=5), *clips)
    there = run(RayWorkers(Scripted(tmp_path / "ray"), timeout_s=5), *clips)
    for clip in set(clips) - {"die"}:
        assert there[clip].error == here[clip].error
        assert [each.value and each.value[0] for each in (here[clip], there[clip])] in ([clip, clip], [None, None])
    assert re.fullmatch(
        r"die: its worker died twice, .{10,150}; it may be broken, or need memory", there["die"].error or ""
    )
    assert there["stuck"].error == "stuck: took longer than 5 s, twice"
    started = (tmp_path / "ray" / "started").read_text().split()
    # The first, and one after each death; the last clip to be tried again may be the last of all.
    assert 5 <= len(started) <= 6


def test_models_are_loaded_once_and_the_worker_stays_for_the_next_run(cluster: Any, tmp_path: Path) -> None:
    told = []
    with RayWorkers(Scripted(tmp_path), 1) as engine:
        outcomes = [*engine.run([*"abc"], lambda *what: told.append(what)), *engine.run(["d"])]
    assert len({each.value[2] for each in outcomes if each.value}) == 1
    assert len(outcomes) == 4
    assert len((tmp_path / "started").read_text().split()) == 1
    assert told[0] == (0, 1, 0.0, 3.0)


def test_stop_finishes_what_is_in_hand(cluster: Any, tmp_path: Path) -> None:
    with RayWorkers(Scripted(tmp_path), 1) as engine:
        outcomes = []
        for outcome in engine.run(["a", *(f"slow{i}" for i in range(20))]):
            outcomes.append(outcome)
            engine.stop()
    assert 1 <= len(outcomes) <= 2
    assert all(each.error is None for each in outcomes)


def test_what_is_wrong_with_the_job_is_raised_and_names_the_node(cluster: Any, tmp_path: Path) -> None:
    host = os.uname().nodename
    with pytest.raises(OptionError, match=f"^{host}: this cannot be had$"):
        run(RayWorkers(Scripted(tmp_path, wrong_option=True), 1), "a")
    with pytest.raises(ModelError, match=f"^{host}: the model is gone$"):
        run(RayWorkers(Scripted(tmp_path), 1), "a", "model", "b")


def test_workers_that_die_as_they_start_are_not_started_for_ever(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"^workers die as they start: "):
        run(RayWorkers(Scripted(tmp_path, dies_at_start=True), 1), *"abcdef")
    assert len((tmp_path / "started").read_text().split()) == 3


def test_messages_come_through_the_logger_once(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    run(RayWorkers(Scripted(tmp_path), 1), "noisy1", "noisy2")
    assert [record.message for record in caplog.records] == ["a warning\nof two lines"]
    assert capfd.readouterr() == ("", "")


def test_no_room_is_said_and_not_waited_for_once_stopped(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_ROOM_S", 0.1)
    with RayWorkers(Scripted(tmp_path), 2, options=RayOptions(gpus=0.25)) as engine:
        engine.submit(0, "a")
        eventually(lambda: engine.wait() or caplog.records)
        engine.stop()
        assert list(engine.run(["b"])) == []
    assert [record.message for record in caplog.records] == [
        "no worker has started: each needs 1 CPU and 0.25 GPU on one node, the cluster has 1 CPU and 0 GPU in all, "
        "or others use it; waiting for room"
    ]


# ---- what a node may lack


def said(cluster: Any, folder: Path, version: str, clip: str | None) -> tuple[Any, ...]:
    """The last message of an actor, by a work that reads no clip."""
    import ray

    actor: Any = ray.remote(cluster_module.Actor).remote({}, str(folder), version, 30)
    messages = [ray.get(each) for each in actor.start.remote(Scripted(folder.parent), 1)]
    if clip is not None:
        messages = [ray.get(each) for each in actor.do.remote(0, clip, True)]
    ray.kill(actor)
    last: tuple[Any, ...] = messages[-1]
    return last


def test_a_node_that_does_not_find_what_the_coordinator_finds_says_so(cluster: Any, tmp_path: Path) -> None:
    host, gone = os.uname().nodename, tmp_path / "gone"
    share = "clips must lie on a file system that all nodes share, under the same name"
    kind, outcome = said(cluster, tmp_path / "home", __version__, f"{gone}/bad.mp4")
    assert kind == "done"
    assert outcome.error == f"{gone}/bad.mp4: {host} does not find it; {share}"
    assert outcome.value is None
    _, outcome = said(cluster, gone, __version__, "a.mp4")
    assert outcome.error == f"a.mp4: {host} has no folder {gone}, from which the name starts; {share}"


def test_another_version_on_a_node_is_refused(cluster: Any, tmp_path: Path) -> None:
    kind, error = said(cluster, tmp_path / "home", "0.0.9", None)
    assert (kind, type(error)) == ("fatal", WorkerError)
    assert str(error) == f"{os.uname().nodename}: has fervid {__version__}, the coordinator 0.0.9; install the same"


# ---- as users call it


def fervid(folder: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run in this folder."""
    command = [*FERVID, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=env, check=False)


@contextmanager
def running(folder: Path, said: Path, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run in this folder. said: file for stdout and stderr; through a pipe it would wait for a reader."""
    # Where the tests run in the background SIGINT is ignored, and a child would inherit that.
    hears: Any = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    command = [*FERVID, *map(str, arguments)]
    with (
        said.with_suffix(".out").open("wb") as out,
        said.with_suffix(".err").open("wb") as err,
        subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, start_new_session=True, **hears) as child,
    ):
        try:
            yield child
        finally:
            child.kill()


def journal(folder: Path) -> list[dict[str, Any]]:
    """Without times, in the order of the names."""
    path = folder / "fervid.journal"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    entries = [json.loads(line) | {"seconds": None} for line in lines]
    return sorted(entries, key=lambda entry: str(entry["path"]))


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".journal"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """A folder with clips/, in which are twelve of two seconds with a face, and four that are broken in different ways,
    and with a module that must not be imported."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "cv2.py").write_text("raise RuntimeError('this came with the videos')\n")
    clips = folder / "clips"
    clips.mkdir()
    for number in range(12):
        view = astronaut[:288, 60 + number : 444 + number]  # not two alike
        encode(clips / f"{number}.mp4", [view] * 20, [i / 10 for i in range(20)])
    (clips / "text.mp4").write_text("Dear diary")
    (clips / "empty.mp4").touch()
    (clips / "picture.jpg").write_bytes(b"\xff\xd8\xff")
    cut_off(clips / "0.mp4", clips / "cut.mp4", 0.5)
    return folder


@pytest.fixture(scope="module")
def local(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local engine makes of the clips."""
    out = tmp_path_factory.mktemp("local")
    done = fervid(home, "predict", "clips", "--out", f"{out}/", "--threads", "1", "--frames")
    assert done.returncode == 1, done.stderr
    assert sorted(entry["status"] for entry in journal(out)) == ["failed"] * 4 + ["ok"] * 12
    return out


def same(ours: Path, theirs: Path) -> None:
    assert results(ours) == results(theirs)
    assert journal(ours) == journal(theirs)


@pytest.mark.slow
def test_a_node_is_killed_and_the_results_are_those_of_the_local_engine(
    cluster: Any, home: Path, local: Path, tmp_path: Path
) -> None:
    """The second node does the first clips, alone, and dies with one in hand; the first node does the rest."""

    second, occupant = cluster.add_node(**NODE), Occupant()
    out, said = tmp_path / "out", tmp_path / "said"
    command = ("predict", "clips", "--out", f"{out}/", "--frames", "--debug", "--engine", "ray", "--address")
    try:
        with running(home, said, *command, cluster.address) as child:
            eventually(lambda: len(journal(out)) >= 3 or child.poll() is not None)
            cluster.remove_node(second, allow_graceful=False)
            assert 3 <= len(journal(out)) < 15, said.with_suffix(".err").read_text()
            occupant.leave()
            child.wait(300)
    finally:
        occupant.leave()
        if second in cluster.worker_nodes:
            cluster.remove_node(second)
    assert child.returncode == 1, said.with_suffix(".err").read_text()
    assert said.with_suffix(".out").read_bytes() == b""
    assert said.with_suffix(".err").read_text().count("it is tried once more") == 1
    same(out, local)


class Occupant:
    """Takes the core of the first node, so that only others have room."""

    def __init__(self) -> None:
        import ray

        class Sitter:
            def sit(self) -> None:
                pass

        kind: Any = ray.remote(Sitter)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        node = ray.get_runtime_context().get_node_id()
        self._actor = kind.options(num_cpus=1, scheduling_strategy=here(node, soft=False)).remote()
        ray.get(self._actor.sit.remote())

    def leave(self) -> None:
        import ray

        ray.kill(self._actor)


@pytest.mark.slow
def test_interrupted_once_it_finishes_and_goes_on_the_next_time(
    cluster: Any, home: Path, local: Path, tmp_path: Path
) -> None:
    out, said = tmp_path / "out", tmp_path / "said"
    command = ("predict", "clips", "--out", f"{out}/", "--frames", "--engine", "ray", "--address", cluster.address)
    with running(home, said, *command) as child:
        eventually(lambda: len(journal(out)) >= 2 or child.poll() is not None)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to whatever runs in it
        child.wait(300)
    stderr = said.with_suffix(".err").read_text()
    assert child.returncode == 130, stderr
    assert said.with_suffix(".out").read_bytes() == b""
    assert len(stderr.splitlines()) <= len(journal(out)) + 3, stderr  # nothing of Ray's own
    assert 2 <= len(journal(out)) < len(journal(local))
    again = fervid(home, *command, "--workers", "1")
    assert (again.returncode, again.stdout) == (1, "")
    same(out, local)


def test_a_cluster_is_made_of_this_machine(tmp_path: Path, home: Path, local: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'fervid[ray]'")
    out = tmp_path / "out"
    done = fervid(
        home, "predict", "clips/0.mp4", "--out", f"{out}/", "--frames", "--engine", "ray", "--address", "local"
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert len(results(out)) == 1
    assert results(out).items() <= results(local).items()


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('as if it were not there')\n")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = fervid(tmp_path, "predict", EXAMPLE, "--out", "out/", "--engine", "ray", env=env)
    assert done.returncode == 2
    assert done.stderr == "fervid: error: --engine ray needs Ray: pip install 'fervid[ray]'\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--address", "a:1"], "--address needs --engine ray"),
        (["--gpus-per-worker", "1"], "--gpus-per-worker needs --engine ray"),
        (["--engine", "ray", "--device", "cuda"], "--device cuda on Ray needs --gpus-per-worker"),
        (["--engine", "ray", "--gpus-per-worker", "1.5"], "a worker has 0 to 1 GPU, or several whole ones, not 1.5"),
        (["--engine", "ray", "--address", "ray://a:1"], "ray://a:1: Ray Client is not supported"),
        (["--engine", "ray", "--address", "127.0.0.1:9"], "127.0.0.1:9: no Ray cluster answers there ("),
        (["--engine", "ray", "--address", "here"], "here: no Ray cluster answers there ("),
        (["--engine", "ray", "--workers", "0"], "workers must be 1 or more, not 0"),
    ],
)
def test_wrong_options(tmp_path: Path, options: list[str], says: str) -> None:
    done = CliRunner().invoke(main, ["predict", str(EXAMPLE), "--out", f"{tmp_path}/out/", *options])
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("error:") + done.stderr.count("Error:") == 1
