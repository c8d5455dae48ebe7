"""Lost packets, ends that are cut off, files that ask for too much or name other files: told, never analysed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from command import fervid
from films import Film, bars, film
from media import cut_off, encode_sound_only, number_of

from fer_video.errors import InputError, OptionError
from fer_video.media.damage import Losses, Packet
from fer_video.media.decode import open_source
from fer_video.media.limits import Limits, limits
from fer_video.media.sampling import Sampling
from fer_video.media.video import VideoSource

EVERY = Sampling(fps=None)
NOISE = [*np.random.default_rng(5).integers(0, 255, (50, 96, 160, 3)).astype(np.uint8)]


def numbers(path: Path) -> tuple[list[int], str | None]:
    with open_source(path) as source:
        found = [number_of(frame.image) for frame in source.frames(EVERY)]
        return found, source.ended_early


def moving(count: int, width: int = 160, height: int = 96) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Numbered frames with noise between the columns, so that packets have a size."""
    rng = np.random.default_rng(2)
    frames = bars(count, width, height)
    for image in frames:
        image[: height // 2] = rng.integers(0, 255, (height // 2, width, 3))
    return frames


def lose(path: Path, first: int, count: int) -> Path:
    """Without some packets of a transport stream."""
    data = path.read_bytes()
    target = path.with_name("lost.ts")
    target.write_bytes(data[: first * 188] + data[(first + count) * 188 :])
    return target


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "libx265"])
def test_frames_after_a_loss_are_left_out_up_to_the_next_key_frame(tmp_path: Path, codec: str) -> None:
    options = {"x265-params": "log-level=none:keyint=20:scenecut=0"} if codec == "libx265" else {"b": "2M", "bf": "0"}
    path = film(tmp_path / "f.ts", moving(60), Film(codec, gop=20, options=options))
    packets = path.stat().st_size // 188
    found, why = numbers(lose(path, int(packets * 0.45), 7))
    assert found == sorted(set(found))
    assert set(range(20)) <= set(found)
    assert set(range(40, 60)) <= set(found)
    assert len(found) < 60
    assert why is not None
    assert "could not be decoded whole" in why


def test_nothing_is_left_out_of_what_is_whole(tmp_path: Path) -> None:
    for name, how in {
        "open.ts": Film(gop=12, options={"x264-params": "open-gop=1:bframes=3"}),
        "refresh.mkv": Film(options={"x264-params": "intra-refresh=1:keyint=10"}),
        "open.mkv": Film("libx265", options={"x265-params": "log-level=none:open-gop=1:keyint=12"}),
        "two.mpg": Film("mpeg2video", gop=12, options={"bf": "2"}),
        "packed.avi": Film("mpeg4", gop=12, options={"bf": "2"}),
    }.items():
        assert numbers(film(tmp_path / name, bars(50), how)) == (list(range(50)), None), name


