"""Files that are not meant well, reader by reader: refused in one line, with limits on what they may cost."""

from __future__ import annotations

import io
import os
import signal
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from fer_video.cli import main
from fer_video.cli.shared.inputs import read_list

from fer_video.datasets.clips import load_clips
from fer_video.datasets.faces import load_faces
from fer_video.datasets.tree import Tree
from fer_video.errors import FervidError, InputError, OptionError, OutputError
from fer_video.files import parse_json, parse_toml, read_limited, refuse_same
from fer_video.interrupt import ends
from fer_video.media.still import natural, sequence_files
from fer_video.models.graph import read_graph
from fer_video.models.manifest import _read_description
from fer_video.results.read import read_results
from fer_video.training.recipe import read_recipe

DIGITS = "9" * 5000


def packed(path: Path, name: str, data: bytes, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_cannot_be_bounded_are_refused(tmp_path: Path, method: int) -> None:
    path = packed(tmp_path / "bomb.zip", "FER2013Valid/label.csv", bytes(50_000_000), method)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="packed by a method that is not read"):
            load_faces(path, "ferplus")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_what_a_zip_says_of_its_sizes_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "bomb.zip", "a.png", bytes(50_000_000), zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    monkeypatch.setattr("fer_video.datasets.tree._LARGEST_FILE", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"bomb\.zip: a\.png"):
            Tree(path).read("a.png")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_tables_with_huge_fields_and_numbers(tmp_path: Path) -> None:
    for data in (b"x" * 200_000, f"a.png,b,{','.join([DIGITS] * 10)}".encode(), b"a.png,b,-1,0,0,0,0,0,0,0,0,0"):
        path = packed(tmp_path / "t.zip", "FER2013Valid/label.csv", data, zipfile.ZIP_DEFLATED)
        with pytest.raises(InputError, match=r"label.csv: line \d"):
            load_faces(path, "ferplus")


def test_names_with_thousands_of_digits_are_sorted() -> None:
    names = [f"a{DIGITS}.png", "a10.png", "a2.png", "a02.png", "b1.png", "a.png"]
    assert sorted(names, key=natural) == ["a2.png", "a02.png", "a10.png", f"a{DIGITS}.png", "a.png", "b1.png"]


def test_what_file_managers_leave_is_no_frame(tmp_path: Path) -> None:
    for name in ("f1.png", "f2.png", "Thumbs.db", "desktop.ini", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in sequence_files(tmp_path)] == ["f1.png", "f2.png"]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 20_000,
        f"a = {DIGITS}",
        f"heads = {DIGITS}",
        "\ud800",
        f"seed = {'9' * 400}",
        "x" * (2 << 20),
        "a." * 100_000 + "b = 1",
    ],
)
def test_hostile_recipes(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(OptionError) as told:
        read_recipe(tmp_path / "r.toml")
    assert len(str(told.value)) < 500


def test_results_that_would_take_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"frames": [' + ",".join(["{}"] * 5_000_000) + "]}")
    with pytest.raises(InputError, match=r"would take 1\.\d GB of memory"):
        read_results(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.json")
    os.mkfifo(tmp_path / "p.jsonl")
    readers: list[Callable[[], object]] = [
        lambda: read_results(tmp_path / "p.json"),
        lambda: read_results(tmp_path / "p.jsonl"),
        lambda: read_results(Path("/dev/zero")),
        lambda: read_recipe(tmp_path / "p.json"),
        lambda: Tree(tmp_path / "p.json"),
        lambda: load_clips(tmp_path / "p.json", "csv"),
        lambda: load_clips(Path("/dev/zero"), None),
        lambda: read_graph(Path("/dev/zero")),
        lambda: read_graph(tmp_path / "p.json"),
        lambda: _read_description(tmp_path / "p.json", tmp_path / "p.onnx"),
        lambda: CliRunner().invoke(main, ["plot", str(tmp_path / "p.json"), "--out", str(tmp_path / "o.png")]),
    ]
    for reader in readers:
        told: list[BaseException] = []

        def attempt(read: Callable[[], object] = reader, told: list[BaseException] = told) -> None:
            try:
                read()
            except FervidError as error:
                told.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()


def test_read_limited(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_limited(tmp_path / "f", 5) == b"12345"
    with pytest.raises(InputError, match="longer than 4 bytes"):
        read_limited(tmp_path / "f", 4)
    with pytest.raises(InputError, match="cannot be opened"):
        read_limited(tmp_path, 4)
    with pytest.raises(InputError, match="cannot be opened"):
        read_limited(Path("a\0b"), 4)


def test_json_without_end() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 200_000)


def test_toml_that_would_take_gigabytes() -> None:
    assert parse_toml(f"version = '{'1.' * 200}'".encode()) == {"version": "1." * 200}
    for text in ("a." * 100_000 + "b = 1", f"a = {'[' * 100_000}", f"a = {DIGITS}", "a = \ud800"):
        with pytest.raises(ValueError, match=r"dots|deeply|digits|codec"):
            parse_toml(text.encode("utf-8", "surrogatepass"))


def test_a_name_too_long_to_compare(tmp_path: Path) -> None:
    (tmp_path / "o").touch()
    refuse_same(tmp_path / "o", ["x" * 5000, "a\0b"])
    with pytest.raises(OutputError, match="is one of the inputs"):
        refuse_same(tmp_path / "o", ["x" * 5000, str(tmp_path / "o")])


@pytest.mark.parametrize(
    "given", [b"\xef\xbb\xbfa.mp4\r\nb c.mp4\n\n", b"a.mp4\0b c.mp4\0", "\ufeffa.mp4\nb c.mp4".encode()]
)
def test_lists_on_stdin(monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert list(read_list(("x", "-"))) == ["x", "a.mp4", "b c.mp4"]


def test_a_video_on_stdin_is_no_list(monkeypatch: pytest.MonkeyPatch, face_clip: Path) -> None:
    """Its bytes between two NULs are names too, such as / and *."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(face_clip.read_bytes())))
    with pytest.raises(OptionError, match="stdin holds no list of names"):
        list(read_list(("-",)))


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without an entry has none."""
    for name in ("HOME", "FERVID_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", _no_home)
    assert CliRunner().invoke(main, ["models", "list"]).exit_code == 0


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("limit", ["inf", "9999999"])
def test_limits_longer_than_systems_wait(face_clip: Path, tmp_path: Path, limit: str) -> None:
    arguments = ["predict", str(face_clip), str(face_clip), "--fps", "2", "--workers", "1", "--timeout", limit]
    assert CliRunner().invoke(main, [*arguments, "--out", f"{tmp_path}/r/"]).exit_code == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_closed_terminal_ends_it_unless_that_is_to_be_ignored() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert signal.SIGHUP in ends()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signal.SIGHUP not in ends()
    finally:
        signal.signal(signal.SIGHUP, before)
