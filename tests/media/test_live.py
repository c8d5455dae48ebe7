"""The latest frame of a file and of a stream on this machine, and what happens when it breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import fervid
from media import encode, number_of, numbered

import fer_video
from fer_video.errors import InputError, OptionError
from fer_video.media.live import LiveOptions, LiveSource

PATIENCE_S = 30


class Camera:
    """Motion JPEG over HTTP, as network cameras send it; breaks the connection after some frames."""

    def __init__(self, image: np.ndarray, frames_a_connection: int) -> None:  # type: ignore[type-arg]
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        camera, self.connections = self, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    for _ in range(frames_a_connection):
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        time.sleep(0.02)
                except OSError:
                    pass  # the reader has gone

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}/video.mjpg"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def camera(astronaut: np.ndarray) -> Iterator[Camera]:  # type: ignore[type-arg]
    found = Camera(astronaut[:288, 60:444], 30)
    yield found
    found.close()


def test_a_file_is_played_at_its_own_speed(tmp_path: Path) -> None:
    clip = encode(tmp_path / "n.mp4", numbered(10), [i / 10 for i in range(10)])
    began = time.monotonic()
    with LiveSource(str(clip)) as source:
        frames = list(source.frames())
        assert time.monotonic() - began >= 0.85
    assert len(frames) + source.skipped == 10
    assert [number_of(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert [frame.time_s for frame in frames] == pytest.approx([frame.index / 10 for frame in frames], abs=1e-3)


def test_a_slow_reader_gets_the_latest_frame(tmp_path: Path) -> None:
    clip = encode(tmp_path / "n.mp4", numbered(30), [i / 30 for i in range(30)])
    with LiveSource(str(clip)) as source:
        seen = []
        for frame in source.frames():
            seen.append(frame.index)
            time.sleep(0.35)
    assert len(seen) <= 5
    assert seen[-1] == 29
    assert source.skipped == 30 - len(seen)


def test_a_stream_that_breaks_is_opened_again(camera: Camera) -> None:
    said: list[str] = []
    options = LiveOptions(first_pause_s=0.05)
    end = time.monotonic() + PATIENCE_S
    with LiveSource(camera.address, options, said.append) as source:
        last = -1
        for frame in source.frames():
            assert frame.index > last
            assert frame.image.shape == (288, 384, 3)
            last = frame.index
            if camera.connections >= 3 and "is back" in "".join(said):
                break
            assert time.monotonic() < end, said
    assert any("broke off" in line for line in said)


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    for what, reason in (
        ("http://user:secret@127.0.0.1:9/video", "no stream can be opened"),
        ("97", "no camera can be opened"),
        (str(tmp_path / "none.mp4"), "no such file"),
    ):
        with pytest.raises(InputError, match=reason) as caught, LiveSource(what, LiveOptions(timeout_s=2)):
            pass
        assert "secret" not in str(caught.value)
    with pytest.raises(OptionError, match="timeout"):
        LiveOptions(timeout_s=0)


def test_an_answer_comes_before_the_next_frame_is_asked_for(analyzer: fer_video.Analyzer, face_clip: Path) -> None:
    from fer_video.media.decode import open_source

    asked = []
    with open_source(face_clip) as source:

        def frames() -> Iterator[fer_video.Frame]:
            for frame in source.frames(fer_video.Sampling(fps=5)):
                asked.append(frame.index)
                yield frame

        for frame, seen in analyzer.watch(frames()):
            assert asked[-1] == frame.index
            assert [each.person for each in seen] == [1]
    assert len(asked) == 10


def test_jsonl_of_a_file(face_clip: Path) -> None:
    run = fervid("live", face_clip, "--format", "jsonl")
    assert (run.exit_code, run.stderr) == (0, "")
    values = [json.loads(line) for line in run.stdout.splitlines()]
    assert values
    assert [value["frame"] for value in values] == sorted({value["frame"] for value in values})
    assert {face["emotion"] for value in values for face in value["faces"]} == {"happiness"}
    assert all(value["late_s"] >= 0 for value in values)
    assert values[-1]["skipped"] + len(values) == 20


def test_jsonl_of_a_stream_for_some_time(camera: Camera) -> None:
    run = fervid("live", camera.address, "--format", "jsonl", "--fps", "5", "--duration", "2")
    assert run.exit_code == 0, run.stderr
    values = [json.loads(line) for line in run.stdout.splitlines()]
    assert 1 <= len(values) <= 11
    assert all(value["time_s"] < 2 for value in values)
    assert values[0]["faces"][0]["person"] == 1


def test_wrong_usage(monkeypatch: pytest.MonkeyPatch, face_clip: Path) -> None:
    assert fervid("live", face_clip, "--duration", "0").exit_code == 2
    run = fervid("live", "97", "--format", "jsonl")
    assert (run.exit_code, run.stdout) == (1, "")
    assert "no camera can be opened" in run.stderr
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    run = fervid("live", face_clip, "--fps", "2")  # no screen: lines
    assert run.exit_code == 0
    assert json.loads(run.stdout.splitlines()[0])["faces"]
