"""Downloads, against a web server on loopback that cuts, stalls, sends wrong bytes, redirects and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fer_video.cli import main
from graphs import save_scrfd_like
from web import Server, serving

import fer_video.analyzer  # noqa: F401  takes the real folder of weights before it is replaced below
from fer_video.engine.trial import try_model
from fer_video.errors import ModelError, OptionError, OutputError
from fer_video.media.download import DownloadOptions
from fer_video.models import manifest
from fer_video.models.manifest import find_entry, load_manifest
from fer_video.models.store import PullOptions, pull, remove

CONTENT = np.random.default_rng(0).integers(0, 255, 300_000, np.uint8).tobytes()
HASTY = DownloadOptions(timeout_s=0.3, attempts=3, wait_s=0.01)


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(name: str, **changes: Any) -> dict[str, Any]:
    common = {"task": "emotion-backbone", "kind": "onnx", "licence": "MIT", "input": {"name": "input", "size": 32}}
    return {"name": name, **common} | changes


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, and no proxy or mirror of the machine."""
    for name in ("FERVID_MIRROR", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture(autouse=True)
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """A zoo of the server's: one model known by sha256 and size, one by its git blob id."""
    url = f"{server.url}/net.onnx"
    models = [
        entry("sized", url=url, sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT)),
        entry("blob", url=url, git_blob=git_blob(CONTENT)),
        entry(
            "closed", url=url, sha256=hashlib.sha256(CONTENT).hexdigest(), non_commercial=True, licence="research only"
        ),
        entry(
            "unhashed", url=None, task="face-detector", kind="scrfd", input={"name": "input.1", "size": None}, note="N"
        ),
    ]
    load_manifest()  # the real one, remembered
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "zoo.json").write_text(json.dumps({"models": models}))
    monkeypatch.setattr(manifest, "weights_dir", lambda: folder)


def files(store: Path) -> list[str]:
    """What is in the store, hidden files too."""
    return sorted(path.name for path in store.glob("*")) if store.exists() else []


def fetch(name: str, **options: Any) -> str:
    return pull(find_entry(name), PullOptions(download=HASTY, **options), try_model)


