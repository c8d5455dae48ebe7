"""Servers that would keep a download for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web import Server, serving

from fer_video.media.download import DownloadError, DownloadOptions, download

CONTENT = bytes(range(256)) * 40
HASTY = DownloadOptions(timeout_s=5, attempts=2, wait_s=0.01, pace_s=0.5, least_bytes=1000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONTENT) as found:
        yield found


def fetch(server: Server, part: Path) -> None:
    download(f"{server.url}/x.mp4", part, None, HASTY, lambda *_: None)


@pytest.mark.parametrize("behaviour", ["dribble", "dribble-without-length", "dribbling-head"])
def test_a_byte_now_and_then(server: Server, tmp_path: Path, behaviour: str) -> None:
    server.behaviours = [behaviour]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"fewer than 1000 bytes came in 0\.5 s") as told:
        fetch(server, tmp_path / "part")
    assert told.value.passing
    assert time.monotonic() - began < 4  # at 0.02 s a byte all of it takes minutes


def test_a_length_of_five_thousand_digits(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["digits"]
    fetch(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_what_is_fast_enough_is_left_alone(server: Server, tmp_path: Path) -> None:
    """Longer than one stretch of time, and more than the least in each of them."""
    server.content, server.behaviours = bytes(80), ["dribble"]
    slow = DownloadOptions(timeout_s=5, attempts=1, pace_s=0.6, least_bytes=3)
    download(f"{server.url}/x.mp4", tmp_path / "part", None, slow, lambda *_: None)
    assert (tmp_path / "part").read_bytes() == bytes(80)
