"""Still pictures -> pseudo-clips: face crops as a short video would give them.

Each clip is one picture under a smooth random walk of position, scale, turn and light, with a resolution, blur and
JPEG quality of its own, as cameras have. What changes in a real clip, the expression itself, does not change here.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def walk(rng: np.random.Generator, frames: int, base: float, drift: float) -> npt.NDArray[np.float64]:
    """(frames,): a level drawn once from +-base, and a slow swing of +-drift around it."""
    phase, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2.0)
    time = np.linspace(0, 2 * np.pi * speed, frames)
    return rng.uniform(-base, base) + rng.uniform(0, drift) * np.sin(time + phase)


def pseudo_clip(image: Image, rng: np.random.Generator, frames: int, size: int = 96) -> list[Image]:
    """(48, 48, 3) uint8 -> crops of (size, size, 3) uint8."""
    source = image[:, ::-1] if rng.random() < 0.5 else image
    source = np.ascontiguousarray(source)
    middle = source.shape[0] / 2
    dx, dy = (walk(rng, frames, 2.5, 1.5) for _ in "xy")
    scale, turn = 1 + walk(rng, frames, 0.08, 0.04), walk(rng, frames, 8, 4)
    gain, offset = 1 + walk(rng, frames, 0.2, 0.1), walk(rng, frames, 12, 6)
    resolution, quality = int(rng.integers(36, 73)), int(rng.integers(40, 96))
    blur = max(rng.uniform(-0.5, 1.0), 0.0)
    crops = []
    for i in range(frames):
        matrix = cv2.getRotationMatrix2D((middle, middle), turn[i], scale[i] * size / source.shape[0])
        matrix[:, 2] += size / 2 - middle + np.array([dx[i], dy[i]]) * size / source.shape[0]
        crop = cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        crop = cv2.resize(cv2.resize(crop, (resolution, resolution), interpolation=cv2.INTER_AREA), (size, size))
        if blur > 0.2:
            crop = cv2.GaussianBlur(crop, (0, 0), blur)
        crop = np.clip(crop * gain[i] + offset[i], 0, 255).astype(np.uint8)
        stored = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crops.append(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8))
    return crops
