"""A clip and its result -> the clip with the results drawn over it: H.264, with the clip's own sound and times.

Frame by frame, memory stays flat. Pictures come from decode.py, so that what is drawn and what was analysed agree in
frames, times and size; PyAV encodes and copies the sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from fer_video.errors import InputError, OptionError, OutputError
from fer_video.files import open_output
from fer_video.media.decode import VideoSource, open_source
from fer_video.media.sampling import Sampling
from fer_video.render.draw import check_text
from fer_video.render.overlay import Overlay, OverlayOptions, hide_faces
from fer_video.render.playback import Box, Playback
from fer_video.render.sound import SoundTrack
from fer_video.render.strip import TimelineStrip
from fer_video.study.said import first_of
from fer_video.types import ClipResult, Face, Image, Observation

__all__ = ["SUFFIXES", "RenderOptions", "Rendered", "check_video", "render_video"]

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_MOST_TICKS = 1 << 20  # a second: finer time bases than that are a container's fancy, and x264 refuses some
_UNSPECIFIED, _BT601 = 2, 5  # of FFmpeg's AVColorSpace
_KNOWN_SPACES = (1, 4, 5, 6, 7, 9)
Progress = Callable[[float, float | None], None]


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a rendered video looks.

    Attributes:
        overlay: Drawings over each frame.
        timeline: Draw a moving timeline under the picture.
        blur_faces: Blur the faces that were found, and whole frames in which no faces were searched.
        quality: Constant rate factor of x264, from 0 (lossless) to 51 (worst).
        blur_only: Blur only the faces of these people: names, or numbers of the result.
        blur_except: Blur all faces but those of these people.
    """

    overlay: OverlayOptions = field(default_factory=OverlayOptions)
    timeline: bool = True
    blur_faces: bool = False
    quality: int = 20
    blur_only: tuple[str, ...] = ()
    blur_except: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.quality <= 51:
            raise OptionError(f"quality must be from 0 (lossless) to 51, not {self.quality}")
        if not all(name.strip() for name in (*self.blur_only, *self.blur_except)):
            raise OptionError("blur_only and blur_except need the name or number of a person, not an empty one")
        if self.blur_only and self.blur_except:
            raise OptionError("blur_only and blur_except contradict each other; give one of them")
        if self.blur_faces and (self.blur_only or self.blur_except):
            raise OptionError("blur_faces hides everybody; leave it out where only some are to be hidden")

    @property
    def blurs(self) -> bool:
        return self.blur_faces or bool(self.blur_only or self.blur_except)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written."""

    frames: int
    duration_s: float
    ended_early: str | None  # as of decode.Source
    silent: tuple[str, ...]  # codecs of sound streams that the kind of file cannot hold: they were left out


def check_video(path: Path) -> None:
    """Before the work: raises OptionError without Pillow, OutputError for a suffix that says no video."""
    check_text()
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path}: not a video that can be written; name it {', '.join(SUFFIXES)}")


def render_video(
    clip: Path, result: ClipResult, out: Path, options: RenderOptions | None = None, progress: Progress | None = None
) -> Rendered:
    """result: of the clip, with observations.

    Raises InputError for a clip that cannot be read or a result without frames, OptionError, OutputError.
    """
    options = options or RenderOptions()
    check_video(out)
    if result.observations is None:
        raise InputError(f"{result.path}: its result has no frames to draw")
    with open_source(clip) as source, open_output(out, binary=True) as file:
        if not isinstance(source, VideoSource):
            raise InputError(f"{clip}: holds pictures; only video files can be rendered")
        with SoundTrack(clip, source.joined) as sound:
            return _Renderer(source, sound, result, options).run(file, SUFFIXES[out.suffix.lower()], progress)


class _Renderer:
    def __init__(self, source: VideoSource, sound: SoundTrack, result: ClipResult, options: RenderOptions) -> None:
        assert result.observations is not None
        self._source, self._sound, self._options = source, sound, options
        self._playback = Playback(result.observations)
        self._spared = _spared(result, options)
        self._width, self._height = source.info.width, source.info.height
        duration_s = result.duration_s or source.info.duration_s or 0.0
        least = result.observations.min_confidence
        names = {person.id: person.identity for person in result.people if person.identity is not None}
        guesses = {person.id: person.attributes for person in result.people if person.attributes is not None}
        if options.overlay.attributes and result.people and not guesses:
            raise OptionError(f"{result.path}: its result has no attributes to draw; analyse it with attributes")
        self._overlay = Overlay(self._width, self._height, options.overlay, least, names, guesses)
        strip = TimelineStrip(result, self._width, self._height, duration_s) if options.timeline else None
        self._strip = strip
        below = 0 if strip is None else strip.height
        # H.264 with half the colours wants even sides: a line is repeated where there is one too few
        self._canvas_width, self._canvas_height = _even(self._width), _even(self._height + below)

    def run(self, file: Any, container: str, progress: Progress | None) -> Rendered:
        try:
            with av.open(file, "w", format=container) as output:
                return self._write(output, progress)
        except av.FFmpegError as error:
            raise OutputError(f"the video cannot be encoded: {error.strerror or error}") from error

    def _write(self, output: Any, progress: Progress | None) -> Rendered:
        stream = self._add_video(output)
        refused = self._sound.connect(output)
        base, start_s = stream.codec_context.time_base, self._source.start
        count, time_s, interval_s, waiting = 0, 0.0, 1 / (self._source.info.fps or 25.0), None
        last = round(start_s / base) - 1
        for frame in self._source.frames(Sampling(fps=None)):
            if waiting is not None:
                interval_s = frame.time_s - time_s
                self._encode(output, stream, waiting, interval_s)
            time_s, count = frame.time_s, count + 1
            waiting = self._drawn(frame.image, time_s)
            waiting.time_base = base
            last = max(round((start_s + Fraction(time_s)) / base), last + 1)  # times may be finer than the base
            waiting.pts = last
            self._sound.write_until(float(start_s) + time_s, output)
            if progress:
                progress(time_s, self._source.info.duration_s)
        if waiting is not None:
            self._encode(output, stream, waiting, interval_s)
        output.mux(stream.encode(None))
        self._sound.write_until(math.inf, output)
        return Rendered(count, time_s + interval_s, self._source.ended_early, tuple(refused))

    def _add_video(self, output: Any) -> Any:
        rate = Fraction(self._source.info.fps or 25.0).limit_denominator(1001)
        options = {"crf": str(self._options.quality), "preset": "veryfast"}
        stream = output.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = self._canvas_width, self._canvas_height, "yuv420p"
        codec, base = stream.codec_context, self._source.time_base
        codec.time_base = base if base.numerator == 1 and base.denominator <= _MOST_TICKS else Fraction(1, 90_000)
        # Coded as the clip is, so that its colours stay as they were.
        said = self._source.coding["colorspace"]
        for name, value in self._source.coding.items():
            if said in _KNOWN_SPACES:  # what a GIF says, for one, does not hold for H.264
                setattr(codec, name, value)
        codec.color_range = 1  # limited, as the pictures are coded below
        self._space = said if said in _KNOWN_SPACES else _BT601
        return stream

    def _drawn(self, image: Image, time_s: float) -> Any:
        canvas = np.empty((self._canvas_height, self._canvas_width, 3), np.uint8)
        view = canvas[: self._height, : self._width]
        place = _fit(image, view)
        if self._options.blurs:
            boxes = self._playback.to_hide(time_s, self._spared)
            hide_faces(view, None if boxes is None else [place.box(box) for box in boxes])
        self._overlay.draw(view, [place.observation(seen) for seen in self._playback.at(time_s)])
        end = self._height
        if self._strip is not None:
            end += self._strip.height
            canvas[self._height : end, : self._width] = self._strip.draw(time_s)
        canvas[end:] = canvas[end - 1]
        canvas[:, self._width :] = canvas[:, self._width - 1 : self._width]
        frame = av.VideoFrame.from_ndarray(canvas, format="bgr24")
        return frame.reformat(format="yuv420p", dst_colorspace=self._space, dst_color_range=1)

    @staticmethod
    def _encode(output: Any, stream: Any, frame: Any, lasts_s: float) -> None:
        """A frame is given out when the next one tells how long it lasts."""
        frame.duration = max(round(Fraction(lasts_s) / frame.time_base), 1)
        output.mux(stream.encode(frame))


def _who(result: ClipResult) -> str:
    """The numbers and names that can be given."""
    if not result.people:
        return "there is nobody in it"
    numbers = [str(person.id) for person in result.people]
    known = f"the only number is {numbers[0]}" if len(numbers) == 1 else f"numbers are {first_of(numbers)}"
    names = sorted({person.identity for person in result.people if person.identity is not None})
    told = f"names are {first_of(names)}" if names else "it has no names; fervid people --write puts them in"
    return f"{known}; {told}"


def _spared(result: ClipResult, options: RenderOptions) -> set[int]:
    """Numbers of the people whose faces are not hidden. Raises OptionError for somebody who is not there."""
    known: dict[str, set[int]] = {}
    for person in result.people:
        for name in {str(person.id), person.identity or str(person.id)}:
            known.setdefault(name, set()).add(person.id)
    named = set[int]()
    for name in options.blur_only or options.blur_except:
        if name not in known:
            raise OptionError(f"{result.path}: nobody in the result is called {name}; {_who(result)}")
        named |= known[name]
    return {person.id for person in result.people} - named if options.blur_only else named


def _even(pixels: int) -> int:
    return pixels + pixels % 2


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a picture is on the canvas: a stream may change its size on the way."""

    scale: float
    left: float
    top: float

    def box(self, box: Box) -> Box:
        x1, y1, x2, y2 = box
        return (*self._point(x1, y1), *self._point(x2, y2))

    def observation(self, seen: Observation) -> Observation:
        if seen.face is None or self == _WHOLE:
            return seen
        points = seen.face.landmarks
        if points is not None:
            points = np.asarray(points * self.scale + (self.left, self.top), np.float32)
        return replace(seen, face=Face(self.box(seen.face.box), seen.face.score, points))

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return x * self.scale + self.left, y * self.scale + self.top


_WHOLE = _Place(1.0, 0.0, 0.0)


def _fit(image: Image, view: Image) -> _Place:
    """Puts a picture into the middle of the view, as large as it can be."""
    (height, width), (most_height, most_width) = image.shape[:2], view.shape[:2]
    if (height, width) == (most_height, most_width):
        view[:] = image
        return _WHOLE
    scale = min(most_height / height, most_width / width)
    wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (most_width - wide) // 2, (most_height - high) // 2
    view[:] = 0
    view[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
    return _Place(scale, left, top)
