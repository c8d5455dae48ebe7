"""One colour per label, the same in the overlay, the plots and the report."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["colour_of", "colours_of", "rgb", "text_on"]

# The colours of Okabe and Ito, which people with any kind of colour blindness tell apart; their black is grey here, so
# that it shows on black too. Labels are always written out as well: no colour is the only sign of anything.
_COLOURS = {
    "neutral": "#9A9A9A",
    "happiness": "#E69F00",
    "surprise": "#56B4E9",
    "sadness": "#0072B2",
    "anger": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "contempt": "#F0E442",
    "positive": "#E69F00",
    "negative": "#0072B2",
}
_SPARE = tuple(dict.fromkeys(_COLOURS.values()))


def colour_of(label: str) -> str:
    """#RRGGBB; of a label that is none of ours, one that depends on its letters only."""
    return _COLOURS.get(label) or _SPARE[sum(label.encode("utf-8", "replace")) % len(_SPARE)]


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    return {label: colour_of(label) for label in labels}


def rgb(colour: str) -> tuple[int, int, int]:
    """#RRGGBB as three numbers, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def text_on(colour: str) -> str:
    """Black or white, whichever reads better on it (relative luminance of WCAG 2, at the equal-contrast point)."""
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in rgb(colour)]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#FFFFFF"
