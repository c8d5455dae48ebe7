"""Clips behind addresses: web servers that misbehave, an object store on loopback, and what may be shown of a name."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from buckets import Store, storing
from click.testing import CliRunner, Result
from fer_video.cli import main
from web import Server, serving

import fer_video
from fer_video import scratch
from fer_video.errors import InputError, OptionError, OutputError
from fer_video.media import remote
from fer_video.media.address import scheme_of, shown
from fer_video.media.download import DownloadError, writing
from fer_video.media.inputs import expand_inputs
from fer_video.media.remote import PATIENCE, copy_of

HASTY = replace(PATIENCE, timeout_s=0.5, wait_s=0.01)


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies lie; no proxy and no credentials of the machine."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("AWS_", "FSSPEC_", "GOOGLE_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(remote, "PATIENCE", HASTY)
    scratch._sweep_folders.cache_clear()
    return folder


@pytest.fixture
def server(face_clip: Path) -> Iterator[Server]:
    with serving(face_clip.read_bytes()) as running:
        yield running


@pytest.fixture
def store(face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    s3fs = pytest.importorskip("s3fs")
    clip = face_clip.read_bytes()
    objects = {"b/in/clip10.mp4": clip, "b/in/clip2.mp4": clip, "b/in/notes.txt": b"text", "b/in/sub/a[1].jpg": b"?"}
    with storing(objects) as running:
        for name, value in {
            "ENDPOINT_URL": running.url,
            "ACCESS_KEY_ID": "key",
            "SECRET_ACCESS_KEY": "secret",
            "DEFAULT_REGION": "us-east-1",
            "CONFIG_FILE": os.devnull,
            "SHARED_CREDENTIALS_FILE": os.devnull,
            "EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield running
        s3fs.S3FileSystem.clear_instance_cache()


def fetched(address: str) -> bytes:
    with copy_of(address, HASTY) as path:
        return path.read_bytes()


def fails(address: str) -> str:
    with pytest.raises(InputError) as caught:
        fetched(address)
    return str(caught.value)


def fervid(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], stdin)


def predicted(*names: str | Path) -> list[dict[str, Any]]:
    done = fervid("predict", *names, "--format", "jsonl", "--fps", "5")
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- names


@pytest.mark.parametrize(
    ("name", "scheme", "seen"),
    [
        ("clip.mp4", "", "clip.mp4"),
        ("odd:/name?x#y", "", "odd:/name?x#y"),
        ("C://takes/a.mp4", "", "C://takes/a.mp4"),
        ("HTTPS://host/x.mp4", "https", "HTTPS://host/x.mp4"),
        ("https://user:pw@host:8/a/x.mp4?X-Amz-Signature=pw#pw", "https", "https://host:8/a/x.mp4"),
        ("https://user:p@w@host/x.mp4", "https", "https://host/x.mp4"),
        ("https://user:p/w@host/x.mp4", "https", "https://..."),
        ("https://user:p?w@host/x.mp4", "https", "https://..."),
        ("https://[::1]:8/@me/x.mp4", "https", "https://[::1]:8/@me/x.mp4"),
        ("https://host?token=pw", "https", "https://host"),
        ("rtsp://user:pw@camera/1?password=pw", "rtsp", "rtsp://camera/1"),
        ("zip://a.mp4::https://user:pw@host/x.zip", "zip", "zip://..."),
        ("simplecache::s3://b/x.mp4", "simplecache::s3", "simplecache::s3://b/x.mp4"),
        ("s3://b/take?.mp4", "s3", "s3://b/take?.mp4"),
    ],
)
def test_what_is_an_address_and_what_may_be_shown(name: str, scheme: str, seen: str) -> None:
    assert scheme_of(name) == scheme
    assert shown(name) == seen
    assert "pw" not in shown(name)


@pytest.mark.parametrize(
    "name",
    [
        "file:///etc/passwd",
        "ftp://host/x.mp4",
        "rtsp://user:pw@camera/1",
        "simplecache::https://user:pw@host/x.mp4",
        "zip://x.mp4::file:///x.zip",
        "memory://x.mp4",
    ],
)
def test_other_schemes_and_chains_are_refused(name: str) -> None:
    found = expand_inputs([name])
    assert found.paths == ()
    ((_, error),) = found.errors
    assert "not an address that clips are read from; give https://" in str(error)
    assert fails(name) == str(error)  # by the library too
    assert "pw" not in str(error)


def test_addresses_beside_files(face_clip: Path) -> None:
    named = ["https://host/a.mp4?x=1", str(face_clip), "https://host/a.mp4?x=2", "https://host/a.mp4?x=1"]
    assert expand_inputs(named).paths == tuple(named[:3])
    ((_, error),) = expand_inputs(["https://host/*.mp4"]).errors
    assert "web servers know no patterns" in str(error)
    assert expand_inputs(["https://host/a.mp4?glob=*"]).errors == ()


# ---- web servers


def test_a_clip_behind_an_address_gives_what_the_file_gives(server: Server, face_clip: Path, spool: Path) -> None:
    address = f"{server.url.replace('://', '://user:pw%21@')}/takes/My clip.mp4?X-Amz-Signature=pw"
    there, here = predicted(address, face_clip)
    assert there.pop("path") == f"{server.url}/takes/My clip.mp4"
    assert here.pop("path") == str(face_clip)
    assert there == here
    assert here["clip"]["emotion"] == "happiness"
    assert server.paths == ["/takes/My%20clip.mp4?X-Amz-Signature=pw"]
    assert server.passwords == ["Basic dXNlcjpwdyE="]  # user:pw!
    assert list(spool.iterdir()) == []


def test_adaptive_frame_rate_fetches_once(server: Server) -> None:
    fer_video.analyze(f"{server.url}/x.mp4", fer_video.AnalyzerOptions(adaptive=True))
    assert len(server.paths) == 1


def test_stream_in_the_library(server: Server, analyzer: fer_video.Analyzer, spool: Path) -> None:
    observations = analyzer.stream(f"{server.url}/x.mp4")
    assert next(observations).person == 1
    assert [each.name for each in spool.glob("*/*.mp4")] == ["x.mp4"]
    observations.close()  # type: ignore[attr-defined]
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("trouble", ["cut", "stall", "silent", "busy", "chunked-cut"])
def test_a_transfer_goes_on_after_trouble(server: Server, trouble: str) -> None:
    server.behaviours = [trouble, trouble, "good"]
    assert fetched(f"{server.url}/x.mp4") == server.content


def test_a_transfer_goes_on_where_it_stopped(server: Server) -> None:
    server.behaviours, server.tag = ["cut", "good"], '"1"'
    assert fetched(f"{server.url}/x.mp4") == server.content
    assert server.ranges == [None, f"bytes={len(server.content) // 2}-"]


@pytest.mark.parametrize("tag", [None, '"1"', 'W/"1"'])
def test_halves_of_two_versions_are_not_put_together(server: Server, tag: str | None) -> None:
    server.behaviours, server.tag = ["cut", "good"], tag
    changed = server.content + b"more" if tag != '"1"' else bytes(len(server.content))

    def replaced() -> None:
        server.asked.wait(10)
        server.content, server.tag = changed, tag and tag.replace("1", "2")

    thread = threading.Thread(target=replaced)  # while the first half is on its way
    thread.start()
    with copy_of(f"{server.url}/x.mp4", replace(HASTY, wait_s=0.3)) as path:
        assert path.read_bytes() == changed
    thread.join()


def test_names_that_could_be_something_else(server: Server) -> None:
    for name in ("", "lock", ".lock", "..", "%2e%2e%2fx.mp4", "a%00b.mp4", f"{'x' * 300}.mp4"):
        assert fetched(f"{server.url}/{name}") == server.content


@pytest.mark.parametrize("behaviour", ["without-length", "chunked", "redirect"])
def test_other_ways_of_sending(server: Server, behaviour: str) -> None:
    server.behaviours = [behaviour, "good"]
    assert fetched(f"{server.url}/x.mp4") == server.content


@pytest.mark.parametrize(
    ("behaviour", "says", "requests"),
    [
        ("missing", ": 404 Not Found; check the address", 1),
        ("forbidden", ": 403 Forbidden; check the password or credentials, and whether the address has expired", 1),
        ("redirect-to-file", ": 302 Found - Redirection to url 'file:///etc/passwd' is not allowed", 1),
        ("busy", ": cannot be downloaded: 503 Service Unavailable; check the address and the network, or", 3),
        ("silent", ": cannot be downloaded: timed out; check the address and the network, or try again later", 3),
    ],
)
def test_what_cannot_be_had_is_one_line(server: Server, behaviour: str, says: str, requests: int, spool: Path) -> None:
    server.behaviours = [behaviour]
    said = fails(f"{server.url.replace('://', '://me:pw@')}/x.mp4?token=pw")
    assert said.startswith(f"{server.url}/x.mp4{says}")
    assert "pw" not in said
    assert len(server.paths) == requests
    assert list(spool.iterdir()) == []


def test_a_body_that_is_always_cut_off(server: Server) -> None:
    server.behaviours = ["cut", "ignores-range-and-cuts"]
    assert "cannot be downloaded: the connection was cut" in fails(f"{server.url}/x.mp4")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:1/x.mp4", "Connection refused"),
        ("http://127.0.0.1:hush/x.mp4", "not a web address"),
        ("http://me:hush/hush@host/x.mp4", "http://...: not a web address"),
        ("http://me:hush@ℂ.example\uff0fa/x.mp4", "not a web address"),
        ("http://[::1/x.mp4", "not a web address"),
        ("http:///x.mp4", "not a web address"),
        ("http://ho st/x.mp4", "not a web address"),
        (f"http://{'a' * 70}.example/x.mp4", "not a web address"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, says: str) -> None:
    assert says in fails(address)
    assert "hush" not in fails(address)


def test_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert fails("https://host.invalid/x.mp4").startswith(
        "https://host.invalid/x.mp4: cannot be downloaded: Name or service not known; check the address"
    )


def test_a_password_goes_to_its_own_host_only(server: Server) -> None:
    address = f"{server.url.replace('://', '://me:pw@')}/x.mp4"
    server.behaviours = ["redirect-to-another-host", "good"]
    fetched(address)
    assert [each is None for each in server.passwords] == [False, True]
    server.behaviours, server.passwords = ["redirect", "good"], []
    fetched(address)
    assert [each is None for each in server.passwords] == [False, False]


def test_the_disk_is_not_filled(server: Server, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    usage = shutil.disk_usage(spool)

    def fuller(folder: Path) -> Any:
        return usage._replace(free=(512 << 20) + 1000 - sum(each.stat().st_size for each in folder.iterdir()))

    monkeypatch.setattr(shutil, "disk_usage", fuller)
    said = fails(f"{server.url}/x.mp4")
    assert "x.mp4: has 0 MB, and " in said
    assert f"{spool} has room for 0 MB; free some, or set TMPDIR" in said
    server.behaviours = ["endless"]
    assert "room for" in fails(f"{server.url}/x.mp4")
    assert list(spool.iterdir()) == []


def test_a_stream_without_an_end_is_given_up(server: Server) -> None:
    server.behaviours = ["endless"]
    with (
        pytest.raises(InputError, match="gives more than the 100000 bytes"),
        copy_of(f"{server.url}/x", replace(HASTY, most_unsized_bytes=100_000)),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_no_trouble_of_the_network(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.symlink_to("/dev/full")
    with (
        pytest.raises(DownloadError, match="cannot be written: No space left on device"),
        writing(part, anew=False) as write,
    ):
        write(b"x")


def test_no_place_for_copies(server: Server, spool: Path) -> None:
    spool.rmdir()
    with pytest.raises(OutputError, match=r"no temporary file can be made: .*set TMPDIR"):
        fetched(f"{server.url}/x.mp4")


def test_what_is_wrong_with_the_copy_is_said_of_the_address(server: Server) -> None:
    server.content = b"<html>please log in</html>"
    done = fervid("predict", f"{server.url}/a%2F..%2Fb.mp4?pw", f"{server.url}/photo.jpg", "--format", "jsonl")
    assert done.exit_code == 1
    assert f"error: {server.url}/a%2F..%2Fb.mp4: no video in it can be decoded" in done.stderr
    assert f"error: {server.url}/photo.jpg: not a picture that can be decoded" in done.stderr
    assert "fervid-clip" not in done.stdout + done.stderr
    assert "pw" not in done.stdout + done.stderr
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [
        f"{server.url}/a%2F..%2Fb.mp4",
        f"{server.url}/photo.jpg",
    ]


def test_the_others_of_a_batch_are_done(server: Server, face_clip: Path) -> None:
    server.behaviours = ["missing", "good"]
    listed = f"{server.url}/gone.mp4?pw\n{server.url}/x.mp4?pw\n{face_clip}\n"
    done = fervid("predict", "-", "--format", "jsonl", "--fps", "2", "--debug", stdin=listed)
    assert done.exit_code == 1
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["failed", "ok", "ok"]
    assert "pw" not in done.stdout + done.stderr


def test_ctrl_c_leaves_nothing(server: Server, spool: Path) -> None:
    server.behaviours = ["stall"]
    command = [sys.executable, "-m", "fer_video.cli", "predict", f"{server.url}/x.mp4"]
    # Started by a shell in the background, tests inherit an ignored Ctrl-C.
    heard: dict[str, Any] = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, **heard) as process:
        assert server.asked.wait(60)
        assert list(spool.glob("*/x.mp4")) or wait_for(lambda: list(spool.glob("*/x.mp4")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.strip() == b"fervid: interrupted"
    assert list(spool.iterdir()) == []


def wait_for(what: Any) -> bool:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
    return True


def test_what_a_killed_process_left_is_removed(server: Server, spool: Path) -> None:
    server.behaviours = ["stall", "good"]
    code = "import sys; from fer_video.media.remote import copy_of\nwith copy_of(sys.argv[1]): pass"
    with subprocess.Popen([sys.executable, "-c", code, f"{server.url}/x.mp4"]) as process:
        wait_for(lambda: list(spool.glob("*/x.mp4")))
        (left,) = spool.iterdir()
        an_hour_ago = time.time() - 3600
        os.utime(left, (an_hour_ago, an_hour_ago))
        fetched(f"{server.url}/x.mp4")
        assert left.exists()  # somebody is at work in it
        process.kill()
    scratch._sweep_folders.cache_clear()
    young = spool / "fervid-clip-young"
    young.mkdir()
    (spool / "fervid-clip-link").symlink_to(young)
    fetched(f"{server.url}/x.mp4")
    assert sorted(each.name for each in spool.iterdir()) == ["fervid-clip-link", "fervid-clip-young"]


# ---- other commands


def test_extract(server: Server, face_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "f"
    address = f"{server.url}/{face_clip.name}?pw"
    first = fervid("extract", address, "--out", out, "--fps", "2", "-q")
    assert (first.exit_code, first.stderr) == (0, "")
    name, file = first.stdout.rstrip("\n").split("\t")
    assert name == f"{server.url}/{face_clip.name}"
    from fer_video.clip.features import load_features

    assert load_features(Path(file)).path == name
    second = fervid("extract", face_clip, address, "--out", out, "--fps", "2", "--workers", "2")
    assert "0 extracted, 2 found, 0 failed" in second.stderr
    assert [line.split("\t")[1] for line in second.stdout.splitlines()] == [file, file]


def test_render(server: Server, tmp_path: Path, spool: Path) -> None:
    import av

    out = tmp_path / "o.mp4"
    done = fervid("render", f"{server.url}/x.mp4?pw", "--out", out, "--fps", "2", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(server.paths) == 1
    with av.open(str(out)) as video:
        assert video.streams.video[0].frames == 20
    result = tmp_path / "r.json"
    fervid("predict", f"{server.url}/x.mp4?pw=1", "--frames", "--fps", "2", "--out", result)
    done = fervid("render", f"{server.url}/x.mp4?pw=2", "--result", result, "--out", out, "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert list(spool.iterdir()) == []


def test_report(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    done = fervid("report", f"{server.url}/x.mp4?signature", "--out", out, "--fps", "2")
    assert done.exit_code == 0
    assert f"warning: {server.url}/x.mp4: is not kept here" in done.stderr
    assert "x.mp4?signature" not in out.read_text(encoding="utf-8")


# ---- object stores


def test_an_object_gives_what_the_file_gives(store: Store, face_clip: Path, spool: Path) -> None:
    there, here = predicted("s3://b/in/clip2.mp4", face_clip)
    assert there.pop("path") == "s3://b/in/clip2.mp4"
    del here["path"]
    assert there == here
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("s3://b/in/", ["in/clip2.mp4", "in/clip10.mp4", "in/sub/a[1].jpg"]),
        ("s3://b/in/*.mp4", ["in/clip2.mp4", "in/clip10.mp4"]),
        ("s3://b/**/*.jpg", ["in/sub/a[1].jpg"]),
        ("s3://b/in/sub/a[1].jpg", ["in/sub/a[1].jpg"]),
        ("s3://b/in/gone.mp4", ["in/gone.mp4"]),
    ],
)
def test_folders_and_patterns_in_buckets(store: Store, named: str, found: list[str]) -> None:
    inputs = expand_inputs([named])
    assert inputs.errors == ()
    assert list(inputs.paths) == [f"s3://b/{each}" for each in found]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("s3://b/none/", "no video or picture there"),
        ("s3://b/*.mkv", "matches no file"),
        ("s3://key:secret@b/x.mp4", "buckets take no user and password"),
    ],
)
def test_what_leads_to_nothing_in_buckets(store: Store, named: str, says: str) -> None:
    ((_, error),) = expand_inputs([named]).errors
    assert says in str(error)
    assert "secret" not in str(error)


def test_objects_that_cannot_be_had(store: Store, spool: Path) -> None:
    store.refused.add("b/in/clip2.mp4")
    assert fails("s3://b/in/clip2.mp4").startswith("s3://b/in/clip2.mp4: access is refused; check the password or cre")
    assert fails("s3://b/in/gone.mp4") == "s3://b/in/gone.mp4: no such object; check the address"
    assert fails("s3://b/in") == "s3://b/in: is a folder; end it with / for what is in it"
    assert list(spool.iterdir()) == []


def test_an_object_whose_connection_is_cut(store: Store, face_clip: Path) -> None:
    store.cuts = 1
    assert fetched("s3://b/in/clip2.mp4") == face_clip.read_bytes()
    assert store.cuts == 0


def test_public_buckets_and_what_is_signed(store: Store, monkeypatch: pytest.MonkeyPatch, face_clip: Path) -> None:
    done = fervid("predict", "s3://b/in/gone.mp4", "--debug")
    assert "no such object" in done.stderr
    assert "secret" not in done.stderr
    assert "Signature" not in done.stderr
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("FSSPEC_S3_ANON", "true")
    monkeypatch.setattr(fsspec.config, "conf", {})
    fsspec.config.set_conf_env(fsspec.config.conf)
    assert fetched("s3://b/in/clip2.mp4") == face_clip.read_bytes()
    assert store.signed[0]
    assert not store.signed[-1]


def test_no_credentials(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert fails("s3://b/in/clip2.mp4") == (
        "s3://b/in/clip2.mp4: no credentials found; docs/remote.md says where they are looked for"
    )
    assert store.asked == []


class Flaky:
    """A file system that breaks as often as it is told to, and whose objects may change."""

    def __init__(self, content: bytes, breaks: int = 0, info: dict[str, Any] | None = None) -> None:
        self.content, self.breaks, self.opened = content, breaks, 0
        self.infos = [{"type": "file", "size": len(content), "etag": "1"}, info or {}]

    def info(self, key: str) -> dict[str, Any]:
        assert key == "b/x.mp4"
        return self.infos[0] | (self.infos.pop() if self.opened else {})

    def open(self, key: str, mode: str, **options: Any) -> io.BytesIO:
        self.opened += 1
        flaky = self

        class File(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if flaky.breaks and self.tell():
                    flaky.breaks -= 1
                    raise ConnectionResetError(104, "Connection reset by peer")
                return super().read(size)

        return File(self.content)


def flaky(monkeypatch: pytest.MonkeyPatch, files: Flaky) -> None:
    monkeypatch.setattr(remote, "_filesystem", lambda scheme: {"gs": files}[scheme])
    monkeypatch.setattr(remote, "_BLOCK", 1000)


def test_objects_go_on_where_they_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(5500)
    files = Flaky(content, breaks=4)
    flaky(monkeypatch, files)
    assert fails("gs://b/x.mp4").startswith(
        "gs://b/x.mp4: cannot be downloaded: [Errno 104] Connection reset by peer; "
    )
    assert files.opened == 4  # one that brought a block, three in a row that did not
    files = Flaky(content, breaks=2)
    flaky(monkeypatch, files)
    assert fetched("gs://b/x.mp4") == content
    assert files.opened == 3


def test_an_object_that_was_replaced_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    flaky(monkeypatch, Flaky(b"x" * 5500, info={"etag": "2"}))
    assert fails("gs://b/x.mp4") == "gs://b/x.mp4: was replaced while it was read; try again"


def test_a_bug_is_not_taken_for_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    flaky(monkeypatch, Flaky(b"x", info=None))
    monkeypatch.setattr(Flaky, "open", lambda *_, **__: {}["bug"])
    with pytest.raises(KeyError, match="bug"):
        fetched("gs://b/x.mp4")


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
@pytest.mark.parametrize("missing", ["package", "fsspec"])
def test_without_the_extra(
    scheme: str, package: str, missing: str, monkeypatch: pytest.MonkeyPatch, face_clip: Path, tmp_path: Path
) -> None:
    hide = package if missing == "package" else "fsspec"
    monkeypatch.setitem(sys.modules, hide, None)
    if missing == "package":
        pytest.importorskip("fsspec")
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, scheme, raising=False)  # loaded before
    says = rf"{scheme}:// needs {package}: pip install 'fervid\[remote\]', or {package} alone"
    with pytest.raises(OptionError, match=says):
        fetched(f"{scheme}://b/x.mp4")
    out = tmp_path / "r.jsonl"
    done = fervid("predict", face_clip, f"{scheme}://b/x.mp4", "--out", out)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert f"{scheme}:// needs {package}" in done.stderr
    assert not out.exists()


def test_fsspec_is_loaded_for_buckets_only(face_clip: Path) -> None:
    code = (
        "import sys, fer_video; fer_video.analyze(sys.argv[1]);"
        "assert not {'fsspec', 's3fs', 'gcsfs', 'aiohttp', 'botocore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, face_clip], check=True)
