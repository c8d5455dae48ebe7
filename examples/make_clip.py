"""Draw examples/astronaut.mp4 from `skimage.data.astronaut()` (NASA, public domain).

    pip install -e '.[test]' && python examples/make_clip.py

Ten and a half seconds of H.264 at 25 frames a second: the camera pans to the smiling face and moves in, pans away to a
stretch without a face, then a cut to a mirrored, darker close view that pulls back.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

WIDTH, HEIGHT, FPS = 480, 270, 25
FACE = (225.0, 118.0)  # centre of the face in the picture, pixels
CORNER = (395.0, 425.0)  # centre of a view without a face: the suit and the model of the shuttle

# (seconds, centre from, centre to, height of the view from, to), each ease-in-ease-out
SHOTS = (
    (2.0, (330.0, 300.0), FACE, 330.0, 300.0),
    (2.5, FACE, FACE, 300.0, 190.0),
    (1.5, FACE, CORNER, 190.0, 150.0),
    (2.0, CORNER, (380.0, 415.0), 150.0, 150.0),
)
AFTER_CUT = ((2.5, (515 - 225.0, 125.0), (500 - 225.0, 120.0), 170.0, 320.0),)

Image = npt.NDArray[np.uint8]


def views(picture: Image, shots: tuple) -> Iterator[Image]:
    for seconds, start, end, height_from, height_to in shots:
        count = round(seconds * FPS)
        for i in range(count):
            t = (1 - np.cos(np.pi * i / count)) / 2
            x, y = (1 - t) * np.array(start) + t * np.array(end)
            scale = HEIGHT / ((1 - t) * height_from + t * height_to)
            shift = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
            yield cv2.warpAffine(picture, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def frames() -> Iterator[Image]:
    picture = skimage.data.astronaut()
    yield from views(picture, SHOTS)
    mirrored = cv2.convertScaleAbs(np.ascontiguousarray(picture[:, ::-1]), alpha=0.7)
    yield from views(mirrored, AFTER_CUT)


def main(path: Path) -> None:
    with av.open(path, "w") as file:
        # Two B-frames and a fixed single thread: like what cameras and phones write, and the same on every run.
        options = {"crf": "26", "preset": "slow", "bf": "2", "threads": "1"}
        stream = file.add_stream("libx264", rate=FPS, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p", options=options)
        for i, image in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.mp4"))
