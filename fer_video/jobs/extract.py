"""Features of many clips, in this process or in several, cached in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from fer_video.analyzer import Analyzer
from fer_video.clip.features import FeatureStore, is_features
from fer_video.engine.networks import fingerprint
from fer_video.errors import OptionError, OutputError
from fer_video.jobs.engine import Do, Engine, InProcess, Outcome, Seen
from fer_video.jobs.workers import LocalWorkers
from fer_video.media.address import shown
from fer_video.media.fetch import local_copy
from fer_video.options import AnalyzerOptions

__all__ = ["Extracted", "Extracting", "extract_all"]


@dataclass(frozen=True, slots=True)
class Extracted:
    """What became of one clip."""

    clip: str  # as it may be shown
    file: Path | None  # its features; None when it failed
    cached: bool  # it had been extracted before
    error: str | None  # why it failed
    sha256: str | None = None  # of the clip's content; None when it failed


def extract_all(
    clips: Sequence[str | Path], folder: Path, options: AnalyzerOptions | None = None, workers: int = 1
) -> Iterator[Extracted]:
    """One answer a clip, in order. A clip that fails does not stop the others.

    The folder is made if it is not there. workers: processes; each loads the models and takes its share of the cores.

    Raises ModelError, OptionError, OutputError, WorkerError.
    """
    if workers < 1:
        raise OptionError(f"workers must be 1 or more, not {workers}")
    options = options or AnalyzerOptions()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another place") from error
    store = FeatureStore(folder, fingerprint(options))  # here, so that wrong options are found before any process
    work = Extracting(options, store)
    workers = min(workers, len(clips))
    engine: Engine[Found] = LocalWorkers(work, workers) if workers > 1 else InProcess(work)
    with engine:
        for outcome in _in_order(engine.run([str(clip) for clip in clips])):
            file, cached, sha256 = outcome.value or (None, False, None)
            yield Extracted(shown(clips[outcome.number]), file, cached, outcome.error, sha256)


Found = tuple[Path, bool, str]  # a clip's features, whether they had been extracted before, the clip's hash


@dataclass(frozen=True)
class Extracting:
    """The work: a clip -> its features, in a store. The models are loaded for the first clip that needs them."""

    options: AnalyzerOptions
    store: FeatureStore

    def start(self, threads: int | None) -> Do[Found]:
        load = cache(partial(Analyzer, replace(self.options, threads=self.options.threads or threads)))

        def do(clip: str, seen: Seen) -> Found:
            with local_copy(clip) as here:
                file, sha256 = self.store.place_of(here)
                cached = is_features(file)
                if not cached:
                    replace(load().extract(here), path=shown(clip)).save(file)
            return file, cached, sha256

        return do


def _in_order(outcomes: Iterable[Outcome[Found]]) -> Iterator[Outcome[Found]]:
    """By number, each as soon as those before it are there."""
    early: dict[int, Outcome[Found]] = {}
    following = 0
    for outcome in outcomes:
        early[outcome.number] = outcome
        while following in early:
            yield early.pop(following)
            following += 1
