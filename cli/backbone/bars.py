"""Progress of reading pictures and of a training, on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fer_video.cli.shared.messages import warn

if TYPE_CHECKING:
    from fer_video.training.train import Event

__all__ = ["Bars"]


class Bars:
    """Progress on stderr: of reading pictures, then of the training."""

    def __init__(self, quiet: bool) -> None:
        self._off = True if quiet or sys.stderr is None else None
        self._quiet = quiet
        self._bar: Any = None
        self._what = ""

    def reading(self, name: str, done: int, total: int) -> None:
        self._show(name, total, "picture")
        self._bar.update(done - self._bar.n)

    def event(self, event: Event) -> None:
        if event.kind == "said":
            self._say(event.message)
        elif event.kind == "measured":
            figures = ", ".join(f"{name} {value:.4f}" for name, value in (event.figures or {}).items())
            self._say(f"{event.stage}, step {event.step} of {event.steps}: {figures}")
        else:
            self._show("training", event.steps, "step")
            losses = " ".join(f"{name} {value:.3f}" for name, value in (event.figures or {}).items())
            speed = self._bar.format_dict["rate"]
            faces = f", {speed * event.pictures:.0f} pictures/s" if speed else ""
            self._bar.set_postfix_str(losses + faces, refresh=False)
            self._bar.update(event.step - self._bar.n)

    def _show(self, what: str, total: int, unit: str) -> None:
        from tqdm import tqdm

        if what != self._what:
            self.__exit__()
            self._what = what
            self._bar = tqdm(total=total, desc=what, unit=unit, disable=self._off, leave=False)

    def _say(self, message: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        if not self._quiet:
            warn(message)
        if self._bar is not None:
            self._bar.refresh()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
