"""Results made by hand, small enough to be read in a test, and what the writers make of them."""

from __future__ import annotations

import io

from fer_video.results.observations import ObservationLog
from fer_video.results.writers import RowShape, make_writer
from fer_video.types import Attributes, ClipResult, Face, Observation, Person, Prediction, Segment, Track

__all__ = ["EMOTIONS", "FAILED", "GUESS", "SEGMENTS", "result", "written"]

EMOTIONS = ("sad", "happy")
GUESS = Attributes(31.26, 4.0, {"male": 0.25, "female": 0.75}, {"White": 0.5, "Black": 0.5})
SEGMENTS = (Segment(0.0, 0.1, "happy", 0.75), Segment(0.1, 0.2, None, 0.5))
FAILED = ClipResult("bad\n.mp4", "failed", "bad.mp4: no such file")


def result(path: str = "clip.mp4", *, attributes: bool = True) -> ClipResult:
    log = ObservationLog(EMOTIONS, *((("male", "female"), ("White", "Black")) if attributes else ()))
    face = Face((1.5, 2.25, 30.0, 40.125), 0.875)
    guess = GUESS if attributes else None
    log.append(Observation(0, 0.0, 1, face, {"sad": 0.25, "happy": 0.75}, attributes=guess))
    log.append(Observation(3, 0.1))
    log.append(Observation(6, 0.2, 1, face, {"sad": 0.5, "happy": 0.5}, attributes=guess))
    means = {"sad": 0.375, "happy": 0.625}
    return ClipResult(
        path=path,
        status="ok",
        duration_s=0.3,
        fps=30.0,
        frames_sampled=3,
        frames_with_face=2,
        clip=Prediction("happy", 0.625, means, "mean-probability", 1),
        group=Prediction("happy", 0.625, means, "mean-probability"),
        people=(Person(1, 0.0, 0.2, 2, "happy", 0.625, means, guess, SEGMENTS),),
        tracks=(Track(1, 0.0, 0.2, 2, 1),),
        ran={"fervid": "0.1.0"},
        observations=log,
    )


def written(format_name: str, rows: str, *results: ClipResult, attributes: bool = False, **options: bool) -> str:
    file = io.StringIO()
    with make_writer(format_name, rows, file, RowShape(EMOTIONS, (), attributes), **options) as writer:  # type: ignore[arg-type]
        for each in results:
            writer.write(each)
    return file.getvalue()
