"""Works whose clips say by their names what befalls whoever does them; no models, no videos."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import InputError, ModelError, OptionError
from fer_video.jobs.engine import Do, Seen
from fer_video.types import ClipResult

log = logging.getLogger("fer_video.scripted")


@dataclass(frozen=True)
class Scripted:
    """Gives (the clip's name, threads, process). folder: for what must be remembered over the death of a worker."""

    folder: Path
    dies_at_start: bool = False
    wrong_option: bool = False

    def start(self, threads: int | None) -> Do[tuple[str, int | None, int]]:
        with (self.folder / "started").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if self.dies_at_start:
            os.write(2, b"no such library\n")
            os._exit(3)
        if self.wrong_option:
            raise OptionError("this cannot be had")

        def do(clip: str, seen: Seen) -> tuple[str, int | None, int]:
            befall(clip, self.folder)
            for frame in range(3):
                seen(float(frame), 3.0)
            return clip, threads, os.getpid()

        return do


@dataclass(frozen=True)
class Invented:
    """Gives a ClipResult that tells the clip's content."""

    folder: Path

    def start(self, threads: int | None) -> Do[ClipResult]:
        def do(clip: str, seen: Seen) -> ClipResult:
            befall(clip, self.folder)
            size = Path(clip).stat().st_size
            return ClipResult(clip, "ok", duration_s=float(size), frames_sampled=size)

        return do


def befall(clip: str, folder: Path) -> None:
    name = Path(clip).name
    if "noisy" in name:
        sys.stdout.write("by Python\n")
        os.write(2, b"to stderr, by native code\n")
        log.warning("a warning\nof two lines")
    if "slow" in name:
        time.sleep(0.5)
    if "die" in name:
        once = folder / f"{name}.died"
        if "once" not in name or not once.exists():
            once.touch()
            os.write(2, b"terminate called\n")
            os.kill(os.getpid(), signal.SIGKILL)
    if "stuck" in name:
        (folder / f"{name}.{os.getpid()}.stuck").touch()
        time.sleep(600)
    if "bad" in name:
        raise InputError(f"{clip}: is bad")
    if "bug" in name:
        raise RuntimeError("an oversight")
    if "model" in name:
        raise ModelError("the model is gone")
