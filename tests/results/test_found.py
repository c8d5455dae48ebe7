"""Results on stdin, for each command that reads results."""

from __future__ import annotations

from pathlib import Path

from command import fervid
from made import result, written
from svg import words

LINES = written("jsonl", "clips", result("a.mp4"), result("b.mp4"), frames=True).encode()
ONE = written("jsonl", "clips", result("a.mp4"), frames=True).encode()


def test_plot(tmp_path: Path) -> None:
    for name, given in (("one.svg", ONE), ("two.svg", LINES)):
        run = fervid("plot", "-", "--out", tmp_path / name, stdin=given)
        assert run.exit_code == 0, run.stderr
        assert any(word.startswith("b ") or word == "b" for word in words(tmp_path / name)) == (given is LINES)


def test_compare(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("path,start,end,name\na,0,1,happy\nb,0,1,happy\n")
    run = fervid("compare", "-", tmp_path / "codes.csv", stdin=LINES)
    assert run.exit_code == 0, run.stderr
    assert run.stdout.startswith("2 clips")


def test_report_takes_results_or_a_list(tmp_path: Path) -> None:
    run = fervid("report", "-", "--out", tmp_path / "pages", "--video", "none", "--no-crops", stdin=LINES)
    assert run.exit_code == 0, run.stderr
    assert len(list((tmp_path / "pages").glob("000*.html"))) == 2
    run = fervid("report", "-", "--out", tmp_path / "p.html", stdin=b"none.mp4\n")
    assert "none.mp4" in run.stderr


def test_people_reads_but_cannot_write_there(tmp_path: Path) -> None:
    run = fervid("people", "-", stdin=LINES)
    assert "-: a.mp4 holds no embeddings of faces" in run.stderr
    for option in (["--write"], ["--forget"], ["--out", tmp_path / "out"]):
        run = fervid("people", "-", *option, stdin=LINES)
        assert run.exit_code == 2
        assert "are for files of results, not for stdin" in run.stderr
