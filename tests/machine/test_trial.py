"""doctor's tiny videos: they are right here, and wrong pictures are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_video.machine.trial import KINDS, check_kind
from fer_video.media import decoder
from fer_video.media.orientation import UPRIGHT
from fer_video.media.video import VideoSource


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_read_as_it_was_drawn(tmp_path: Path, name: str) -> None:
    assert check_kind(name, tmp_path) is None


def test_a_decoder_that_does_not_turn_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "orientation_of", lambda _: UPRIGHT)
    assert "instead of 64 x 96" in (check_kind("turned", tmp_path) or "")
    assert "levels from those that were drawn" in (check_kind("mirrored", tmp_path) or "")


def test_a_decoder_with_wrong_times_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = VideoSource.frames
    monkeypatch.setattr(VideoSource, "frames", lambda self, sampling: list(original(self, sampling))[:3])
    assert "times" in (check_kind("variable frame rate", tmp_path) or "")
