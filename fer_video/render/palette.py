"""One colour per label, the same in the overlay, the plots and the report."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["colour_of", "colours_of", "person_colour", "rgb", "text_on"]

# The hues of Okabe and Ito, which people with any kind of colour blindness tell apart, as light as it takes for a
# contrast of 3:1 with white and with black. Labels are always written out as well, and lines are dashed and areas
# hatched: no colour is the only sign of anything.
_COLOURS = {
    "neutral": "#7F7F7F",
    "happiness": "#BF7F00",
    "surprise": "#2F8FCB",
    "sadness": "#1570B8",
    "anger": "#D9480F",
    "disgust": "#00926A",
    "fear": "#C2609A",
    "contempt": "#8C7F00",
    "positive": "#BF7F00",
    "negative": "#1570B8",
}
# Of the numbers of people, beside which the emotion's colour stands: light and pale, as no emotion is.
_PEOPLE = ("#FFFFFF", "#B5E8FF", "#FFD9A8", "#C4F0B8", "#FFC2D9", "#D9CCFF", "#FFF3A3", "#C9D1D9")
_SPARE = tuple(dict.fromkeys(_COLOURS.values()))


def colour_of(label: str) -> str:
    """#RRGGBB; of a label that is none of ours, one that depends on its letters only."""
    return _COLOURS.get(label) or _SPARE[sum(label.encode("utf-8", "replace")) % len(_SPARE)]


def person_colour(person: int) -> str:
    """#RRGGBB of a person's number: the same wherever the person appears; of the ninth that of the first again."""
    return _PEOPLE[(person - 1) % len(_PEOPLE)]


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    return {label: colour_of(label) for label in labels}


def rgb(colour: str) -> tuple[int, int, int]:
    """#RRGGBB as three numbers, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def text_on(colour: str) -> str:
    """Black or white, whichever reads better on it (relative luminance of WCAG 2, at the equal-contrast point)."""
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in rgb(colour)]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#FFFFFF"
