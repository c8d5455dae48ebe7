"""A batch: many clips -> a folder of results with a journal, which can be stopped, killed and resumed at any time.

    results/
      fervid.journal        what was finished, a line a file (journal.py)
      clip.json             one file a clip; or results.jsonl, .csv, .parquet for all of them
      .fervid/              job.json: what this is; lock: who is at work; names.jsonl: whose file is whose;
                            pieces/: of what is joined

A clip's output is written, whole, before its line in the journal. So whatever is killed, a clip with a line is done,
and one without is done again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fer_video.errors import InputError, OptionError, OutputError, fault_of
from fer_video.files import open_output, parse_json
from fer_video.jobs.engine import Engine, Outcome, Report, stamp_of
from fer_video.jobs.journal import Entry, Journal, read_journal
from fer_video.jobs.outputs import OutputOptions, Outputs
from fer_video.media.address import shown
from fer_video.results.writers import RowShape
from fer_video.types import ClipResult

__all__ = [
    "JOURNAL",
    "Batch",
    "Job",
    "Plan",
    "Reason",
    "Shard",
    "load_job",
    "look",
    "open_batch",
    "outputs_of",
    "pieces_of",
]

SCHEMA = "fervid-job/1"
JOURNAL, _WORK = "fervid.journal", ".fervid"
_MOST_READING_S = 10.0  # of a clip that may be as it was; one that takes longer is done again, where a limit holds

Reason = Literal["new", "changed", "failed before", "output missing"]


@dataclass(frozen=True, slots=True)
class Shard:
    """Every count-th clip, beginning with the number-th. Raises OptionError."""

    number: int  # from 1
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise OptionError(f"a shard is i/n with i from 1 to n, not {self.number}/{self.count}")

    @property
    def folder(self) -> str:
        """Of its results, in that of all."""
        return f"shard-{self.number}-of-{self.count}"


_OPTIONS = {"length_s": "window", "windows": "window"}  # whose name is not that of the field


@dataclass(frozen=True, slots=True)
class Job:
    """What a folder of results is of."""

    output: OutputOptions
    shape: RowShape
    decisive: Mapping[str, Any]  # all that decides a result but the clip, as JSON values
    inputs: tuple[str, ...] = ()  # of all shards, in order
    shard: Shard | None = None

    @property
    def clips(self) -> tuple[str, ...]:
        """The inputs of this shard."""
        return self.inputs if self.shard is None else self.inputs[self.shard.number - 1 :: self.shard.count]

    @property
    def options_hash(self) -> str:
        return hashlib.sha256(json.dumps(self._decisive(), sort_keys=True).encode()).hexdigest()

    def _decisive(self) -> dict[str, Any]:
        return {**self.decisive, "output": asdict(self.output)}

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "options": self.options_hash,
            "output": asdict(self.output),
            "shape": asdict(self.shape),
            "decisive": dict(self.decisive),
            "shard": self.shard and asdict(self.shard),
            "inputs": self.inputs,
        }

    def differences(self, other: Job) -> list[str]:
        """The options in which they differ, as on the command line."""
        ours, theirs = _flat(self._decisive()), _flat(other._decisive())
        names = (name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name))
        return list(dict.fromkeys(map(_spelt, names)))


def _spelt(name: str) -> str:
    """`sampling.start_s` -> --start, `backbone.sha256` -> --backbone."""
    *parents, last = name.split(".")
    if last in ("name", "sha256") and parents:
        last = parents[-1]
    return "--" + _OPTIONS.get(last, last.removesuffix("_s").removesuffix("_px")).replace("_", "-")


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested objects as one, names joined by dots; all as JSON has it, where tuples are lists."""
    if not isinstance(value, Mapping):
        return {name: json.dumps(value)}
    parts = (_flat(each, f"{name}.{key}".lstrip(".")) for key, each in value.items())
    return {key: each for part in parts for key, each in part.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what need not be."""

    todo: tuple[tuple[str, Reason], ...]
    done: tuple[Entry, ...]
    touched: tuple[Entry, ...] = ()  # of files with another time and the same content, as they are now


class Batch:
    """An opened folder. See open_batch."""

    def __init__(self, job: Job, journal: Journal, outputs: Outputs) -> None:
        self.job, self.outputs = job, outputs
        self._journal, self._options = journal, job.options_hash

    def plan(self, clips: Sequence[str], *, retry_failed: bool = False) -> Plan:
        """What is to be done of some clips. Raises OutputError."""
        plan = _make_plan(clips, self._journal.entries, self.outputs, retry_failed)
        for entry in plan.touched:  # so that they need not be read again next time
            self._journal.append(entry)
        return plan

    def run(
        self,
        clips: Sequence[str],
        engine: Engine[ClipResult],
        report: Report | None = None,
        addresses: Mapping[str, str] | None = None,
    ) -> Iterator[Entry]:
        """The entries of these clips as they are finished. Raises as Engine.run, and OutputError.

        addresses: where a clip is, of those whose names here leave out what nobody may read.
        """
        for clip in clips:
            self.begin(clip)
        for outcome in engine.run([(addresses or {}).get(clip, clip) for clip in clips], report):
            yield self.record(clips[outcome.number], outcome)

    def begin(self, clip: str) -> None:
        """Must be called before a clip is worked on. Raises OutputError."""
        if clip in self._journal.entries:
            self._journal.take_back(clip)

    def record(self, clip: str, outcome: Outcome[ClipResult]) -> Entry:
        """Write a clip's output, and then its line. Raises OutputError."""
        result = outcome.value or ClipResult(clip, "failed", outcome.error)
        try:
            self.outputs.put(result)
        except Exception as error:  # noqa: BLE001  a result that cannot be written is its clip's fault, unless the disk is full
            result = ClipResult(clip, "failed", str(fault_of(shown(clip), error)))
            self.outputs.put(result)
        stamp = outcome.stamp
        entry = Entry(
            path=clip,
            size=stamp.size if stamp else None,
            mtime_ns=stamp.mtime_ns if stamp else None,
            sha256=stamp.sha256 if stamp else None,
            options=self._options,
            status=result.status,
            error=result.error,
            seconds=round(outcome.seconds, 3),
            frames=result.frames_sampled,
        )
        self._journal.append(entry)
        return entry

    def entries(self, clips: Sequence[str]) -> list[Entry]:
        """Those of the clips that are finished, in this order."""
        return [entry for clip in clips if (entry := self._journal.entries.get(clip)) is not None]

    def join(self) -> None:
        """Write the one file for all, where there is one, of what is finished. Raises OutputError."""
        known = self._journal.entries
        self.outputs.join(self.entries(self.job.clips or tuple(known)))

    def take_over(self, entry: Entry, other: Outputs) -> None:
        """A clip that was done in another folder. Raises OutputError."""
        self.begin(entry.path)
        self.outputs.copy(entry.path, other)
        self._journal.append(entry)


@contextmanager
def open_batch(folder: Path, job: Job, *, anew: bool = False) -> Iterator[Batch]:
    """Make the folder or go on with it, alone. anew: forget what was done in it.

    Raises OptionError where the folder has results of other options, OutputError where it cannot be written, holds
    something else, or somebody is at work in it.
    """
    work = folder / _WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another place") from error
    with _alone(folder):
        if anew:
            (folder / JOURNAL).unlink(missing_ok=True)
        else:
            _check_same(folder, job)
        with Journal(folder / JOURNAL) as journal:
            outputs = outputs_of(folder, job)
            outputs.prepare()
            with open_output(work / "job.json") as file:
                json.dump(job.to_dict(), file)
            yield Batch(job, journal, outputs)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(folder / _WORK / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise OutputError(f"{folder}: another fervid is at work here; wait for it, or choose another folder") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}; choose another place") from error
    try:
        yield
    finally:
        lock.release()


def load_job(folder: Path) -> Job | None:
    """What a folder of results is of; None for any other folder. Raises InputError for a damaged one."""
    path = folder / _WORK / "job.json"
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r}")
        shape: dict[str, Any] = value["shape"]
        shape |= {name: tuple(shape[name]) for name in ("emotions", "labels")}
        return Job(
            OutputOptions(**value["output"]),
            RowShape(**shape),
            dict(value["decisive"]),
            tuple(map(str, value["inputs"])),
            Shard(**value["shard"]) if value["shard"] else None,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as a job of fervid ({error}); choose another folder") from error


def look(folder: Path, job: Job, *, retry_failed: bool = False, anew: bool = False) -> Plan:
    """What there would be to do, and nothing is changed. Raises as open_batch."""
    if not anew:
        _check_same(folder, job)
    entries = {} if anew else read_journal(folder / JOURNAL)
    return _make_plan(job.clips, entries, outputs_of(folder, job), retry_failed)


def outputs_of(folder: Path, job: Job) -> Outputs:
    """Those of a folder of results."""
    return Outputs(folder, folder / _WORK, job.output, job.shape)


def pieces_of(file: Path) -> list[Path]:
    """What a batch joins this file of results from: the same clips once more. Nothing where it is no such file.

    Raises InputError.
    """
    job = load_job(file.parent)
    return [] if job is None else outputs_of(file.parent, job).pieces_of(file)


def _check_same(folder: Path, job: Job) -> None:
    """Raises OptionError where the folder's results were made with other options: nobody wants a mixture, nor to lose
    an evening's work to a forgotten option."""
    before = load_job(folder)
    if before is None or not read_journal(folder / JOURNAL):
        return
    if differences := before.differences(job):
        raise OptionError(
            f"{folder}: holds results of other options ({', '.join(differences)}); give the same, choose another "
            "folder, or do all of it again with --redo"
        )


def _make_plan(clips: Sequence[str], entries: Mapping[str, Entry], outputs: Outputs, retry_failed: bool) -> Plan:
    """Compares the clips as they are with what was done. One whose time changed and whose size did not is read."""
    todo: list[tuple[str, Reason]] = []
    done: list[Entry] = []
    touched: list[Entry] = []
    for clip in clips:
        entry = entries.get(clip)
        if entry is None:
            todo.append((clip, "new"))
            continue
        now = _unless_changed(entry)
        if now is None:
            todo.append((clip, "changed"))
        elif entry.status == "failed" and retry_failed:
            todo.append((clip, "failed before"))
        elif not outputs.is_there(entry):
            todo.append((clip, "output missing"))
        else:
            done.append(now)
            if now is not entry:
                touched.append(now)
    return Plan(tuple(todo), tuple(done), tuple(touched))


def _unless_changed(entry: Entry) -> Entry | None:
    """The entry, with the file's time where only that is another; None for a changed file."""
    before, now = entry.stamp, stamp_of(entry.path, content=False)
    if before is None or now is None:
        return entry if before is now else None
    if (before.size, before.mtime_ns) == (now.size, now.mtime_ns):
        return entry
    if before.size != now.size or before.sha256 is None:
        return None
    now = stamp_of(entry.path, most_s=_MOST_READING_S)
    same = now is not None and now.sha256 == before.sha256
    return replace(entry, mtime_ns=now.mtime_ns) if now is not None and same else None
