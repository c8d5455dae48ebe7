"""Verified bytes -> a running ONNX Runtime session, and the truth about where it runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fer_video.errors import ModelError, OptionError
from fer_video.models.manifest import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DEVICES", "Session", "available_cores", "import_onnxruntime", "open_session"]

# What a user calls a device -> (ONNX Runtime's provider, what to install to have it)
DEVICES: Mapping[str, tuple[str, str]] = {
    "cpu": ("CPUExecutionProvider", "pip install onnxruntime"),
    "cuda": (
        "CUDAExecutionProvider",
        "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'",
    ),
    "tensorrt": (
        "TensorrtExecutionProvider",
        "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]' tensorrt",
    ),
    "openvino": (
        "OpenVINOExecutionProvider",
        "pip uninstall onnxruntime, then pip install onnxruntime-openvino",
    ),
    "directml": (
        "DmlExecutionProvider",
        "pip uninstall onnxruntime, then pip install onnxruntime-directml (Windows)",
    ),
    "coreml": ("CoreMLExecutionProvider", "pip install onnxruntime on macOS"),
}
_AUTO = ("cuda", "cpu")  # only what is a gain for small networks without any tuning


@dataclass(frozen=True, slots=True)
class Session:
    """An ONNX Runtime session and what is known of it."""

    spec: ModelSpec
    sha256: str  # of the bytes that are running
    provider: str  # the one really in use, e.g. "CPUExecutionProvider"
    raw: Any  # onnxruntime.InferenceSession

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


def available_cores() -> int:
    """Cores this process may use: fewer than the machine has under taskset, Slurm or a container's cpuset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(spec: ModelSpec, device: str = "auto", threads: int | None = None) -> Session:
    """Read the file once, compare its hash, and start a session from those very bytes.

    device: "auto" or a key of DEVICES. threads: of the session's own pool, None for one a core.

    Raises ModelError for a file that is missing, damaged or not a runnable network; OptionError for a device
    that is unknown, not installed, or that ONNX Runtime silently gave up on.
    """
    data, sha256 = _verified_bytes(spec)
    names = _AUTO if device == "auto" else (device,)
    providers = _providers(names, explicit=device != "auto")

    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its warnings are about graphs, not for users; failures are raised anyway
    # A spinning pool keeps a core busy between two calls, which takes it from decoding and the other network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        with stdout_to_stderr():  # some providers report their failures on stdout
            raw = ort.InferenceSession(data, options, providers=providers)
    except Exception as error:
        raise ModelError(f"{spec.path}: ONNX Runtime cannot run this file: {_first_line(error)}") from error

    used: str = raw.get_providers()[0]
    if device != "auto" and used != DEVICES[device][0]:
        raise OptionError(
            f"device {device} was asked for but ONNX Runtime fell back to {used}; check its driver and libraries, "
            f"reinstall ({DEVICES[device][1]}), or use --device auto"
        )
    return Session(spec, sha256, used, raw)


def _verified_bytes(spec: ModelSpec) -> tuple[bytes, str]:
    try:
        if spec.path.exists() and not spec.path.is_file():
            raise ModelError(f"{spec.path}: is not a regular file")
        data = spec.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{spec.path}: weights of {spec.name}: {error.strerror}; reinstall fervid") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if spec.sha256 is not None and sha256 != spec.sha256:
        raise ModelError(
            f"{spec.path}: damaged weights: sha256 {sha256[:12]}… where {spec.sha256[:12]}… is expected; "
            "reinstall fervid or restore the file"
        )
    return data, sha256


def import_onnxruntime() -> Any:
    """ONNX Runtime, without its telemetry: it would look up a host and keep a device id as soon as it is imported.

    fervid touches no network and no files it was not asked to. Set here and not when fervid is imported, so that
    importing fervid changes nothing.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def _providers(names: Sequence[str], *, explicit: bool) -> list[str]:
    present = import_onnxruntime().get_available_providers()
    for name in names:
        if name not in DEVICES:
            raise OptionError(f"unknown device {name!r}; one of: auto, {', '.join(DEVICES)}")
        if explicit and DEVICES[name][0] not in present:
            raise OptionError(
                f"device {name} is not available: the installed ONNX Runtime has no {DEVICES[name][0]}; "
                f"to have it: {DEVICES[name][1]}"
            )
    chosen = [DEVICES[name][0] for name in names if DEVICES[name][0] in present]
    cpu = DEVICES["cpu"][0]
    return chosen if cpu in chosen else [*chosen, cpu]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what native code prints to stdout to stderr: stdout carries data only."""
    try:
        saved = os.dup(1)
    except OSError:  # stdout is closed, there is nothing to protect
        yield
        return
    try:
        with suppress(OSError):  # stderr is closed
            os.dup2(2, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
