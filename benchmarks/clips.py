"""Clips for the measurements: looped, scaled, and drawn with a given number of faces."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

Image = np.ndarray
# Left, top and side of a square around each face of insightface's group picture.
_FACES = ((23, 236, 180), (233, 124, 180), (427, 253, 180), (706, 324, 180), (866, 44, 180), (1092, 245, 180))


def loop(source: Path, target: Path, times: int) -> int:
    """The video packets of a clip again and again; gives the frames of one round."""
    frames = 0
    with av.open(target, "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(source) as clip:
                video = clip.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                packets = [packet for packet in clip.demux(video) if packet.dts is not None]
                frames = len(packets)
                length = max(packet.pts + packet.duration for packet in packets) - min(p.pts for p in packets)
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    out.mux(packet)
                shift += length
    return frames


def encode(path: Path, images: Iterator[Image], width: int, height: int, fps: int = 30) -> Path:
    """H.264 at a quality that looks clean."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=fps, width=width, height=height)
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "veryfast", "crf": "20"}
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def resized(source: Path, target: Path, width: int, height: int, frames: int) -> Path:
    """The first frames of a clip in another size."""

    def images() -> Iterator[Image]:
        capture = cv2.VideoCapture(str(source))
        for _ in range(frames):
            done, image = capture.read()
            if not done:
                return
            yield cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)

    return encode(target, images(), width, height)


def group_picture() -> Image:
    """1280 x 886, six faces of 85 to 125 pixels, which insightface brings."""
    home = importlib.util.find_spec("insightface")
    if home is None or home.origin is None:
        sys.exit("insightface is not installed")
    return cv2.imread(str(Path(home.origin).parent / "data" / "images" / "t1.jpg"))


def faces_clip(target: Path, count: int, frames: int = 90) -> Path:
    """1280 x 720, up to 20 faces, each of which sways a little in its own place; mirrored ones where six are few."""
    picture = group_picture()
    tiles = [picture[y : y + side, x : x + side] for x, y, side in _FACES]
    chosen = [tiles[i % 6] if i % 12 < 6 else tiles[i % 6][:, ::-1] for i in range(count)]

    def images() -> Iterator[Image]:
        for t in np.arange(frames) / 30:
            canvas = np.full((720, 1280, 3), 96, np.uint8)
            for i, tile in enumerate(chosen):
                x = 38 + 256 * (i % 5) + round(15 * np.sin(1.3 * t + i))
                canvas[180 * (i // 5) :, x : x + 180][:180] = tile
            yield canvas

    return encode(target, images(), 1280, 720)
