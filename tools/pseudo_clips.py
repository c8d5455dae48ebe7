"""Still pictures -> pseudo-clips of faces that change: an expression begins, rises, holds and falls.

A script says when: how much of each of a few pictures is in every frame, and in which frames the face is seen. A clip
is made of a script in one of two spaces: of pictures (cross-faded or cut, with one motion of the whole face, a moving
mouth and the head turning away), or of features (of a few views of each picture; see feature_clip).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

TALKING, TURNED = (4, 5), (6,)  # numbers of the views in which the mouth is open, and the head turned
VIEWS = 7
_SMALLEST_SHARE = 0.2  # of a clip in which what it shows is seen


@dataclass(frozen=True)
class Script:
    """What happens in a clip. Columns of `mix`: before, before, shown, shown: two pictures of each expression."""

    times: Vector  # (n,) seconds
    mix: Vector  # (n, 4) rows sum to 1
    seen: npt.NDArray[np.bool_]  # (n,) whether the face is found in the frame
    talks: Vector  # (n,) 0 to 1: how far the mouth is open
    turns: Vector  # (n,) 0 to 1: how far the head is turned away
    share: float  # of the clip in which what it shows is more than half there

    @property
    def intensity(self) -> Vector:
        """(n,) 0 to 1: how much of what the clip shows is there."""
        intensity: Vector = self.mix[:, 2:].sum(axis=1)
        return intensity

    @property
    def changes(self) -> list[float]:
        """When the intensity crosses a half, in seconds."""
        level = self.intensity - 0.5
        places = np.flatnonzero(np.sign(level[1:]) != np.sign(level[:-1]))
        steps = level[places] / (level[places] - level[places + 1])
        return (self.times[places] + steps * (self.times[places + 1] - self.times[places])).tolist()


def write_script(
    rng: np.random.Generator, *, still: bool, least: float = _SMALLEST_SHARE, fps: float = 10.0,
    length_s: tuple[float, float] = (1.5, 4.0), strength: float = 1.0,
) -> Script:  # fmt: skip
    """still: the expression is there all the time. least: share of the time at least. strength: of the expression."""
    count = int(rng.uniform(*length_s) * fps) + 1
    times = np.arange(count) / fps
    share = 1.0 if still else rng.uniform(least, 0.9)
    level = np.ones(count) if still else _course(rng, times, share)
    level = level * strength
    mix = np.zeros((count, 4))
    for first, part in ((0, 1 - level), (2, level)):
        second = _switched(rng, times)
        mix[:, first], mix[:, first + 1] = part * (1 - second), part * second
    talks = np.zeros(count)
    if rng.random() < 0.4:
        syllables = np.abs(np.sin(2 * np.pi * times * rng.uniform(1.5, 3.0) + rng.uniform(0, 6)))
        talks = syllables * (np.sin(2 * np.pi * times * rng.uniform(0.1, 0.4) + rng.uniform(0, 6)) > -0.3)
    turns = _bump(rng, times) if rng.random() < 0.25 else np.zeros(count)
    return Script(times, mix, _seen(rng, count), talks, turns, share)


def _course(rng: np.random.Generator, times: Vector, share: float) -> Vector:
    """Rise, hold, fall: above a half for the given share of the time; also begun before the clip, or lasting."""
    length = float(times[-1])
    rise, fall = rng.uniform(0.1, 0.8, 2)
    kind = rng.choice(["lasts", "ends", "comes and goes"], p=[0.45, 0.15, 0.4])
    begin = {"lasts": (1 - share) * length, "ends": -10.0}.get(kind, rng.uniform(0, (1 - share) * length))
    end = {"lasts": length + 10.0, "ends": share * length}.get(kind, begin + share * length)
    up = 1 / (1 + np.exp(-6 * (times - begin) / rise))
    down = 1 / (1 + np.exp(6 * (times - end) / fall))
    return np.asarray(up * down)


def _switched(rng: np.random.Generator, times: Vector) -> Vector:
    """How much of the second picture of an expression there is: cut to or faded to once, or never."""
    if rng.random() < 0.4:
        return np.zeros(len(times))
    when, how_long = rng.uniform(0.2, 0.8) * times[-1], rng.choice([0.01, 0.5, 1.5])
    return np.asarray(np.clip((times - when) / how_long + 0.5, 0, 1))


def _bump(rng: np.random.Generator, times: Vector) -> Vector:
    middle, width = rng.uniform(0, times[-1]), rng.uniform(0.15, 0.5)
    return np.asarray(rng.uniform(0.4, 1) * np.exp(-0.5 * ((times - middle) / width) ** 2))


def _seen(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Out of sight once for a tenth of the time or so in some clips, and in single frames now and then."""
    seen = rng.random(count) > rng.choice([0.0, 0.05, 0.15])
    if rng.random() < 0.25:
        begin = int(rng.integers(0, count))
        seen[begin : begin + max(count // 8, 1)] = False
    if seen.sum() < 2:
        seen[:] = True
    return seen


# ---- in the space of pictures


def walk(rng: np.random.Generator, frames: int, base: float, drift: float) -> Vector:
    """(frames,): a level drawn once from +-base, and a slow swing of +-drift around it."""
    phase, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2.0)
    time = np.linspace(0, 2 * np.pi * speed, frames)
    return np.asarray(rng.uniform(-base, base) + rng.uniform(0, drift) * np.sin(time + phase))


def picture_clip(
    pictures: Sequence[Image], mix: Vector, talks: Vector, turns: Vector, rng: np.random.Generator, size: int
) -> list[Image]:
    """Square pictures of one size -> crops (size, size, 3), one per row of `mix` (n, len(pictures)).

    One face's motion: a smooth random walk of position, scale, turn and light, with a resolution, blur and JPEG quality
    of its own, as cameras have.
    """
    sources = [np.ascontiguousarray(each) for each in pictures]
    if rng.random() < 0.5:
        sources = [np.ascontiguousarray(each[:, ::-1]) for each in sources]
    frames, side = len(mix), sources[0].shape[0]
    dx, dy = (walk(rng, frames, 0.05, 0.03) * size for _ in "xy")
    scale, tilt = 1 + walk(rng, frames, 0.08, 0.04), walk(rng, frames, 8, 4)
    gain, offset = 1 + walk(rng, frames, 0.2, 0.1), walk(rng, frames, 12, 6)
    resolution, quality = int(rng.integers(36, 73)), int(rng.integers(40, 96))
    blur, aside = max(rng.uniform(-0.5, 1.0), 0.0), rng.choice([-1.0, 1.0])
    crops = []
    for i in range(frames):
        source = np.clip(sum(w * each for w, each in zip(mix[i], sources, strict=True) if w > 0.004), 0, 255)
        source = _mouth(source.astype(np.uint8), float(talks[i]))
        matrix = _placed(side, size, dx[i], dy[i], scale[i], tilt[i], aside * turns[i])
        crop = cv2.warpPerspective(
            source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        crop = cv2.resize(cv2.resize(crop, (resolution, resolution), interpolation=cv2.INTER_AREA), (size, size))
        if blur > 0.2:
            crop = cv2.GaussianBlur(crop, (0, 0), blur)
        crop = np.clip(crop * gain[i] + offset[i], 0, 255).astype(np.uint8)
        stored = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crops.append(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8))
    return crops


def _placed(side: int, size: int, dx: float, dy: float, scale: float, tilt: float, turn: float) -> Vector:
    """Perspective matrix of a face moved, scaled, tilted (degrees), and turned aside (-1 to 1: a half profile)."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((side / 2, side / 2), tilt, scale * size / side)
    matrix[:2, 2] += size / 2 - side / 2 + np.array([dx, dy])
    if not turn:
        return matrix
    near, far = 0.04 * abs(turn), 0.16 * abs(turn)
    left, right = (near, far) if turn > 0 else (far, near)
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
    narrow = 0.5 * abs(turn) / 2 * size
    turned = np.array(
        [[narrow, left * size], [size - narrow, right * size], [size - narrow, size * (1 - right)],
         [narrow, size * (1 - left)]], np.float32,
    )  # fmt: skip
    return np.asarray(cv2.getPerspectiveTransform(corners, turned) @ matrix)


def _mouth(image: Image, openness: float) -> Image:
    """The lower face drawn down from the line of the mouth, up to 6 % of the picture, a dark slit between the lips."""
    if openness < 0.05:
        return image
    side = image.shape[0]
    line, drop = 0.74 * side, 0.06 * side * openness
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    near = np.exp(-(((columns - side / 2) / (0.3 * side)) ** 2))
    lower = np.clip((rows - line) / (0.06 * side), 0, 1) * np.clip((side - rows) / (0.2 * side), 0, 1)
    moved = cv2.remap(image, columns, rows - drop * near * lower, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slit = (
        0.5 * openness * np.exp(-(((columns - side / 2) / (0.14 * side)) ** 2) - ((rows - line) / (0.03 * side)) ** 2)
    )
    return np.asarray(moved * (1 - slit[:, :, None]), np.uint8)


def views(picture: Image, rng: np.random.Generator, size: int) -> list[Image]:
    """VIEWS crops of one picture: in motion, with the mouth open (TALKING) and with the head turned (TURNED)."""
    talks, turns = np.zeros(VIEWS), np.zeros(VIEWS)
    talks[list(TALKING)], turns[list(TURNED)] = rng.uniform(0.4, 1, len(TALKING)), rng.uniform(0.5, 1, len(TURNED))
    return picture_clip([picture], np.ones((VIEWS, 1)), talks, turns, rng, size)


# ---- in the space of features


def feature_clip(script: Script, seen_as: Sequence[Features], rng: np.random.Generator) -> Features:
    """Features of the views of the script's four pictures, (VIEWS, D) each -> (n, D) of a clip's frames.

    Motion is a smooth way through a picture's views; what is between two pictures is between their features.
    """
    count = len(script.times)
    plain = [i for i in range(VIEWS) if i not in (*TALKING, *TURNED)]
    way = np.cumsum(rng.uniform(0.02, 0.12)) + script.times * rng.uniform(0.2, 1.0) + rng.uniform(0, len(plain))
    low = np.floor(way).astype(int)
    part = (way - low)[:, None]
    first, second = (np.array(plain)[(low + step) % len(plain)] for step in (0, 1))
    talking = rng.choice(TALKING)
    features = np.zeros((count, seen_as[0].shape[1]), np.float32)
    for column, shown in enumerate(seen_as):
        if not script.mix[:, column].any():
            continue
        moving = (1 - part) * shown[first] + part * shown[second]
        moving += script.talks[:, None] * (shown[talking] - moving)
        moving += script.turns[:, None] * (shown[TURNED[0]] - moving)
        features += (script.mix[:, column, None] * moving).astype(np.float32)
    return features
