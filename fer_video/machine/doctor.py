"""Whether this installation works: versions, hardware, packages that clash, weights, and a trial run.

Looks only; changes nothing and touches no network.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from fer_video.errors import FervidError, OptionError, unexpected
from fer_video.machine.extras import EXTRAS, missing_packages
from fer_video.scratch import scratch_folder
from fer_video.version import __version__

__all__ = ["Check", "examine", "processor"]

Status = Literal["good", "note", "bad"]

_PACKAGES = ("onnxruntime", "av", "opencv-python", "numpy", "scikit-learn", "insightface", "skops", "onnx")
_FLAGS = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
# Packages of which each unpacks into the same folder: with two, whichever came last wins, in part.
_CLASHES = {
    "onnxruntime": ("onnxruntime/__init__.py", "onnxruntime"),
    "cv2": ("cv2/__init__.py", "opencv-python"),
}
_TRIAL_FRAMES = 4
_MEND_DECODER = "pip install --force-reinstall --no-deps av"
_AGREE = 0.02  # of a probability: half-precision devices round


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    says: str
    mend: str | None = None  # commands, where something is wrong

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(device: str = "auto") -> Iterator[Check]:
    """Every check, as it is made. device: where the trial run runs. Raises OptionError for an unknown device."""
    from fer_video.models.devices import DEVICES

    if device != "auto" and device not in DEVICES:
        raise OptionError(f"unknown device {device!r}; one of: auto, {', '.join(DEVICES)}")
    yield Check("fervid", "good", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for make in (_packages, _extras, _clashes, _cpu, _providers, _weights):
        yield from _guarded(make.__name__.strip("_"), make)
    yield from _guarded("trial run", lambda: _trial(device))


def _guarded(name: str, make: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """A check that fails is a finding, not the end of the others."""
    try:
        yield from make()
    except FervidError as error:
        yield Check(name, "bad", str(error))
    except Exception as error:  # noqa: BLE001  broken installations break anywhere, which is what is asked here
        yield Check(name, "bad", unexpected(error))


def _packages() -> Iterator[Check]:
    found = {name: _version(name) for name in _PACKAGES}
    said = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Check("packages", "good", said)


def _extras() -> Iterator[Check]:
    """None of them is needed; what is missing is told with what it would enable."""
    for name, extra in EXTRAS.items():
        if missing := list(missing_packages(extra)):
            says = f"{extra.enables}: without {', '.join(missing)}; pip install 'fervid[{name}]'"
            yield Check(f"extra {name}", "note", says)
        else:
            yield Check(f"extra {name}", "good", extra.enables)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _clashes() -> Iterator[Check]:
    for module, (marker, plain) in _CLASHES.items():
        owners = sorted(_owners(marker))
        if len(owners) > 1:
            # One that asks for a GPU or another device was installed on purpose; the plain one came as a dependency.
            wanted = [name for name in owners if name != plain] or owners
            mend = f"pip uninstall -y {' '.join(owners)}; pip install --force-reinstall --no-deps {wanted[0]}"
            says = f"{', '.join(owners)} unpack into the same folder and overwrite each other"
            yield Check(f"{module} packages", "bad", says, mend)
        elif not owners and importlib.util.find_spec(module) is None:
            yield Check(f"{module} packages", "bad", f"no package brings {module}", f"pip install {plain}")
        else:
            yield Check(f"{module} packages", "good", f"only {owners[0]}" if owners else "one, not installed by pip")


def _owners(marker: str) -> set[str]:
    """Installed distributions that list a file as theirs."""
    owners = set()
    for distribution in importlib.metadata.distributions():
        if any(file.as_posix() == marker for file in distribution.files or ()):
            owners.add(str(distribution.metadata["Name"]))
    return owners


def processor() -> tuple[str, set[str]]:
    """What this machine's is called, and its instruction sets; none where the system does not list them."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    fields = dict(_field(line) for line in text.splitlines() if ":" in line)
    words = set(fields.get("flags", fields.get("Features", "")).split())
    return fields.get("model name") or platform.processor() or platform.machine(), words


def _cpu() -> Iterator[Check]:
    from fer_video.models.cores import available_cores

    name, words = processor()
    flags = " ".join(flag for flag in _FLAGS if flag in words) or "instruction sets not listed by this system"
    yield Check("cpu", "good", f"{name}; {available_cores()} cores for this process; {flags}")
    if words and platform.machine() in ("x86_64", "AMD64") and "avx2" not in words:
        yield Check("cpu", "note", "without AVX2 networks run several times slower")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _providers() -> Iterator[Check]:
    from fer_video.models.devices import DEVICES, import_onnxruntime

    ort = import_onnxruntime()
    present = ort.get_available_providers()
    known = {device.provider: name for name, device in DEVICES.items()}
    said = ", ".join(f"{known[provider]} ({provider})" for provider in present if provider in known)
    yield Check("devices", "good", f"ONNX Runtime {ort.__version__} was built for: {said}")
    cuda = DEVICES["cuda"]
    if cuda.provider not in present and (shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists()):
        yield Check("devices", "note", "an NVIDIA driver is here, but ONNX Runtime cannot use its GPU", cuda.install)


