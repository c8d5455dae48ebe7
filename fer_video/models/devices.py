"""A user's name of a device -> ONNX Runtime's execution providers and their settings."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fer_video.errors import OptionError
from fer_video.files import cache_dir

__all__ = ["DEVICES", "Device", "Provider", "import_onnxruntime", "providers_for", "stdout_to_stderr"]

CPU = "CPUExecutionProvider"
Provider = tuple[str, dict[str, str]]  # name, options


@dataclass(frozen=True, slots=True)
class Device:
    """One kind of hardware. Options are what small networks at changing input sizes want."""

    provider: str
    install: str  # commands that bring it
    options: Mapping[str, str] = field(default_factory=dict)
    cache_option: str | None = None  # names a folder for compiled networks
    before: tuple[str, ...] = ()  # devices that take what this one cannot, in order, before the CPU


_GPU = "pip uninstall -y onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'"

DEVICES: Mapping[str, Device] = {
    "cpu": Device(CPU, "pip install onnxruntime"),
    # The default search tries every algorithm for every new input size: seconds for each.
    "cuda": Device("CUDAExecutionProvider", _GPU, {"cudnn_conv_algo_search": "HEURISTIC"}),
    # Engines take minutes to build, once for each network and size; hence the cache.
    "tensorrt": Device(
        "TensorrtExecutionProvider",
        f"{_GPU} tensorrt",
        {"trt_engine_cache_enable": "1", "trt_timing_cache_enable": "1"},
        "trt_engine_cache_path",
        ("cuda",),
    ),
    "openvino": Device(
        "OpenVINOExecutionProvider",
        "pip uninstall -y onnxruntime; pip install onnxruntime-openvino",
        {"device_type": "AUTO"},
        "cache_dir",
    ),
    "coreml": Device(
        "CoreMLExecutionProvider", "pip install onnxruntime (on macOS)", {"ModelFormat": "MLProgram"}, None
    ),
    "directml": Device(
        "DmlExecutionProvider", "pip uninstall -y onnxruntime; pip install onnxruntime-directml (on Windows)"
    ),
    "qnn": Device(
        "QNNExecutionProvider",
        "pip uninstall -y onnxruntime; pip install 'onnxruntime-qnn<2' (Windows on Arm)",
        {"backend_path": "QnnHtp.dll" if sys.platform == "win32" else "libQnnHtp.so"},
    ),
}
_AUTO = ("cuda",)  # only what is a gain for small networks without any tuning


def import_onnxruntime() -> Any:
    """ONNX Runtime, without its telemetry: it would look up a host and keep a device id as soon as it is imported.

    fervid touches no network and no files it was not asked to. Set here and not when fervid is imported, so that
    importing fervid changes nothing.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def providers_for(device: str) -> list[Provider]:
    """The providers to start a session with, the CPU last.

    device: "auto" or a key of DEVICES. Raises OptionError for one that is unknown or that the installed ONNX Runtime
    was not built with.
    """
    if device != "auto" and device not in DEVICES:
        raise OptionError(f"unknown device {device!r}; one of: auto, {', '.join(DEVICES)}")
    present = import_onnxruntime().get_available_providers()
    if device != "auto" and DEVICES[device].provider not in present:
        raise OptionError(
            f"device {device} is not available: the installed ONNX Runtime has no {DEVICES[device].provider}; "
            f"to have it: {DEVICES[device].install}"
        )
    names = _AUTO if device == "auto" else (device, *DEVICES[device].before)
    chosen = [DEVICES[name] for name in names if DEVICES[name].provider in present and name != "cpu"]
    if any(each.provider.startswith(("CUDA", "Tensorrt")) for each in chosen):
        _preload_cuda()
    return [*((each.provider, _options(each)) for each in chosen), (CPU, {})]


def _options(device: Device) -> dict[str, str]:
    options = dict(device.options)
    if device.cache_option is not None:
        folder = cache_dir() / "compiled" / device.provider
        folder.mkdir(parents=True, exist_ok=True)
        options[device.cache_option] = str(folder)
    return options


@cache
def _preload_cuda() -> None:
    """Load CUDA and cuDNN from the pip packages nvidia-*, which are on no library path. Missing ones show later."""
    ort = import_onnxruntime()
    if hasattr(ort, "preload_dlls"):
        with stdout_to_stderr(), contextlib.redirect_stdout(sys.stderr):
            ort.preload_dlls()


def fitting_session_options(options: Any, providers: Sequence[Provider]) -> None:
    """What a provider demands of the session."""
    if providers[0][0] == DEVICES["directml"].provider:
        options.enable_mem_pattern = False  # its documentation: not supported, sessions fail with it


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
