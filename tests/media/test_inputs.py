"""What a user names and which files that means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fer_video.media.inputs import expand_inputs


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("clip10.mp4", "clip2.MP4", "notes.txt", ".hidden.mp4", "sub/a.jpg", "sub/deep/b.mkv", "empty/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*named: str) -> list[str]:
    found = expand_inputs(named)
    assert found.errors == ()
    return list(found.paths)


def test_a_folder_is_searched_by_suffix_in_natural_order(tree: Path) -> None:
    assert names(".") == ["clip2.MP4", "clip10.mp4", "sub/a.jpg", "sub/deep/b.mkv"]
    assert names("sub") == ["sub/a.jpg", "sub/deep/b.mkv"]


def test_files_stand_for_themselves(tree: Path) -> None:
    assert names("notes.txt", ".hidden.mp4", "missing.mp4") == ["notes.txt", ".hidden.mp4", "missing.mp4"]


def test_patterns(tree: Path) -> None:
    assert names("*.mp4") == ["clip10.mp4"]
    assert names("**/*.mkv") == ["sub/deep/b.mkv"]
    assert names("clip?.MP4") == ["clip2.MP4"]


def test_each_file_once(tree: Path) -> None:
    assert names("clip10.mp4", "*.mp4", "./clip10.mp4", str(tree / "clip10.mp4")) == ["clip10.mp4"]


def test_a_file_named_like_a_pattern(tree: Path) -> None:
    (tree / "take[1].mp4").touch()
    assert names("take[1].mp4") == ["take[1].mp4"]


@pytest.mark.parametrize(
    ("named", "says"),
    [("empty", "no video or picture"), ("*.webm", "matches no file"), ("su*", "only folders"), ("", "an empty name")],
)
def test_what_leads_to_nothing_is_said_and_the_rest_is_found(tree: Path, named: str, says: str) -> None:
    found = expand_inputs([named, "clip10.mp4"])
    assert found.paths == ("clip10.mp4",)
    ((name, error),) = found.errors
    assert name == named
    assert says in str(error)


def test_a_loop_of_links_ends(tree: Path) -> None:
    (tree / "sub" / "loop").symlink_to(tree, target_is_directory=True)
    assert names("sub") == ["sub/a.jpg", "sub/deep/b.mkv"]


def test_a_pattern_across_folders_ends_at_links(tree: Path) -> None:
    """Two that lead back would give 2^40 names."""
    for name in ("one", "two"):
        (tree / "sub" / name).symlink_to(tree, target_is_directory=True)
    assert names("**/*.mkv") == ["sub/deep/b.mkv"]
    assert names("su*/**") == ["sub/a.jpg", "sub/deep/b.mkv"]
    assert names(f"{tree}/**/b.*") == [f"{tree}/sub/deep/b.mkv"]
    (tree / "sub" / ".dark").mkdir()
    (tree / "sub" / ".dark" / "c.mkv").touch()
    assert names("**/*.mkv") == ["sub/deep/b.mkv"]
    assert names("**/.dark/*.mkv") == ["sub/.dark/c.mkv"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_an_unreadable_folder_is_said_and_the_rest_is_found(tree: Path) -> None:
    for folder in (tree, *tree.parents):  # so that nobody may come this far
        if folder.owner() == tree.owner() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    (tree / "sub" / "deep").chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything: be nobody for a moment
        os.seteuid(65534)
    try:
        found = expand_inputs(["."])
    finally:
        os.seteuid(user)
        (tree / "sub" / "deep").chmod(0o755)
    assert found.paths == ("clip2.MP4", "clip10.mp4", "sub/a.jpg")
    ((name, error),) = found.errors
    assert name == "./sub/deep"
    assert "Permission denied" in str(error)
