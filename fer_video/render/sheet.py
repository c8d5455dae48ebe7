"""People of many clips -> a contact sheet: a row per person, a picture from each clip where its video still is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from fer_video.errors import InputError, OutputError
from fer_video.files import open_output
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.render.crops import cut_out
from fer_video.render.draw import check_text, text, text_size
from fer_video.study.people import Appearance, Found
from fer_video.types import Image

__all__ = ["check_sheet", "write_sheet"]

_SIDE, _GAP, _LETTERS = 128, 8, 16  # pixels
_MOST_PEOPLE, _MOST_PICTURES = 100, 8  # rows; pictures in one, of the clips where the person is longest in sight
_INK, _FAINT, _PAPER = (30, 30, 30), (110, 110, 110), 255
_ROUNDING_S = 1e-3

Key = tuple[Path, int, int]  # file, clip in it, person


def check_sheet(out: Path) -> None:
    """Before the work: raises OptionError without Pillow, OutputError for a name that says no picture."""
    check_text()
    if out.suffix.lower() != ".png":
        raise OutputError(f"{out}: not a picture that can be written; name it .png")


def write_sheet(people: Sequence[Found], out: Path, video_of: Callable[[Appearance], Path | None]) -> list[str]:
    """Those in most clips, whose faces are clear. video_of: the clip of an appearance; None where it is not at hand.

    Gives a line for each video that is missing or cannot be read. Raises OptionError, OutputError.
    """
    check_sheet(out)
    shown = [(each, _chosen(each)) for each in people]
    rows = [(each, chosen) for each, chosen in shown if chosen][:_MOST_PEOPLE]
    pictures, missing = _pictures((seen for _, chosen in rows for seen in chosen), video_of)
    drawn = [_row(each, [pictures.get(_key(seen)) for seen in chosen]) for each, chosen in rows]
    _, data = cv2.imencode(".png", np.concatenate(drawn) if drawn else _paper(_SIDE))
    with open_output(out, binary=True) as file:
        file.write(data.tobytes())
    return missing


def _chosen(found: Found) -> list[Appearance]:
    clear = [each for each in found.appearances if each.person.embedding is not None]
    return sorted(clear, key=lambda each: -each.seconds)[:_MOST_PICTURES]


def _key(seen: Appearance) -> Key:
    return seen.file, seen.clip, seen.person.id


def _pictures(
    wanted: Iterable[Appearance], video_of: Callable[[Appearance], Path | None]
) -> tuple[dict[Key, Image], list[str]]:
    """One video after the other, each read once from its first to its last moment that is wanted."""
    in_clip: dict[tuple[Path, int], list[Appearance]] = {}
    for seen in wanted:
        in_clip.setdefault((seen.file, seen.clip), []).append(seen)
    pictures: dict[Key, Image] = {}
    missing = []
    for several in in_clip.values():
        video = video_of(several[0])
        if video is None:
            missing.append(f"{several[0].path}: is not here any more; its pictures are left out")
            continue
        try:
            for seen in several:
                if (picture := _picture(video, seen)) is not None:
                    pictures[_key(seen)] = picture
        except InputError as error:
            missing.append(f"{error}; its pictures are left out")
    return pictures, missing


def _picture(video: Path, seen: Appearance) -> Image | None:
    embedding = seen.person.embedding
    assert embedding is not None
    start_s = max(embedding.time_s - _ROUNDING_S, 0.0)
    with open_source(video) as source:
        for frame in source.frames(Sampling(fps=None, start_s=start_s)):
            return cut_out(frame.image, embedding.box, _SIDE)
    return None


def _row(found: Found, pictures: Sequence[Image | None]) -> Image:
    """A line of text, and the pictures under it."""
    clips = f"{found.clips} {'clip' if found.clips == 1 else 'clips'}"
    said = f"{found.number}  {found.identity}" if found.identity else f"person {found.number}"
    height = text_size(said, _LETTERS)[1]
    row = _paper(height + _SIDE + 2 * _GAP)
    text(row, said, _GAP, _GAP, _LETTERS, _INK)
    left = _GAP * 3 + text_size(said, _LETTERS)[0]
    text(row, f"{clips}, {found.seconds:.1f} s", left, _GAP, _LETTERS, _FAINT)
    for place, picture in enumerate(each for each in pictures if each is not None):
        x = _GAP + place * (_SIDE + _GAP)
        row[_GAP + height : _GAP + height + _SIDE, x : x + _SIDE] = picture
    return row


def _paper(height: int) -> Image:
    return np.full((height, _GAP + _MOST_PICTURES * (_SIDE + _GAP), 3), _PAPER, np.uint8)
