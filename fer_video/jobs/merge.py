"""The results of shards -> one folder of results, as one batch over all inputs would have written it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fer_video.errors import InputError, OptionError, OutputError
from fer_video.jobs.batch import JOURNAL, Job, load_job, open_batch, outputs_of
from fer_video.jobs.journal import Entry, read_journal
from fer_video.jobs.outputs import Outputs
from fer_video.media.decode import natural

__all__ = ["Merged", "merge"]

_BEST = ("ok", "partial", "failed")


@dataclass(frozen=True, slots=True)
class Merged:
    """What came together."""

    entries: tuple[Entry, ...]  # of all clips that were done, in the order of the inputs
    gaps: tuple[str, ...]  # inputs that no shard has done
    duplicates: tuple[str, ...]  # clips that several shards have done; the best of each counts
    missing_shards: tuple[str, ...]  # i/n of those whose folder was not given
    same_inputs: bool  # whether all shards saw the same inputs


@dataclass(frozen=True, slots=True)
class _Part:
    job: Job
    entries: dict[str, Entry]  # whose output is there
    outputs: Outputs


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """folders: each one of results, or one that holds those of shards. out: may be the folder the shards are in.

    Merging again takes over what is new. Raises InputError for a folder without results, OptionError for results of
    different options, OutputError.
    """
    parts = [_read(folder) for folder in _with_results(folders)]
    first = parts[0].job
    for part in parts[1:]:
        if differences := first.differences(part.job):
            raise OptionError(f"the results are of different options ({', '.join(differences)}) and cannot be merged")
    lists = [part.job.inputs or tuple(part.entries) for part in parts]
    inputs = tuple(dict.fromkeys(path for each in lists for path in each))
    best: dict[str, tuple[Entry, Outputs]] = {}
    duplicates: dict[str, None] = {}
    for part in parts:
        for path, entry in part.entries.items():
            if path in best:
                duplicates[path] = None
            if path not in best or _BEST.index(entry.status) < _BEST.index(best[path][0].status):
                best[path] = entry, part.outputs
    done = [best[path] for path in inputs if path in best]
    with open_batch(out, replace(first, inputs=inputs, shard=None)) as batch:
        there = {entry.path: entry for entry in batch.entries(inputs)}
        for entry, outputs in done:
            if there.get(entry.path) != entry or not batch.outputs.is_there(entry):
                batch.take_over(entry, outputs)
        batch.join()
    return Merged(
        tuple(entry for entry, _ in done),
        tuple(path for path in inputs if path not in best),
        tuple(duplicates),
        _missing(part.job for part in parts),
        all(each == lists[0] for each in lists),
    )


def _with_results(folders: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        try:
            inside = [each for each in folder.glob("shard-*-of-*") if load_job(each) is not None]
        except OSError as error:
            raise InputError(f"{folder}: cannot be read: {error.strerror}") from error
        if not inside and load_job(folder) is None:
            raise InputError(f"{folder}: holds no results; fervid predict INPUT --out {folder}/ --shard 1/8 makes some")
        found += sorted(inside, key=lambda each: natural(each.name)) or [folder]
    return list(dict.fromkeys(found))


def _read(folder: Path) -> _Part:
    job = load_job(folder)
    if job is None:
        raise OutputError(f"{folder}: was taken away meanwhile")
    outputs = outputs_of(folder, job)
    entries = read_journal(folder / JOURNAL)
    return _Part(job, {path: entry for path, entry in entries.items() if outputs.is_there(entry)}, outputs)


def _missing(jobs: Iterable[Job]) -> tuple[str, ...]:
    shards = [job.shard for job in jobs if job.shard is not None]
    there = {(shard.number, shard.count) for shard in shards}
    wanted = {(number, shard.count) for shard in shards for number in range(1, shard.count + 1)}
    return tuple(f"{number}/{count}" for number, count in sorted(wanted - there))
