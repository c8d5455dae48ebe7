"""Container lengths from bytes put together by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_video.media.container import describe_damage, measure


def box(kind: bytes, size: int, content: int | None = None) -> bytes:
    """An ISO box that declares `size` bytes and holds `content` of them (all, unless told)."""
    body = size - 8 if content is None else content
    return size.to_bytes(4, "big") + kind + bytes(body)


FTYP = box(b"ftyp", 16)
EBML = b"\x1a\x45\xdf\xa3\x84abcd"  # header with 4 bytes of content
SEGMENT = b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (FTYP + box(b"moov", 20) + box(b"mdat", 100), 0),
        (FTYP + box(b"moov", 20) + box(b"mdat", 100, content=50), 42),
        # a 64-bit size: 16 bytes of header, 30 declared, 10 of the content there
        (FTYP + (1).to_bytes(4, "big") + b"mdat" + (30).to_bytes(8, "big") + bytes(10), 4),
        (FTYP + (0).to_bytes(4, "big") + b"mdat" + bytes(50), 0),  # size 0: to the end of the file
        (b"RIFF" + (92).to_bytes(4, "little") + bytes(92), 0),
        (b"RIFF" + (92).to_bytes(4, "little") + bytes(40), 52),
        (b"RIFF" + (4).to_bytes(4, "little") + b"AVI " + b"RIFF" + (8).to_bytes(4, "little") + b"AVIX", 4),
        (b"RIFF" + (0).to_bytes(4, "little") + bytes(40), None),
        (EBML + SEGMENT + b"\x8a" + bytes(10), 0),
        (EBML + SEGMENT + b"\x8a" + bytes(7), 3),
        (EBML + SEGMENT + b"\x40\xc8" + bytes(150), 50),  # a size of two bytes: 200
        (EBML + SEGMENT + b"\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(9), None),  # unknown size: a live recording
        (FTYP + box(b"moov", 20) + b"SEFT camera trailer", 0),  # read as a box, its size would be over a gigabyte
        (b"Dear diary, nothing happened today.", None),
    ],
)
def test_missing_bytes(tmp_path: Path, data: bytes, missing: int | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert measure(path).missing == missing


def test_damage_in_words(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(FTYP + box(b"mdat", 100, content=50))
    assert describe_damage(path) == "the file is cut off (42 bytes are missing)"
    path.write_bytes(FTYP + box(b"mdat", 100))
    assert "moov" in (describe_damage(path) or "")
    path.write_bytes(FTYP + box(b"moov", 100))
    assert describe_damage(path) is None


@pytest.mark.parametrize(
    "data", [FTYP, box(b"ftyp", 8) * 200_000, EBML, b"RIFF", b"RIFF\x01\0\0\0", EBML + b"\x00" * 40]
)
def test_odd_files_end(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    measure(path)
    describe_damage(path)