def _weights() -> Iterator[Check]:
    from fer_video.clip.store import EMBEDDED, find_clip_model, load_clip_model
    from fer_video.models.manifest import catalogue, origin_of
    from fer_video.models.verify import verify_file

    for spec in catalogue().values():
        origin = origin_of(spec)
        if origin == "zoo" and not spec.path.exists():
            continue
        again = {
            "embedded": "pip install --force-reinstall --no-deps fervid",
            "zoo": f"fervid models remove {spec.name}; fervid models pull {spec.name}",
            "user": f"fervid models remove {spec.name}, then fervid models import it again",
        }[origin]
        try:
            verdict = verify_file(spec, spec.path)
        except FervidError as error:
            yield Check(f"model {spec.name}", "bad", str(error), again)
            continue
        if verdict.complaint is not None:
            yield Check(f"model {spec.name}", "bad", f"{spec.path}: {verdict.complaint}", again)
        else:
            yield Check(f"model {spec.name}", "good", f"{origin}, sha256 {verdict.sha256[:12]}…")
    for name in EMBEDDED.values():
        sha256 = load_clip_model(find_clip_model(name)).sha256  # raises ModelError when it is not what it should be
        yield Check(f"model {name}", "good", f"embedded, sha256 {sha256[:12]}…")


def _trial(device: str) -> Iterator[Check]:
    """Write a short clip, decode it, find the faces in it and read them."""
    with scratch_folder("doctor") as folder:
        clip = folder / "trial.avi"
        faces = _write_clip(clip)
        yield _decoded(clip)
        yield _kinds(folder)
        yield _inferred(clip, faces * _TRIAL_FRAMES, device)


def _decoded(clip: Path) -> Check:
    from fer_video.media.decode import open_source
    from fer_video.media.sampling import Sampling

    with open_source(clip) as source:
        levels = [(frame.time_s, float(frame.image.mean())) for frame in source.frames(Sampling(fps=None))]
    falling = all(a[1] > b[1] for a, b in pairwise(levels))  # each frame was made darker
    if len(levels) == _TRIAL_FRAMES and falling:
        return Check("decode", "good", f"{len(levels)} frames written and read back, the last at {levels[-1][0]:.2f} s")
    says = f"{len(levels)} of {_TRIAL_FRAMES} frames came back, or others than were written"
    return Check("decode", "bad", says, _MEND_DECODER)


def _kinds(folder: Path) -> Check:
    """Interlaced, turned, anamorphic and other videos, compared with what was drawn."""
    from fer_video.machine.trial import KINDS, check_kind

    wrong = {name: why for name in KINDS if (why := check_kind(name, folder)) is not None}
    if wrong:
        return Check("videos", "bad", "; ".join(f"{name}: {why}" for name, why in wrong.items()), _MEND_DECODER)
    return Check("videos", "good", f"pictures and times are right: {', '.join(KINDS)}")


def _inferred(clip: Path, expected: int, device: str) -> Check:
    """On the device, and where that is not the CPU, on it too: they must agree."""
    started = time.perf_counter()
    seen, used = _read(clip, device)
    spent = time.perf_counter() - started
    says = f"{len(seen)} faces in {_TRIAL_FRAMES} frames on {used}, {spent:.1f} s with loading"
    if len(seen) != expected:
        return Check("inference", "bad", f"{says}; {expected} were expected", "fervid models verify")
    if used != "CPUExecutionProvider":
        on_cpu, _ = _read(clip, "cpu")
        pairs = [pair for ours, theirs in zip(seen, on_cpu, strict=False) for pair in zip(ours, theirs, strict=True)]
        apart = max((abs(a - b) for a, b in pairs), default=0.0)
        if len(on_cpu) != len(seen) or not apart <= _AGREE:
            return Check("inference", "bad", f"{says}; {apart:.3f} apart from the CPU", "use --device cpu")
        says += f", {apart:.4f} apart from the CPU"
    return Check("inference", "good", says)


def _read(clip: Path, device: str) -> tuple[list[list[float]], str]:
    """The probabilities of every face in the clip, and the provider that was really in use."""
    from fer_video.analyzer import Analyzer
    from fer_video.media.sampling import Sampling
    from fer_video.options import AnalyzerOptions

    analyzer = Analyzer(AnalyzerOptions(sampling=Sampling(fps=None), device=device, model="none"))
    seen = [list(each.probabilities.values()) for each in analyzer.stream(clip) if each.probabilities is not None]
    return seen, analyzer.ran["provider"]


def _write_clip(path: Path) -> int:
    """Motion JPEG, which OpenCV writes everywhere. Gives the faces in each frame."""
    import cv2
    import numpy as np

    picture, faces = _people()
    height, width = picture.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    for i in range(_TRIAL_FRAMES):
        writer.write(np.asarray(cv2.convertScaleAbs(picture, alpha=1 - 0.05 * i)))
    writer.release()
    return faces


def _people() -> tuple[Any, int]:
    """A picture of six people that insightface brings; without it a grey one, of nobody."""
    import cv2
    import numpy as np

    home = importlib.util.find_spec("insightface")
    if home is not None and home.origin is not None:
        file = Path(home.origin).parent / "data" / "images" / "t1.jpg"
        picture = cv2.imread(str(file)) if file.is_file() else None
        if picture is not None:
            return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2], 6
    return np.full((240, 320, 3), 200, np.uint8), 0