def test_a_broadcast_that_is_joined_midway_is_whole(tmp_path: Path) -> None:
    """Its first frames need a key frame that was sent before."""
    path = film(
        tmp_path / "f.ts", moving(60), Film(gop=20, options={"b": "2M", "x264-params": "repeat-headers=1:scenecut=0"})
    )
    data = path.read_bytes()
    (tmp_path / "late.ts").write_bytes(data[int(len(data) * 0.2) // 188 * 188 :])
    found, why = numbers(tmp_path / "late.ts")
    assert found == list(range(20, 60))
    assert why is None


def test_a_file_of_which_nothing_is_whole_is_read_as_it_is(tmp_path: Path) -> None:
    path = film(tmp_path / "f.ts", moving(20), Film("mpeg2video", gop=50, options={"b": "3M"}))
    found, why = numbers(lose(path, 12, 4))  # in the only key frame
    assert len(found) >= 15
    assert "read as they are, since none is whole" in (why or "")


def test_losses_by_hand() -> None:
    losses = Losses()
    assert losses.is_whole(Packet(0, True), False)
    losses.lost(3)
    assert [losses.is_whole(Packet(n, False), False) for n in (1, 2, 3, 4)] == [True, True, False, False]
    losses.lost(8)
    assert losses.is_whole(Packet(6, True), False)
    assert losses.is_whole(Packet(7, False), False)
    assert not losses.is_whole(Packet(8, True), False)  # a key frame that is damaged itself
    assert not losses.is_whole(Packet(9, False), False)
    assert losses.is_whole(Packet(10, True), False)
    assert not losses.is_whole(Packet(11, False), True)
    assert losses.describe() is None
    losses.leave_out(1.0)
    losses.leave_out(2.5)
    losses.vanish(12)
    assert losses.describe() == (
        "the file is damaged: frames could not be decoded whole between 1.00 s and 2.50 s (2 left out, about 1 missing)"
    )


CUT = {
    "f.ts": Film(options={"b": "2M"}), "f.m2ts": Film(options={"b": "2M"}),
    "f.mpg": Film("mpeg2video", options={"b": "2M"}),
    "f.webm": Film("vp8", options={"b": "1M"}), "f.mkv": Film(), "f.flv": Film("flv"), "f.wmv": Film("wmv2"),
    "f.gif": Film("gif", "rgb8"), "f.avi": Film("mjpeg", "yuvj420p"), "f.mjpeg": Film("mjpeg", "yuvj420p"),
    "f.mxf": Film("mpeg2video", options={"b": "2M"}),
    "f.mov": Film("prores_ks", "yuv422p10le", container={"movflags": "faststart"}),
    "f.apng": Film("apng", "rgb24"), "f.dv": Film("dvvideo", format="dv"),
    "f.ogv": Film("vp8", options={"b": "1M"}, format="ogg"),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("share", [0.6, 0.8123])
def test_an_end_that_is_cut_off_is_told(tmp_path: Path, name: str, share: float) -> None:
    images = bars(12, 720, 576) if name == "f.dv" else NOISE
    whole = film(tmp_path / name, images, CUT[name])
    with open_source(whole) as source:
        count = len(list(source.frames(EVERY)))
        assert (count, source.ended_early) == (len(images), None)
    with open_source(cut_off(whole, tmp_path / f"cut-{name}", share)) as source:
        assert 0 < len(list(source.frames(EVERY))) < count
        assert source.ended_early is not None


def test_a_live_recording_without_sizes_that_is_cut_off(tmp_path: Path) -> None:
    whole = film(tmp_path / "f.webm", NOISE, Film("vp8", options={"b": "1M", "live": "1"}))
    assert numbers(whole)[1] is None
    assert "bytes are missing" in (numbers(cut_off(whole, tmp_path / "cut.webm", 0.7))[1] or "")


# ---- bounds


def test_limits_are_raised_by_the_environment() -> None:
    assert limits({}) == Limits()
    assert limits({"FERVID_MAX_PIXELS": "5e8", "FERVID_MAX_FRAME_SECONDS": "3"}) == Limits(500_000_000, 100, 3.0)
    for value in ("many", "-1", "inf", "nan", "0"):
        with pytest.raises(OptionError, match="FERVID_MAX_STREAMS must be a number above 0"):
            limits({"FERVID_MAX_STREAMS": value})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")
def test_a_canvas_of_gigabytes_is_refused(tmp_path: Path) -> None:
    data = bytearray(film(tmp_path / "f.gif", bars(3, 64, 48), Film("gif", "rgb8")).read_bytes())
    data[6:10] = (20_000).to_bytes(2, "little") * 2
    (tmp_path / "g.gif").write_bytes(data)
    code = (
        "import sys\nfrom fer_video.media.decode import open_source\n"
        "try: open_source(sys.argv[1])\nexcept Exception as error: print(error)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "g.gif"], capture_output=True, text=True, check=True)
    says, memory_kb = run.stdout.splitlines()
    assert "20000 x 20000 pixels are over the limit of 100000000; raise FERVID_MAX_PIXELS" in says
    assert int(memory_kb) < 400_000


@pytest.mark.parametrize("name", ["f.mp4", "f.avi", "f.png", "f.jpg", "f.webp", "f.bmp", "f.tif"])
def test_pixels_are_limited_before_they_are_decoded(tmp_path: Path, name: str) -> None:
    import cv2

    if name in ("f.mp4", "f.avi"):
        film(tmp_path / name, bars(3), Film("mpeg4" if name == "f.avi" else "libx264"))
    else:
        cv2.imwrite(str(tmp_path / name), bars(1)[0])
    environment = {**os.environ, "FERVID_MAX_PIXELS": "61439"}  # one less than it has
    arguments = [sys.executable, "-m", "fer_video.cli", "predict", str(tmp_path / name)]
    run = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 1
    if name == "f.avi":  # where FFmpeg does not even tell the size
        assert "Frames of over 61439 pixels are not decoded either (FERVID_MAX_PIXELS)" in run.stderr
    else:
        assert "320 x 192 pixels are over the limit of 61439; raise FERVID_MAX_PIXELS" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_file_with_too_many_streams_is_refused(tmp_path: Path) -> None:
    with av.open(tmp_path / "f.mkv", "w") as file:
        streams = [file.add_stream("mjpeg", rate=25, width=64, height=48) for _ in range(8)]
        for stream in streams:
            stream.pix_fmt = "yuvj420p"
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(bars(1, 64, 48)[0], format="bgr24")
            frame.pts = 0
            file.mux([*stream.encode(frame), *stream.encode(None)])
    VideoSource(tmp_path / "f.mkv", Limits(streams=8)).close()
    with pytest.raises(InputError, match="more than 4 streams; FERVID_MAX_STREAMS raises the limit"):
        VideoSource(tmp_path / "f.mkv", Limits(streams=4))


def test_work_without_a_frame_ends(tmp_path: Path) -> None:
    path = film(tmp_path / "f.mp4", bars(5))
    with pytest.raises(InputError, match=r"no frame came in .* s of work; FERVID_MAX_FRAME_SECONDS raises the limit"):
        VideoSource(path, Limits(frame_s=1e-9))


DESCRIPTIONS = {
    "concat.mp4": "ffconcat version 1.0\nfile near.mp4\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nnear.mp4\n#EXT-X-ENDLIST\n",
    "absolute.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{folder}/near.mp4\n#EXT-X-ENDLIST\n",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>near.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "redirect.asx": '<asx version="3.0"><entry><ref href="near.mp4"/></entry></asx>',
    "play.pls": "[playlist]\nFile1=near.mp4\n",
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["", ".mp4"])
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_of_other_files_are_refused(tmp_path: Path, name: str, suffix: str) -> None:
    film(tmp_path / "near.mp4", bars(3))
    path = tmp_path / f"{name}{suffix}"
    path.write_text(DESCRIPTIONS[name].replace("{folder}", str(tmp_path)))
    with pytest.raises(InputError) as raised:
        open_source(path)
    assert "a text, such as a playlist, that describes other files" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_movie_whose_pictures_are_in_another_file_is_refused(tmp_path: Path) -> None:
    """QuickTime can name the file that holds the samples (dref, alis or url)."""
    data = film(tmp_path / "near.mov", bars(3)).read_bytes()
    at = data.index(b"url \0\0\0\x01")  # flag 1: the samples are in this very file
    changed = bytearray(data)
    changed[at + 7] = 0
    (tmp_path / "f.mov").write_bytes(changed)
    try:
        frames = numbers(tmp_path / "f.mov")[0]
    except InputError:
        return
    assert frames in ([0, 1, 2], [])  # nothing but its own pictures


# ---- what is a video


def with_streams(path: Path, default: int) -> Path:
    """Two videos: of 5 black and of 5 white frames."""
    with av.open(path, "w") as file:
        streams = []
        for place in range(2):
            stream = file.add_stream("libx264", rate=25, width=64, height=48)
            stream.pix_fmt = "yuv420p"
            stream.disposition = av.stream.Disposition.default if place == default else av.stream.Disposition(0)
            streams.append(stream)
        for number in range(5):
            for place, stream in enumerate(streams):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * place, np.uint8), format="bgr24")
                frame.pts = number
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("default", [0, 1])
def test_the_video_marked_as_default_is_the_one(tmp_path: Path, default: int) -> None:
    with open_source(with_streams(tmp_path / "f.mkv", default)) as source:
        levels = [frame.image.mean() for frame in source.frames(EVERY)]
    assert len(levels) == 5
    assert np.abs(np.array(levels) - 255 * default).max() < 5


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    sound = encode_sound_only(tmp_path / "sound.m4a")
    with av.open(sound) as file, av.open(tmp_path / "f.m4a", "w", format="mp4") as out:
        tone = out.add_stream_from_template(file.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1, width=320, height=192)
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(bars(1)[0], format="bgr24")
        frame.pts = 0
        out.mux([*cover.encode(frame), *cover.encode(None)])
        for packet in file.demux(audio=0):
            if packet.size:
                packet.stream = tone
                out.mux(packet)
    with pytest.raises(InputError, match="it holds only sound and a cover picture"):
        open_source(tmp_path / "f.m4a")


def test_a_stream_left_open_does_not_abort_the_interpreter(face_clip: Path) -> None:
    code = (
        "import sys, fer_video\nstream = fer_video.stream(sys.argv[1], fer_video.AnalyzerOptions("
        "sampling=fer_video.Sampling(fps=None)))\nfor seen in stream:\n    if seen.frame > 2: raise SystemExit(0)"
    )
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", code, face_clip], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_result_says_what_is_missing(tmp_path: Path) -> None:
    path = film(tmp_path / "f.ts", moving(60), Film(gop=20, options={"b": "2M", "bf": "0"}))
    run = fervid("predict", lose(path, path.stat().st_size // 188 // 2, 5), "--format", "jsonl", "--every-frame")
    value = json.loads(run.stdout)
    assert value["status"] == "partial"
    assert "left out" in value["error"]
    assert value["frames_sampled"] < 60
