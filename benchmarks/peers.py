"""What others do, on one clip, for comparison: prints one line of JSON with the frames a second.

    python benchmarks/peers.py emotieff|fer CLIP [--frames N]

emotieff: video as the tutorial of EmotiEffLib reads it. Each frame is decoded, turned to RGB, given to
facenet-pytorch's MTCNN (smallest face 40 pixels), and each face found is resized to 224 x 224 and run alone through
EfficientNet-B0 in ONNX Runtime. Its trained weights are not needed to time it: the network is timm's, with the same
operations and random weights. Needs torch, timm, onnx, onnxscript and facenet-pytorch, the latter without its outdated
pins: `pip install --no-deps facenet-pytorch`.

fer: the package `fer`, `FER().detect_emotions(frame)` for each frame.

Loading is not counted; the first frame warms up and is not counted either.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Image = np.ndarray
SIZE = 224
MEAN, STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))


def emotieff() -> Callable[[Image], int]:
    import onnxruntime
    import timm
    import torch
    from facenet_pytorch import MTCNN

    find = MTCNN(keep_all=True, post_process=False, min_face_size=40, device="cpu")
    network = timm.create_model("efficientnet_b0", num_classes=8).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "b0.onnx"))
        torch.onnx.export(network, (torch.zeros(1, 3, SIZE, SIZE),), path, input_names=["input"], external_data=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def read(frame: Image) -> int:
        picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        boxes, scores = find.detect(picture, landmarks=False)
        faces = 0
        for box, score in zip(boxes if boxes is not None else (), scores, strict=False):
            if score < 0.5:
                continue
            x1, y1, x2, y2 = (max(int(value), 0) for value in box)
            face = cv2.resize(picture[y1:y2, x1:x2], (SIZE, SIZE)).astype(np.float32) / 255
            blob = ((face - MEAN) / STD).transpose(2, 0, 1)[None]
            session.run(None, {"input": blob})
            faces += 1
        return faces

    return read


def fer() -> Callable[[Image], int]:
    try:
        from fer.fer import FER
    except ImportError:
        from fer import FER
    detector: Any = FER()
    return lambda frame: len(detector.detect_emotions(frame))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("emotieff", "fer"))
    parser.add_argument("clip")
    parser.add_argument("--frames", type=int, default=0, help="no more than so many; 0: all")
    given = parser.parse_args()
    read = {"emotieff": emotieff, "fer": fer}[given.peer]()
    capture = cv2.VideoCapture(given.clip)
    read(capture.read()[1])
    frames = faces = 0
    began = time.perf_counter()
    while True:
        done, frame = capture.read()
        if not done or (given.frames and frames >= given.frames):
            break
        faces += read(frame)
        frames += 1
    took = time.perf_counter() - began
    print(json.dumps({"peer": given.peer, "frames": frames, "faces": faces, "fps": frames / took}))


if __name__ == "__main__":
    main()
