"""Settings of all plots: fonts, the messages of matplotlib, and how plots are saved."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output

__all__ = ["PLOT_SUFFIXES", "check_drawing", "drawing", "save_figure", "save_pages"]

PLOT_SUFFIXES = (".png", ".svg", ".pdf")

# For letters that matplotlib's own font lacks, in the order of how many they have.
_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "Yu Gothic", "Hiragino Sans",
    "Arial Unicode MS", "Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai",
    "Noto Emoji", "Segoe UI Emoji", "Symbola",
)  # fmt: skip
log = logging.getLogger(__name__)


def check_drawing(path: Path) -> None:
    """Before the work: raises OptionError without matplotlib, OutputError where nothing can be written."""
    _quieten()
    try:
        import matplotlib as _  # noqa: F401
    except ImportError as error:
        raise OptionError("pictures need matplotlib: pip install 'fervid[plot]'") from error
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written there; give the name of a file in a folder that exists")


@contextmanager
def drawing() -> Iterator[None]:
    """For a function that draws and saves: names in any script, and one line where a letter is in none of the fonts."""
    _quieten()
    import matplotlib
    from matplotlib import font_manager

    here = set(font_manager.get_font_names())
    fonts = ["DejaVu Sans", *(name for name in _FONTS if name in here)]
    with (
        matplotlib.rc_context({"font.family": fonts, "svg.hashsalt": "fervid"}),
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        yield
    missing = [each for each in told if "missing from font" in str(each.message)]
    if missing:
        log.warning("letters of these names are in none of the fonts here; install one that has them (Noto Sans CJK)")
    for each in told:
        if each not in missing:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def save_figure(figure: Any, path: Path) -> None:
    """PNG, or SVG or PDF by the suffix; the same bytes for the same figure. Raises OutputError."""
    kind = path.suffix.lower()[1:] if path.suffix.lower() in PLOT_SUFFIXES else "png"
    undated: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with open_output(path, binary=True) as file:
        figure.savefig(file, format=kind, dpi=150, metadata=undated.get(kind))


def save_pages(figures: Iterable[Any], path: Path) -> None:
    """A PDF with a page per figure, one of them in memory at a time. Raises OutputError."""
    from matplotlib.backends.backend_pdf import PdfPages

    with open_output(path, binary=True) as file, PdfPages(file, metadata={"CreationDate": None}) as pages:
        for figure in figures:
            pages.savefig(figure)


def _quieten() -> None:
    """Where its cache of fonts lies is of no interest to who wants a picture, unless they debug."""
    if (logger := logging.getLogger("matplotlib")).level == logging.NOTSET and not log.isEnabledFor(logging.DEBUG):
        logger.setLevel(logging.ERROR)
