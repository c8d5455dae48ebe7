"""Drawings over a frame: boxes, names, bars of the emotions, landmarks; and blurred faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2

from fer_video.render.draw import bgr, fill, outline, text, text_size
from fer_video.render.palette import colour_of, person_colour, text_on
from fer_video.types import Attributes, Image, Observation

__all__ = ["Overlay", "OverlayOptions", "hide_faces", "scale_of"]

Box = tuple[int, int, int, int]

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_TAG, _BAR_TEXT, _BAR_ROW, _BAR, _EDGE = 13, 11, 13, 46, 2  # pixels of a picture whose shorter side has 360
_FEW = 3  # bars where there is no room for all of them
_GROW = 0.3  # of a face's sides, on every side: hair, ears and chin tell as well
_CELLS = 5  # a hidden face keeps as many colours across


@dataclass(frozen=True, slots=True)
class OverlayOptions:
    """What is drawn besides boxes and their labels.

    Attributes:
        bars: Draw the probability of each emotion beside a face, if there is room.
        landmarks: Mark the landmarks of each face.
        numbers: Write the probabilities beside the bars.
        attributes: Write the estimated age and gender of each person under the face, if they were estimated.
    """

    bars: bool = True
    landmarks: bool = False
    numbers: bool = False
    attributes: bool = False


def scale_of(width: int, height: int) -> float:
    """How much larger than on 360 lines everything is drawn."""
    return max(min(width, height) / 360, 0.85)  # smaller letters could not be read


class Overlay:
    """For pictures of one size. min_confidence: below it a face is called uncertain. names: person -> name.

    guesses: person -> attributes, one guess for all of the clip, so that it does not change from frame to frame.
    """

    def __init__(
        self,
        width: int,
        height: int,
        options: OverlayOptions,
        min_confidence: float = 0.0,
        names: Mapping[int, str] | None = None,
        guesses: Mapping[int, Attributes] | None = None,
    ) -> None:
        self._width, self._height, self._options, self._least = width, height, options, min_confidence
        self._names, self._guesses = names or {}, guesses or {}
        self._scale = scale_of(width, height)

    def _px(self, size: float) -> int:
        return max(round(size * self._scale), 1)

    def draw(self, image: Image, seen: Sequence[Observation]) -> None:
        """On the picture itself. Observations without a face are passed over."""
        faces = [each for each in seen if each.face is not None and each.probabilities]
        boxes = [_rounded(each) for each in faces]
        taken = list(boxes)
        for each, box in zip(faces, boxes, strict=True):
            label = each.emotion or ""
            outline(image, box, bgr(colour_of(label)), self._px(_EDGE))
            if self._options.landmarks:
                self._landmarks(image, each)
        for each, box in zip(faces, boxes, strict=True):
            taken.append(self._tag(image, each, box))
            guess = self._guesses.get(each.person or 0) if self._options.attributes else None
            if guess is not None:
                taken.append(self._guess(image, guess, box))
        if self._options.bars:
            for each, box in zip(faces, boxes, strict=True):
                self._bars(image, each.probabilities or {}, box, taken)

    def _landmarks(self, image: Image, seen: Observation) -> None:
        assert seen.face is not None
        for x, y in () if seen.face.landmarks is None else seen.face.landmarks.tolist():
            center = (round(x), round(y))
            cv2.circle(image, center, self._px(2.4), _BLACK, -1, cv2.LINE_AA)
            cv2.circle(image, center, self._px(1.6), _WHITE, -1, cv2.LINE_AA)

    def _tag(self, image: Image, seen: Observation, box: Box) -> Box:
        """Who, and the leading emotion: above the box, or in it where there is no room above."""
        confidence = seen.confidence or 0.0
        label = (seen.emotion or "") if confidence >= self._least else "uncertain"
        who = str(self._names.get(seen.person or 0, seen.person))
        said, size = f"{label} {confidence:.0%}", self._px(_TAG)
        pad, edge = self._px(3), self._px(_EDGE)
        first, height = text_size(who, size)[0] + 2 * pad, text_size(who, size)[1] + pad
        width = first + text_size(said, size)[0] + 2 * pad
        x = max(min(box[0] - edge, self._width - width), 0)
        y = box[1] - edge - height if box[1] - edge - height >= 0 else max(box[1] + edge, 0)
        for left, right, words, colour in (
            (x, x + first, who, person_colour(seen.person or 1)), (x + first, x + width, said, colour_of(label)),
        ):  # fmt: skip
            fill(image, (left, y, right, y + height), bgr(colour))
            text(image, words, left + pad, y + pad // 2, size, bgr(text_on(colour)))
        return x, y, x + width, y + height

    def _guess(self, image: Image, guess: Attributes, box: Box) -> Box:
        """Under the box, or in it where there is no room below."""
        gender = max(guess.gender, key=guess.gender.__getitem__)
        said = f"looks {guess.age_years:.0f} ± {guess.age_std_years:.0f}, {gender} {guess.gender[gender]:.0%}"
        size, pad, edge = self._px(_BAR_TEXT), self._px(3), self._px(_EDGE)
        width, height = text_size(said, size)[0] + 2 * pad, text_size(said, size)[1] + pad
        x = max(min(box[0] - edge, self._width - width), 0)
        y = box[3] + edge if box[3] + edge + height <= self._height else max(min(box[3], self._height) - height, 0)
        fill(image, (x, y, x + width, y + height), _BLACK, 0.55)
        text(image, said, x + pad, y + pad // 2, size, _WHITE)
        return x, y, x + width, y + height

    def _bars(self, image: Image, probabilities: Mapping[str, float], box: Box, taken: list[Box]) -> None:
        """Beside the face where nothing else is; the few most probable where not all fit, none where those do not."""
        most = sorted(probabilities, key=probabilities.__getitem__, reverse=True)[:_FEW]
        for labels in (list(probabilities), most):
            for area in self._places(labels, box):
                if not any(_overlap(area, other) for other in taken if other is not box):
                    self._panel(image, {label: probabilities[label] for label in labels}, area)
                    taken.append(area)
                    return

    def _places(self, labels: Sequence[str], box: Box) -> list[Box]:
        pad, gap = self._px(4), self._px(5)
        wide = max(text_size(label, self._px(_BAR_TEXT))[0] for label in labels)
        wide += self._number_width()
        width, height = wide + self._px(_BAR) + 3 * pad, len(labels) * self._px(_BAR_ROW) + 2 * pad
        y = max(min(box[1], self._height - height), 0)
        x = max(min(box[0], self._width - width), 0)
        corners = [(box[2] + gap, y), (box[0] - gap - width, y), (x, box[3] + gap)]
        places = [(left, top, left + width, top + height) for left, top in corners]
        return [p for p in places if p[0] >= 0 and p[1] >= 0 and p[2] <= self._width and p[3] <= self._height]

    def _panel(self, image: Image, probabilities: Mapping[str, float], area: Box) -> None:
        pad, row, size = self._px(4), self._px(_BAR_ROW), self._px(_BAR_TEXT)
        fill(image, area, _BLACK, 0.55)
        right = area[2] - pad - self._number_width()
        left = right - self._px(_BAR)
        for place, (label, value) in enumerate(probabilities.items()):
            y = area[1] + pad + place * row
            text(image, label, area[0] + pad, y, size, _WHITE)
            top, bottom = y + row // 5, y + row - row // 5
            fill(image, (left, top, right, bottom), _WHITE, 0.2)
            fill(image, (left, top, left + round((right - left) * value), bottom), bgr(colour_of(label)))
            if self._options.numbers:
                said = f"{value:.0%}"
                text(image, said, area[2] - pad - text_size(said, size)[0], y, size, _WHITE)

    def _number_width(self) -> int:
        return text_size("100%", self._px(_BAR_TEXT))[0] + self._px(4) if self._options.numbers else 0


def hide_faces(image: Image, boxes: Sequence[tuple[float, float, float, float]] | None) -> None:
    """Leaves a few colours of each face and its surroundings; of the whole picture where boxes is None."""
    height, width = image.shape[:2]
    for x1, y1, x2, y2 in [(0.0, 0.0, width, height)] if boxes is None else boxes:
        dx, dy = _GROW * (x2 - x1), _GROW * (y2 - y1)
        left, top = max(int(x1 - dx), 0), max(int(y1 - dy), 0)
        part = image[top : max(int(y2 + dy) + 1, 0), left : max(int(x2 + dx) + 1, 0)]
        if part.size:
            few = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(few, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)


def _rounded(seen: Observation) -> Box:
    assert seen.face is not None
    x1, y1, x2, y2 = (round(value) for value in seen.face.box)
    return x1, y1, x2, y2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
