"""Damaged files, always the same ones: none hangs, crashes, says something of its own or meets a foreign exception."""

from __future__ import annotations

from pathlib import Path

from mutants import CLIPS, make_clips, mutant, results


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    files = [mutant(clips, number, 7, tmp_path) for number in range(4 * (len(CLIPS) + 1))]
    found = list(results(files))
    assert [(path.name, said) for path, said, *_ in found if said not in ("ok", "partial", "failed")] == []
    assert len(found) == len(files)
    assert sum(frames for _, _, frames, *_ in found) > 500
    assert max(memory for *_, memory, _ in found) < 1500
    assert max(spent_s for *_, spent_s in found) < 10


def test_a_number_and_a_seed_make_the_same_file(tmp_path: Path) -> None:
    clips = [Path(tmp_path / "f.mp4")]
    clips[0].write_bytes(bytes(range(256)) * 20)
    one, other = (mutant(clips, 3, seed, tmp_path).read_bytes() for seed in (1, 1))
    assert one == other
    assert one != mutant(clips, 3, 2, tmp_path).read_bytes()