def fervid(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.mark.parametrize("name", ["sized", "blob"])
@pytest.mark.parametrize("behaviour", ["good", "redirect", "ignores-range", "without-length"])
def test_a_download(server: Server, store: Path, name: str, behaviour: str) -> None:
    server.behaviours = [behaviour, "good"]
    assert fetch(name) == "pulled"
    assert (store / f"{name}.onnx").read_bytes() == CONTENT
    assert files(store) == [f"{name}.onnx"]
    asked = len(server.ranges)
    assert fetch(name) == "was here"
    assert len(server.ranges) == asked


def test_progress(server: Server) -> None:
    seen: list[tuple[int, int | None]] = []
    pull(find_entry("blob"), PullOptions(download=HASTY), try_model, lambda have, total: seen.append((have, total)))
    assert [have for have, _ in seen] == sorted({have for have, _ in seen})
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("name", ["sized", "blob"])
@pytest.mark.parametrize("trouble", ["cut", "stall", "silent", "busy"])
def test_a_download_goes_on_after_trouble(server: Server, store: Path, name: str, trouble: str) -> None:
    server.behaviours = [trouble, trouble, "good"]
    assert fetch(name) == "pulled"
    assert (store / f"{name}.onnx").read_bytes() == CONTENT
    if trouble in ("cut", "stall"):  # a half, a half of the rest, the rest
        assert server.ranges == [None, "bytes=150000-", "bytes=225000-"]


def test_it_gives_up_in_the_end_and_goes_on_next_time(server: Server, store: Path) -> None:
    server.behaviours = ["cut", *["busy"] * 9]
    with pytest.raises(
        ModelError, match=r"net\.onnx: cannot be downloaded: 503 .*goes on where it stopped.*--from FILE"
    ):
        fetch("sized")
    assert len(server.ranges) == 4  # one that brought something, three in a row that did not
    assert not (store / "sized.onnx").exists()
    server.behaviours, server.ranges = ["good"], []
    assert fetch("sized") == "pulled"
    assert server.ranges == ["bytes=150000-"]
    assert files(store) == ["sized.onnx"]


def test_a_server_that_ignores_where_to_go_on(server: Server, store: Path) -> None:
    server.behaviours = ["cut", "ignores-range"]
    fetch("sized")
    assert (store / "sized.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["sized", "blob"])
def test_a_wrong_byte_is_refused_and_removed(server: Server, store: Path, name: str) -> None:
    server.behaviours = ["wrong"]
    with pytest.raises(ModelError, match=f"not the file that fervid knows as {name}: .* is expected; it was removed"):
        fetch(name)
    assert files(store) == []


def test_a_part_of_another_file_is_begun_anew(server: Server, store: Path) -> None:
    server.behaviours = ["cut", *["missing"] * 2]
    with pytest.raises(ModelError, match="404"):
        fetch("sized")
    (part,) = store.glob("*.part")
    part.write_bytes(bytes(1000))
    server.behaviours = ["good"]
    assert fetch("sized") == "pulled"
    assert (store / "sized.onnx").read_bytes() == CONTENT


def test_a_part_longer_than_the_file(server: Server, store: Path) -> None:
    server.behaviours = ["cut", *["missing"] * 2]
    with pytest.raises(ModelError):
        fetch("blob")
    (part,) = store.glob("*.part")
    part.write_bytes(bytes(len(CONTENT) + 5))
    server.behaviours = ["good"]
    assert fetch("blob") == "pulled"  # 416, then from the beginning
    assert (store / "blob.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["too-long", "endless"])
def test_more_than_was_announced_is_refused(server: Server, store: Path, behaviour: str) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(ModelError, match=r"the 300000 bytes|at most 300000"):
        fetch("sized")
    assert not (store / "sized.onnx").exists()


def test_a_file_without_a_known_size_has_a_limit(server: Server) -> None:
    server.behaviours = ["endless"]
    with pytest.raises(ModelError, match="more than the 100000 bytes"):
        pull(find_entry("blob"), PullOptions(download=replace(HASTY, most_bytes=100_000)), try_model)


def test_404_is_final(server: Server, store: Path) -> None:
    server.behaviours = ["missing"]
    with pytest.raises(ModelError, match=r"net\.onnx: 404 "):
        fetch("sized")
    assert len(server.ranges) == 1
    assert files(store) == []


def test_a_redirect_to_a_file_is_refused(server: Server, store: Path) -> None:
    server.behaviours = ["redirect-to-file"]
    with pytest.raises(ModelError, match=r"file:///etc/passwd.*(not allowed|refused)"):
        fetch("sized")
    assert files(store) == []


def test_no_network(store: Path, server: Server) -> None:
    nobody = f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    with pytest.raises(ModelError, match="cannot be downloaded: Connection refused"):
        fetch("sized", mirror=nobody)
    assert files(store) == []


def test_a_mirror(server: Server, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("sized", mirror=f"{server.url}/copies/")
    assert server.paths[-1] == "/copies/sized.onnx"
    monkeypatch.setenv("FERVID_MIRROR", f"{server.url}/other")
    fetch("blob")
    assert server.paths[-1] == "/other/blob.onnx"


def test_a_mirror_is_not_trusted(server: Server, store: Path) -> None:
    server.behaviours = ["wrong"]
    with pytest.raises(ModelError, match="not the file"):
        fetch("sized", mirror=server.url)
    with pytest.raises(ModelError, match="not a web address"):
        fetch("sized", mirror="file:///tmp")


def test_a_proxy(server: Server, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    fetch("sized", mirror="http://models.invalid")
    assert server.paths == ["http://models.invalid/sized.onnx"]
    assert files(store) == ["sized.onnx"]


def test_from_a_file(store: Path, tmp_path: Path, server: Server) -> None:
    given = tmp_path / "given.onnx"
    given.write_bytes(CONTENT)
    assert fetch("sized", source=given) == "pulled"
    assert (store / "sized.onnx").read_bytes() == CONTENT
    given.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"given\.onnx: not the file that fervid knows as blob"):
        fetch("blob", source=given)
    assert files(store) == ["sized.onnx"]
    with pytest.raises(ModelError, match="No such file"):
        fetch("blob", source=tmp_path / "none")
    with pytest.raises(ModelError, match="not a regular file"):
        fetch("blob", source=tmp_path)
    assert server.ranges == []


def test_a_licence_must_be_accepted(server: Server, store: Path) -> None:
    with pytest.raises(OptionError, match="research only; accept it with --accept-licence"):
        fetch("closed")
    assert server.ranges == []
    assert fetch("closed", accept_license=True) == "pulled"


def test_a_model_without_a_published_hash(store: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unhashed: N"):
        fetch("unhashed")
    with pytest.raises(OptionError, match="unhashed: N"):
        fetch("unhashed", mirror="http://127.0.0.1:9")  # what it sent could not be verified
    given = tmp_path / "text.onnx"
    given.write_text("no network")
    with pytest.raises(ModelError):
        fetch("unhashed", source=given)
    assert files(store) == []
    save_scrfd_like(given)
    assert fetch("unhashed", source=given) == "pulled"
    assert find_entry("unhashed").sha256 == hashlib.sha256(given.read_bytes()).hexdigest()  # remembered
    (store / "unhashed.onnx").write_bytes(b"changed")
    result = fervid("models", "verify", "unhashed")
    assert (result.exit_code, "is expected" in result.stdout) == (1, True)
    assert remove("unhashed")
    assert files(store) == []


def test_damage_is_mended_by_another_pull(server: Server, store: Path) -> None:
    fetch("sized")
    (store / "sized.onnx").write_bytes(CONTENT[:100])
    assert fetch("sized") == "pulled"
    assert (store / "sized.onnx").read_bytes() == CONTENT


def test_two_pulls_at_once(server: Server, store: Path) -> None:
    """The second waits for the first and finds what it brought; the file is fetched once."""
    server.behaviours = ["stall", "good"]
    done: list[str] = []
    patient = PullOptions(download=DownloadOptions(timeout_s=20, wait_s=0.01))
    threads = [
        threading.Thread(target=lambda: done.append(pull(find_entry("sized"), patient, try_model))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert server.asked.wait(10)
    time.sleep(0.1)
    server.released.set()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == ["pulled", "was here"]
    assert server.ranges == [None, "bytes=150000-"]
    assert (store / "sized.onnx").read_bytes() == CONTENT


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be written.*FERVID_CACHE"):
        fetch("sized")


PULL = """
import sys
from pathlib import Path
from fer_video.models import manifest
manifest.load_manifest()
manifest.weights_dir = lambda: Path(sys.argv[1])
from fer_video.cli import main
main(["models", "pull", "sized"])
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_point_it_leaves_no_file_or_a_good_one(tmp_path: Path, store: Path, server: Server) -> None:
    command = [sys.executable, "-c", PULL, str(tmp_path / "weights")]
    outcomes = set()
    for share in (0.0, 0.5):  # before the first byte, and in the middle
        server.behaviours = ["stall" if share else "silent", "good"]
        server.asked.clear()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert server.asked.wait(150)
            deadline = time.monotonic() + 150
            while share and not any(part.stat().st_size for part in store.glob(".*.part")):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            running.kill()
        outcomes.add(tuple(name for name in files(store) if not name.startswith(".")))
    assert outcomes == {()}
    (part,) = store.glob(".*.part")
    had = part.stat().st_size  # how much of what was sent reached the file is a matter of the moment
    server.released.set()
    server.behaviours, server.ranges = ["good"], []
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.strip() == str(store / "sized.onnx")
    assert (store / "sized.onnx").read_bytes() == CONTENT
    assert had > 0
    assert server.ranges == [f"bytes={had}-"]  # after the part of the one that was killed
    assert files(store) == ["sized.onnx"]


@pytest.mark.parametrize("step", ["fsync", "replace", "verify"])
def test_stopped_at_each_step_of_the_end(
    store: Path, server: Server, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As if the process died there: nothing after it runs."""

    class Died(BaseException):
        pass

    def die(*arguments: Any) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        if step == "fsync":
            patch.setattr(os, "fsync", die)
        elif step == "replace":
            patch.setattr(Path, "replace", die)
        else:
            patch.setattr("fer_video.models.store.verify_file", die)
        fetch("sized")
    assert not (store / "sized.onnx").exists()
    assert fetch("sized") == "pulled"
    assert (store / "sized.onnx").read_bytes() == CONTENT


# ---- as a user calls it


def test_the_command(server: Server, store: Path) -> None:
    result = fervid("models", "pull", "sized")
    assert (result.exit_code, result.stdout) == (0, f"{store / 'sized.onnx'}\n")
    assert result.stderr == "fervid: sized: verified\n"
    assert fervid("models", "pull", "sized", "-q").stderr == ""
    assert "is here already" in fervid("models", "pull", "sized").stderr
    assert fervid("models", "path", "sized").stdout == f"{store / 'sized.onnx'}\n"
    assert "sized: good" in fervid("models", "verify").stdout
    assert "removed" in fervid("models", "remove", "sized").stderr
    assert files(store) == []
    assert fervid("models", "path", "sized").exit_code == 2


def test_one_that_fails_does_not_stop_the_others(server: Server, store: Path) -> None:
    server.behaviours = ["missing", "good"]
    result = fervid("models", "pull", "sized", "blob")
    assert result.exit_code == 1
    assert "404" in result.stderr
    assert files(store) == ["blob.onnx"]


def test_one_clear_line_and_no_file(server: Server, store: Path) -> None:
    server.behaviours = ["missing"]
    result = fervid("models", "pull", "sized")
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert files(store) == []
    for arguments in (("closed",), ("nothing",), ("unhashed",), ("sized", "blob", "--from", "x")):
        result = fervid("models", "pull", *arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
    assert "comes with fervid" in fervid("models", "pull", "centerface").stderr


def test_a_model_that_was_not_pulled_is_not_downloaded(server: Server, face_clip: Path) -> None:
    result = fervid("predict", face_clip, "--backbone", "sized")
    assert result.exit_code == 2
    assert "fervid models pull sized" in result.stderr
    assert server.ranges == []
