"""Features of many clips, in this process or in several, cached in a folder."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fer_video.address import shown
from fer_video.analyzer import Analyzer, AnalyzerOptions, fingerprint
from fer_video.errors import InputError, ModelError, OptionError, OutputError, unexpected
from fer_video.features import FeatureStore, is_features
from fer_video.models.session import available_cores
from fer_video.remote import local_copy

__all__ = ["Extracted", "extract_all"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What became of one clip."""

    clip: str  # as it may be shown
    file: Path | None  # its features; None when it failed
    cached: bool  # it had been extracted before
    error: str | None  # why it failed


def extract_all(
    clips: Sequence[str | Path], folder: Path, options: AnalyzerOptions | None = None, workers: int = 1
) -> Iterator[Extracted]:
    """One answer a clip, in order. A clip that fails does not stop the others.

    The folder is made if it is not there. workers: processes; each loads the models and takes its share of the cores.

    Raises ModelError, OptionError, OutputError.
    """
    if workers < 1:
        raise OptionError(f"workers must be 1 or more, not {workers}")
    options = options or AnalyzerOptions()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another place") from error
    store = FeatureStore(folder, fingerprint(options))  # here, so that wrong options are found before any process
    workers = min(workers, len(clips), 4 * available_cores())
    if workers <= 1:
        worker = _Worker(options, store)
        yield from map(worker, clips)
        return
    share = replace(options, threads=options.threads or max(1, available_cores() // workers))
    # Not fork: it would copy the threads' locks of ONNX Runtime and OpenCV in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (share, store)) as pool:
        try:
            yield from pool.map(_in_worker, clips)
        except BrokenProcessPool as error:
            raise InputError("a worker died, perhaps for want of memory; try fewer --workers") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """Extracts one clip after the other with the same models, loaded only when a clip is not cached."""

    def __init__(self, options: AnalyzerOptions, store: FeatureStore) -> None:
        self._options, self._store = options, store

    @cached_property
    def _analyzer(self) -> Analyzer:
        return Analyzer(self._options)

    def __call__(self, clip: str | Path) -> Extracted:
        name = shown(clip)
        try:
            with local_copy(clip) as here:
                file = self._store.file_for(here)
                cached = is_features(file)
                if not cached:
                    replace(self._analyzer.extract(here), path=name).save(file)
        except InputError as error:
            return Extracted(name, None, False, str(error))
        except (OptionError, ModelError, OutputError):
            raise
        except Exception as error:  # a bug that one odd clip brings out must not end a batch
            log.debug("%s", name, exc_info=True)
            return Extracted(name, None, False, str(InputError(f"{name}: {unexpected(error)}")))
        return Extracted(name, file, cached, None)


_worker: _Worker | None = None  # of this process


def _start_worker(options: AnalyzerOptions, store: FeatureStore) -> None:
    global _worker
    _worker = _Worker(options, store)


def _in_worker(clip: str | Path) -> Extracted:
    assert _worker is not None
    return _worker(clip)
