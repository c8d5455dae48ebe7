"""What is analysed is what the file shows: colours, turns, pixels that are not square, fields, sizes that change."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from films import BARS, Film, bar_colours, bars, film, write_packets
from media import Image, number_of

from fer_video.errors import InputError
from fer_video.media.decode import open_source
from fer_video.media.picture import Planes
from fer_video.media.resize import resized
from fer_video.media.sampling import Sampling
from fer_video.types import Frame

EVERY = Sampling(fps=None)


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        frames = list(source.frames(EVERY))
        assert source.ended_early is None
    return frames


GOLDEN = {
    "h264.mp4": Film(options={"crf": "10"}),
    "hevc.mp4": Film("libx265", options={"crf": "10", "x265-params": "log-level=none"}),
    "vp8.webm": Film("libvpx", options={"b": "4M"}),
    "vp9.webm": Film("libvpx-vp9", options={"b": "4M"}),
    "av1.mkv": Film("libsvtav1", options={"preset": "12", "crf": "15", "svtav1-params": "enable-overlays=0"}),
    "mpeg2.mpg": Film("mpeg2video", options={"b": "6M"}),
    "mpeg1.mpg": Film("mpeg1video", options={"b": "6M"}),
    "h264.ts": Film(options={"crf": "10"}),
    "mpeg4.avi": Film("mpeg4", options={"b": "6M", "bf": "2"}),
    "mjpeg.avi": Film("mjpeg", "yuvj420p", full=True, options={"qmin": "2", "qmax": "3"}),
    "prores.mov": Film("prores_ks", "yuv422p10le"),
    "ffv1.mkv": Film("ffv1"),
    "ffv1-444.mkv": Film("ffv1", "yuv444p"),
    "rgb.mkv": Film("ffv1", "bgr0"),
    "wmv2.wmv": Film("wmv2", options={"b": "6M"}),
    "flv1.flv": Film("flv", options={"b": "6M"}),
    "h264.flv": Film(options={"crf": "10"}),
    "huffyuv.avi": Film("huffyuv", "yuv422p"),
    "raw.avi": Film("rawvideo", "bgr24"),
    "mpeg2.mxf": Film("mpeg2video", options={"b": "8M"}),
    "mpeg4.3gp": Film("mpeg4", options={"b": "6M"}),
    "apng.apng": Film("apng", "rgb24"),
    "apng.png": Film("apng", "rgb24", format="apng"),
    "mjpeg.mjpeg": Film("mjpeg", "yuvj420p", full=True, options={"qmin": "2", "qmax": "3"}),
    "10bit.mkv": Film("ffv1", "yuv420p10le"),
    "10bit.mp4": Film(pixels="yuv420p10le", options={"crf": "10"}),
    "12bit.mkv": Film("ffv1", "yuv422p12le"),
    "gray.mkv": Film("ffv1", "gray", full=True),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_pictures(tmp_path: Path, name: str) -> None:
    """Drawn bars come back in their colours, each frame with its number and its time."""
    frames = read(film(tmp_path / name, bars(12), GOLDEN[name]))
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(12)], abs=1.1e-3)
    drawn = np.array(BARS, float)
    if "gray" in name:
        drawn = np.repeat((drawn @ [0.114, 0.587, 0.299])[:, None], 3, 1)
    assert np.abs(bar_colours(frames[5].image) - drawn).max() < (6 if "wmv" in name or "flv1" in name else 3.5)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 8, 9])
def test_every_matrix_and_range(tmp_path: Path, matrix: int, full: bool) -> None:
    how = Film(pixels="yuv444p", matrix=matrix, full=full, options={"crf": "2"})
    (frame, *_) = read(film(tmp_path / "f.mkv", bars(3), how))
    assert np.abs(bar_colours(frame.image) - BARS).max() < 3


@pytest.mark.parametrize("matrix", [10, 11, 12, 13, 14])
def test_matrices_that_ffmpeg_cannot_convert_give_pictures(tmp_path: Path, matrix: int) -> None:
    """OpenCV gave whatever was in memory."""
    path = film(tmp_path / "f.mkv", bars(3), Film(matrix=1, options={"crf": "2"}))
    with av.open(path) as file, av.open(tmp_path / "g.mkv", "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        stream.codec_context.colorspace = matrix
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    frames = read(tmp_path / "g.mkv")
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2]
    assert np.abs(bar_colours(frames[0].image) - BARS).max() < 45  # the right order of bright and dark


def test_colours_are_those_of_ffmpeg_itself(tmp_path: Path) -> None:
    path = film(tmp_path / "f.mp4", bars(3), Film(matrix=1, options={"crf": "10"}))
    with av.open(path) as file:
        theirs = next(file.decode(video=0)).reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(bar_colours(read(path)[0].image) - bar_colours(np.asarray(theirs, np.uint8))).max() <= 3


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_mapped_to_a_picture_of_usual_brightness(tmp_path: Path, transfer: int) -> None:
    """Codes of diffuse white (58 % in PQ, 75 % in HLG), of mid grey and of black."""
    white = 0.58 if transfer == 16 else 0.75
    image = np.zeros((96, 192, 3), np.uint8)
    image[:, :64], image[:, 64:128] = round(255 * white), round(255 * white * 0.65)
    how = Film(pixels="yuv420p10le", matrix=9, transfer=transfer, options={"crf": "2"})
    picture = read(film(tmp_path / "f.mkv", [image] * 2, how))[0].image
    bright, grey, black = (picture[40:50, x : x + 20].mean((0, 1)) for x in (20, 84, 148))
    assert 215 <= bright.mean() <= 245
    assert 50 <= grey.mean() <= 160
    assert black.mean() <= 3
    assert np.ptp(bright) <= 3  # white stays white


ONE, W = 0x10000, 0x40000000
# (a, b, c, d) of x' = a x + c y, y' = b x + d y; and where the four corners of the stored picture go, by hand: the
# picture has white above left, red above right, green below left.
TURNS = {
    "upright": ((1, 0, 0, 1), "WRG"),
    "mirrored": ((-1, 0, 0, 1), "RW-G"),
    "half": ((-1, 0, 0, -1), "-GRW"),
    "flipped": ((1, 0, 0, -1), "G-WR"),
    "quarter": ((0, 1, -1, 0), "GW-R"),
    "three": ((0, -1, 1, 0), "R-WG"),
    "transposed": ((0, 1, 1, 0), "WGR-"),
    "transverse": ((0, -1, -1, 0), "-RGW"),
}
COLOURS = {"W": (255, 255, 255), "R": (0, 0, 255), "G": (0, 255, 0), "-": (0, 0, 0)}


@pytest.mark.parametrize("name", TURNS)
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_eight_ways_to_turn(tmp_path: Path, name: str, container: str) -> None:
    (a, b, c, d), corners = TURNS[name]
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48, :80], image[:48, 80:], image[48:, :80] = (255, 255, 255), (0, 0, 255), (0, 255, 0)
    turn = [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, W]
    frames = read(film(tmp_path / f"f.{container}", [image] * 3, Film(options={"crf": "5"}, turn=turn)))
    assert frames[0].image.shape[:2] == ((160, 96) if a == 0 else (96, 160))
    height, width = frames[0].image.shape[:2]
    places = [(height // 4, width // 4), (height // 4, width * 3 // 4), (height * 3 // 4, width // 4)]
    for (y, x), letter in zip([*places, (height * 3 // 4, width * 3 // 4)], (corners + "-")[:4], strict=True):
        assert np.abs(frames[2].image[y, x].astype(int) - COLOURS[letter]).max() < 12, (y, x, letter)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(1, 2), (320, 384)),
        (Fraction(8, 9), (320, 216)),
        (Fraction(16, 15), (341, 192)),
        (Fraction(64, 45), (455, 192)),
        (Fraction(2), (640, 192)),
        (Fraction(1, 200), (320, 192)),  # no camera has such pixels: a damaged header
    ],
)
def test_pixels_that_are_not_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    path = film(tmp_path / "f.mp4", bars(3), Film(aspect=aspect, options={"crf": "5"}))
    with open_source(path) as source:
        assert (source.info.width, source.info.height) == size
        frames = list(source.frames(EVERY))
    assert frames[0].image.shape == (size[1], size[0], 3)
    assert np.abs(bar_colours(frames[0].image) - BARS).max() < 4
    assert number_of(frames[2].image) == 2


def test_aspect_comes_before_turning(tmp_path: Path) -> None:
    how = Film(aspect=Fraction(2), turn=[0, ONE, 0, -ONE, 0, 0, 0, 0, W])
    assert read(film(tmp_path / "f.mp4", bars(2), how))[0].image.shape == (640, 192, 3)


FIELDS = {
    "h264.mp4": Film(interlaced=True, options={"crf": "8", "x264-params": "tff=1"}),
    "h264.ts": Film(interlaced=True, options={"crf": "8", "x264-params": "bff=1"}),
    "mpeg2.mpg": Film("mpeg2video", interlaced=True, options={"b": "12M"}),
    "mpeg2.ts": Film("mpeg2video", interlaced=True, options={"b": "12M"}),
    "prores.mov": Film("prores_ks", "yuv422p10le", interlaced=True, options={"profile": "standard"}),
    "ffv1.mkv": Film("ffv1", field_order=2),
    "v210.mov": Film("v210", "yuv422p10le", field_order=2),
    "dv.avi": Film("dvvideo"),
    "dv.dv": Film("dvvideo", format="dv"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_interlaced_frames_are_pictures(tmp_path: Path, name: str) -> None:
    """The second field of each frame shows a bright half that has moved on: whole lines, not a comb."""
    images = []
    for number in range(8):
        image = bars(number + 1, 720, 576)[number]
        for field in (0, 1):
            edge = 240 + 40 * number + 20 * field
            image[:288][field::2] = 40
            image[:288][field::2, :edge] = 200
        images.append(image)
    frames = read(film(tmp_path / name, images, FIELDS[name]))
    assert [number_of(frame.image) for frame in frames] == list(range(8))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(8)], abs=1.1e-3)
    assert len({id(frame.picture) for frame in frames}) == 8
    width = frames[0].image.shape[1]
    for frame in frames[1:7]:
        grey = frame.image[32:256].mean(2)
        comb = np.abs(grey[2:-2] - (grey[1:-3] + grey[3:-1]) / 2)
        assert comb.mean() < 1.0, comb.mean()  # woven it is 2.2 and more: 160 levels in 20 of 720 columns, half of it
        assert grey[:, int(width * 0.2)].mean() == pytest.approx(200, abs=8)


def test_a_clip_after_another_one_has_nothing_of_it(tmp_path: Path) -> None:
    """OpenCV gave the picture of the clip before where a conversion was refused."""
    white = [np.full((192, 320, 3), 255, np.uint8)] * 4
    black = [np.zeros((192, 320, 3), np.uint8)] * 4
    one = film(tmp_path / "one.mp4", white)
    other = film(tmp_path / "other.ts", black, Film("mpeg2video", interlaced=True))
    for _ in range(3):
        assert min(frame.image.mean() for frame in read(one)) > 250
        assert max(frame.image.mean() for frame in read(other)) < 5


def test_each_frame_has_its_own_size(tmp_path: Path) -> None:
    sizes = [(320, 192), (192, 320), (640, 384), (160, 96)]
    parts = [bars(3, *size) for size in sizes]
    frames = read(write_packets(tmp_path / "f.mkv", parts, [40 * i for i in range(12)]))
    assert [frame.image.shape[1::-1] for frame in frames] == [size for size in sizes for _ in range(3)]
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2] * 4
    for frame in frames:
        assert np.abs(bar_colours(frame.image) - BARS).max() < 5


def test_a_picture_is_shrunk_and_cut_before_it_is_converted(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    smooth = cv2.resize(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8), (320, 192), interpolation=cv2.INTER_CUBIC)
    picture = read(film(tmp_path / "f.mp4", [smooth] * 2, Film(matrix=1, options={"crf": "2"})))[0].picture
    assert isinstance(picture, Planes)
    assert picture.nbytes == 320 * 192 * 3 // 2
    small = resized(picture, 96, 64)
    assert picture.shape == (192, 320, 3)
    assert small.shape == (64, 96, 3)
    assert np.abs(small.astype(int) - resized(picture.image, 96, 64)).mean() < 1.5
    part = np.asarray(picture[31:150, 17:201])
    assert part.shape == (119, 184, 3)
    assert np.abs(part.astype(int) - picture.image[31:150, 17:201]).mean() < 2
    grey = cv2.cvtColor(cv2.resize(picture.image, (64, 36), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY)
    assert np.abs(picture.grey(64, 36).astype(int) - grey).mean() < 12  # BT.709's weights, and not those of BT.601
    assert np.asarray(picture[400:, 400:]).size == 0


# ---- still pictures


def exif(value: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, value, 0, 0)


def with_exif(kind: str, image: Image, value: int) -> bytes:
    """A picture file that says how it is to be turned, put together by hand."""
    data, tiff = cv2.imencode(f".{kind}", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes(), exif(value)
    if kind == "jpg":
        body = b"Exif\0\0" + tiff
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if kind == "png":
        chunk = b"eXIf" + tiff
        return data[:33] + struct.pack(">I", len(tiff)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    height, width = image.shape[:2]
    flags = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0"
    flags += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + flags + data[12:] + b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    return b"RIFF" + struct.pack("<I", len(body)) + body


# EXIF's words: where row 0 and column 0 of the stored picture are. Where its corners go, as for TURNS.
EXIF = {1: "WRG-", 2: "RW-G", 3: "-GRW", 4: "G-WR", 5: "WGR-", 6: "GW-R", 7: "-RGW", 8: "R-WG"}


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("value", EXIF)
def test_still_pictures_are_turned_by_their_metadata(tmp_path: Path, kind: str, value: int) -> None:
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48, :80], image[:48, 80:], image[48:, :80] = (255, 255, 255), (0, 0, 255), (0, 255, 0)
    (tmp_path / f"p.{kind}").write_bytes(with_exif(kind, image, value))
    with open_source(tmp_path / f"p.{kind}") as source:
        (frame,) = source.frames(EVERY)
        assert (source.info.width, source.info.height) == frame.image.shape[1::-1]
    height, width = frame.image.shape[:2]
    assert (width, height) == ((160, 96) if value < 5 else (96, 160))
    places = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    for (y, x), letter in zip(places, EXIF[value], strict=True):
        assert np.abs(frame.image[y, x].astype(int) - COLOURS[letter]).max() < 40, (y, x, letter)


def test_avif_is_turned_by_its_metadata(tmp_path: Path) -> None:
    """The property irot of one turn to the left (ISO/IEC 23008-12, 6.5.10), put into the file beside the size."""
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48, :80] = 255
    film(tmp_path / "p.avif", [image], Film("libsvtav1", options={"preset": "12", "crf": "10"}))
    with open_source(tmp_path / "p.avif") as source:
        assert next(source.frames(EVERY)).image.shape == (96, 160, 3)
    (tmp_path / "t.avif").write_bytes(_with_property((tmp_path / "p.avif").read_bytes(), b"irot", b"\x01"))
    with open_source(tmp_path / "t.avif") as source:
        turned = next(source.frames(EVERY)).image
    assert turned.shape == (160, 96, 3)
    assert turned[120:, :40].mean() > 200  # what was above left is below left
    assert turned[:40].mean() < 50


def _with_property(data: bytes, kind: bytes, value: bytes) -> bytes:
    """Adds an item property to the end of ipco, associates it with the first item, and moves what iloc points to."""
    box = struct.pack(">I", 8 + len(value)) + kind + value
    ipco, ipma = data.index(b"ipco"), data.index(b"ipma")
    count, at = 0, ipco + 4
    end = ipco - 4 + int.from_bytes(data[ipco - 4 : ipco], "big")
    while at < end:
        count, at = count + 1, at + int.from_bytes(data[at : at + 4], "big")
    places = ipma + 4 + 4 + 4 + 2  # version and flags, count of entries, number of the item: then how many it has
    changed = bytearray(data)
    changed[places] += 1
    last = places + 1 + data[places]
    changed[last:last] = bytes([count + 1])
    changed[end:end] = box
    more = len(box) + 1
    for name, by in ((b"ipco", len(box)), (b"ipma", 1), (b"iprp", more), (b"meta", more)):
        place = changed.index(name) - 4
        changed[place : place + 4] = struct.pack(">I", int.from_bytes(changed[place : place + 4], "big") + by)
    iloc = changed.index(b"iloc")
    offset = iloc + 4 + 4 + 2 + 2 + 2 + 2 + 2  # version and flags, sizes, count; item, reference, count of extents
    changed[offset : offset + 4] = struct.pack(">I", int.from_bytes(changed[offset : offset + 4], "big") + more)
    return bytes(changed)


def test_animations_are_videos_or_refused(tmp_path: Path) -> None:
    film(tmp_path / "a.webp", bars(3), Film("libwebp_anim", "yuv420p"))
    with pytest.raises(InputError, match="animated WebP is not read; convert it"):
        open_source(tmp_path / "a.webp")
    assert len(read(film(tmp_path / "a.avif", bars(3), Film("libsvtav1", options={"preset": "12"})))) == 3
    assert len(read(film(tmp_path / "a.gif", bars(3), Film("gif", "rgb8")))) == 3
