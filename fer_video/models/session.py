"""Verified bytes -> a running ONNX Runtime session, and the device on which it really runs.

On a CPU each call stays on one core, and several are made at a time: ONNX Runtime can also split every operation over
the cores, but they then wait for each other at its end, and decoding that takes a core away holds up both
(docs/performance.md). A single large picture is the exception: `Session.alone`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from fer_video.errors import ModelError, OptionError
from fer_video.models.cores import available_cores
from fer_video.models.devices import (
    DEVICES,
    Provider,
    fitting_session_options,
    import_onnxruntime,
    providers_for,
    stdout_to_stderr,
)
from fer_video.models.graph import prepare
from fer_video.models.spec import ModelSpec
from fer_video.models.verify import verify_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Session", "open_session"]

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")
_CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Session:
    """An ONNX Runtime session and what is known of it."""

    spec: ModelSpec  # as found, with what only the graph could tell filled in
    sha256: str  # of the file
    provider: str  # the one really in use, e.g. "CPUExecutionProvider"
    raw: Any  # onnxruntime.InferenceSession
    device: str  # that was asked for
    threads: int  # cores it may use, on a CPU
    at_once: int  # calls that are best made at the same time, each on one core

    @property
    def inputs(self) -> Mapping[str, Sequence[Any]]:
        """Input name -> declared shape; a free axis is a string or None."""
        return {value.name: value.shape for value in self.raw.get_inputs()}

    @property
    def outputs(self) -> Mapping[str, Sequence[Any]]:
        """Output name -> declared shape; a free axis is a string or None."""
        return {value.name: value.shape for value in self.raw.get_outputs()}

    def run(self, outputs: Sequence[str], tensor: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Run on one input tensor; gives the named outputs in order."""
        result: list[npt.NDArray[np.float32]] = self.raw.run(list(outputs), {self.spec.input.name: tensor})
        return result

    def spread(self, work: Callable[[Sequence[T]], U], items: Sequence[T], *, most: int, least: int = 1) -> list[U]:
        """What `work` gives for the items, in order: they come in parts of `least` to `most`, several at a time."""
        size = max(least, min(most, -(-len(items) // self.at_once)))
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        if len(parts) < 2 or self.at_once < 2:
            return [work(part) for part in parts]
        return list(_pool(self.threads).map(work, parts))

    def alone(self) -> Session:
        """The same network for one call at a time that all cores take part in; itself where there is but one.

        Raises ModelError as `open_session`.
        """
        if self.provider != _CPU or self.threads == 1:
            return self
        return open_session(self.spec, self.device, self.threads, alone=True)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """One for all networks, so that they share the cores."""
    return ThreadPoolExecutor(threads, "networks")


def open_session(
    spec: ModelSpec,
    device: str = "auto",
    threads: int | None = None,
    *,
    networks: int = 1,
    alone: bool = False,
    lean: bool = False,
) -> Session:
    """Read the file once, compare its hash, and start a session from those very bytes.

    device: "auto" or a key of DEVICES. threads: cores to use on a CPU, None for all. networks: that share them, at work
    at the same time. alone: see Session. lean: memory goes back after each call, for networks that are seldom asked.

    Raises ModelError for a file that is missing, damaged or not a runnable network; OptionError for a device
    that is unknown, not installed, or that ONNX Runtime silently gave up on.
    """
    threads = threads or available_cores()
    data, sha256 = _verified_bytes(spec)
    providers = providers_for(device)
    runnable, spec = prepare(data, spec)
    try:
        raw = _start(runnable, providers, threads if alone else 1, lean)
    except Exception as error:
        if device != "auto" or len(providers) == 1:
            raise _cannot_run(spec, error) from error
        _say_once(f"{providers[0][0]} cannot be used ({_first_line(error)}); the CPU is")
        providers = providers[-1:]
        try:
            raw = _start(runnable, providers, threads if alone else 1, lean)
        except Exception as error_on_cpu:
            raise _cannot_run(spec, error_on_cpu) from error_on_cpu

    used: str = raw.get_providers()[0]
    if device != "auto" and used != DEVICES[device].provider:
        raise OptionError(
            f"device {device} was asked for but ONNX Runtime fell back to {used}; check its driver and libraries, "
            f"reinstall ({DEVICES[device].install}), or use --device auto"
        )
    if used != providers[0][0]:
        _say_once(f"{providers[0][0]} is installed but does not work here; {used} is used. fervid doctor says more")
    at_once = max(threads // networks, 1) if used == _CPU and not alone else 1
    return Session(spec, sha256, used, raw, device, threads, at_once)


def _start(data: bytes, providers: Sequence[Provider], threads: int, lean: bool) -> Any:
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = not lean
    options.log_severity_level = 4  # its warnings are about graphs, not for users; failures are raised anyway
    # A spinning pool keeps a core busy between two calls, which takes it from decoding and the other network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    fitting_session_options(options, providers)
    with stdout_to_stderr():  # some providers report their failures on stdout
        return ort.InferenceSession(data, options, providers=list(providers))


@cache
def _say_once(message: str) -> None:
    log.warning(message)


def _cannot_run(spec: ModelSpec, error: Exception) -> ModelError:
    return ModelError(f"{spec.path}: ONNX Runtime cannot run this file: {_first_line(error)}")


def _verified_bytes(spec: ModelSpec) -> tuple[bytes, str]:
    try:
        if spec.path.exists() and not spec.path.is_file():
            raise ModelError(f"{spec.path}: is not a regular file")
        data = spec.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{spec.path}: weights of {spec.name}: {error.strerror}; {_mend(spec)}") from error
    verdict = verify_bytes(spec, data)
    if verdict.complaint is not None:
        raise ModelError(f"{spec.path}: damaged weights: {verdict.complaint}; {_mend(spec)} or restore the file")
    return data, verdict.sha256


def _mend(spec: ModelSpec) -> str:
    return f"fervid models pull {spec.name}" if spec.url else "reinstall fervid"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
