"""Small datasets of faces, drawn from the photographs that packages ship."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from media import Image

# Boxes of the six people of insightface's t1.jpg: x1, y1, x2, y2.
SIX = ((55, 260, 170, 391), (274, 156, 373, 273), (462, 268, 572, 418), (747, 348, 846, 480), (900, 59, 1012, 209),
       (1136, 273, 1228, 397))  # fmt: skip


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of two boxes: intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def face_crops(image: Image, boxes: tuple[tuple[int, int, int, int], ...], size: int) -> list[Image]:
    """Squares around the boxes."""
    found = []
    for x1, y1, x2, y2 in boxes:
        half = max(x2 - x1, y2 - y1) * 0.55
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        left, top = max(round(x - half), 0), max(round(y - half), 0)
        piece = image[top : top + round(2 * half), left : left + round(2 * half)]
        found.append(np.asarray(cv2.resize(piece, (size, size), interpolation=cv2.INTER_AREA), np.uint8))
    return found


def varied(crop: Image, turn: int) -> Image:
    """The same face, another picture: mirrored, lighter or darker, a little moved."""
    rng = np.random.default_rng(turn)
    moved = np.roll(crop, tuple(rng.integers(-2, 3, 2)), (0, 1))
    lit = np.clip(moved * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(lit[:, ::-1]) if turn % 2 else lit


def write_ferplus(folder: Path, crops: list[Image], each: int = 6) -> Path:
    """FER+ in its official layout: crop k is of emotion k % 3, all annotators agree; the last picture of each is for
    validation."""
    for part, turns in (("FER2013Train", range(each - 1)), ("FER2013Valid", range(each - 1, each))):
        (folder / part).mkdir(parents=True)
        lines = []
        for k, crop in enumerate(crops):
            votes = ["0"] * 10
            votes[k % 3] = "10"
            for turn in turns:
                grey = cv2.cvtColor(cv2.resize(varied(crop, turn), (48, 48)), cv2.COLOR_BGR2GRAY)
                name = f"fer{k:03}{turn:04}.png"
                cv2.imwrite(str(folder / part / name), grey)
                lines.append(f'{name},"(0, 0, 48, 48)",{",".join(votes)}')
        (folder / part / "label.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_utkface(folder: Path, crops: list[Image], each: int = 6) -> Path:
    """UTKFace: crop k is of 20 + 5 k years, gender k % 2, race k % 5."""
    folder.mkdir(parents=True)
    for k, crop in enumerate(crops):
        for turn in range(each):
            cv2.imwrite(
                str(folder / f"{20 + 5 * k}_{k % 2}_{k % 5}_2017{k:04}{turn:04}.jpg.chip.jpg"), varied(crop, turn)
            )
    return folder
