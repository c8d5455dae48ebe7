"""Opening a file with FFmpeg: only that file, only as a video, and only as much of it as the limits allow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av

from fer_video.errors import InputError
from fer_video.media.container import describe_damage
from fer_video.media.limits import Limits

__all__ = ["decoder_options", "open_container", "video_stream"]

# FFmpeg also reads descriptions that name other files and addresses (playlists, concat, sdp, dash, imf) and games,
# text and screens as video. What holds moving pictures of people is here, everything else is refused.
_FORMATS = (
    "3g2 3gp apng asf av1 avi avif avs2 avs3 cavsvideo cine dhav dirac dnxhd dv evc flv gif gxf h261 h263 h264 hevc "
    "ivf ivr lxf m4v matroska mjpeg mlv mov mp4 mpeg mpegts mpegvideo mpjpeg mtv mxf nsv nut nuv obu ogg pva r3d "
    "rl2 rm smjpeg ty vc1 vc1test vvc webm wtv yuv4mpegpipe"
).split()
# How texts begin that name other files, or tell how to find them.
_DESCRIPTIONS = (b"ffconcat", b"#extm3u", b"[playlist]", b"[reference]", b"v=0", b"<?xml", b"<mpd", b"<asx", b"<smil",
                 b"rtsptext", b"asf ", b"<playlist", b"<assetmap", b"file ", b"# ", b"{")  # fmt: skip
_COVERS = ("attached_pic", "timed_thumbnails")
_OPEN_S = 60.0  # for finding out what is in a file


def open_container(path: Path, limits: Limits) -> Any:
    """An av.container.InputContainer. Raises InputError, in one line, for whatever is no video that can be read."""
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(_FORMATS),
        "max_streams": str(limits.streams + 1),
        **decoder_options(limits),
    }
    container = _open(path, options, limits)
    if len(container.streams) > limits.streams:
        container.close()
        raise InputError(f"{path}: has more than {limits.streams} streams; FERVID_MAX_STREAMS raises the limit")
    return container


def _open(path: Path, options: dict[str, str], limits: Limits) -> Any:
    try:
        # "file:" and the whole path, since FFmpeg takes some names for addresses.
        return av.open(
            "file:" + os.path.abspath(path),  # noqa: PTH100  resolving links would change what messages say
            format="mjpeg" if _head(path).startswith(b"\xff\xd8\xff") else None,  # FFmpeg takes it for one picture
            options=options,
            metadata_errors="replace",
            timeout=(max(_OPEN_S, limits.frame_s), limits.frame_s),
        )
    except (av.FFmpegError, ValueError, UnicodeError) as error:
        raise InputError(f"{path}: no video in it can be decoded: {_why(path, error)}; check that it plays") from error


def decoder_options(limits: Limits) -> dict[str, str]:
    return {"max_pixels": str(limits.pixels)}


def _why(path: Path, error: Exception) -> str:
    head = _head(path)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_DESCRIPTIONS) and _is_text(head):
        return "it is a text, such as a playlist, that describes other files; name those instead"
    damage = describe_damage(path)
    if damage:
        return damage
    if isinstance(error, av.error.ExitError):
        return "what is in it was not found out in time"
    return "it is not a video, holds only sound, or is damaged at its beginning"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 for byte in head)


def video_stream(container: Any, path: Path) -> Any:
    """The video that a player shows: marked as the default, else the first; cover art is none.

    Raises InputError without one.
    """
    streams = [each for each in container.streams.video if each.codec_context is not None]
    films = [each for each in streams if not any(_is_marked(each, mark) for mark in _COVERS)]
    if not films:
        what = "it holds only sound" + (" and a cover picture" if streams else "")
        if len(container.streams.video) > len(streams):
            what = "FFmpeg knows no decoder for its codec"
        raise InputError(f"{path}: no video in it can be decoded: {what}; check that it plays")
    moving = [each for each in films if each.frames != 1] or films  # animated AVIF holds a still picture as well
    return next((each for each in moving if _is_marked(each, "default")), moving[0])


def _is_marked(stream: Any, mark: str) -> bool:
    disposition = type(stream.disposition)
    return bool(stream.disposition & disposition[mark])
