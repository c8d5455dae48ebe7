"""The how-tos: their code runs as it stands on the pages, and its numbers agree with those worked out otherwise."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import fervid
from conftest import ROOT
from media import Image, encode

Rows = list[dict[str, str]]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs/howto" / page).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, (page, language)
    return found


def rows(name: str) -> Rows:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def workplace(tmp_path: Path, astronaut: Image, face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with recordings/a.mp4, a face in each of its 20 frames, and b.mp4, a face in the first half of them."""
    (tmp_path / "recordings").mkdir()
    shutil.copy(face_clip, tmp_path / "recordings" / "a.mp4")
    views = [astronaut[:288, 60:444]] * 10 + [np.ascontiguousarray(astronaut[224:512, 128:512])] * 10
    encode(tmp_path / "recordings" / "b.mp4", views, [i / 10 for i in range(20)])
    shutil.copy(face_clip, tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(page: str) -> None:
    """Runs the first block of the page."""
    for line in blocks(page, "sh")[0].splitlines():
        name, *arguments = shlex.split(line)
        assert name == "fervid"
        run = fervid(*arguments)
        assert (run.exit_code, run.stderr) == (0, "")


def means_of_people() -> dict[tuple[str, str, str], float]:
    """(path, person, column) -> mean over the frames in sight."""
    found = defaultdict(list)
    for row in rows("frames.csv"):
        for name, value in row.items():
            if name.startswith("p_") and row["person"]:
                found[row["path"], row["person"], name].append(float(value))
    return {key: statistics.mean(values) for key, values in found.items()}


def seconds_of_segments() -> dict[tuple[str, str, str], float]:
    found: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows("segments.csv"):
        found[row["path"], row["person"], row["emotion"] or "uncertain"] += float(row["end_s"]) - float(row["start_s"])
    return found


def happiness_of_clips() -> dict[str, float]:
    return {Path(row["path"]).stem: float(row["p_happiness"]) for row in rows("clips.csv")}


def test_pandas(workplace: Path) -> None:
    commands("pandas.md")
    said: dict[str, Any] = {}
    exec("\n".join(blocks("pandas.md", "python")), said)
    assert said["in_sight"].to_dict() == {"recordings/a.mp4": 1.0, "recordings/b.mp4": 0.5}
    means = means_of_people()
    assert len(means) == 2 * 8
    for (path, person, name), value in means.items():
        assert said["means"].loc[(path, int(person)), name] == pytest.approx(value)
    assert list(said["seconds"].index) == [
        ("recordings/a.mp4", 1, 0),
        ("recordings/a.mp4", 1, 1),
        ("recordings/b.mp4", 1, 0),
    ]
    for (path, person, emotion), value in seconds_of_segments().items():
        assert said["durations"].loc[(path, int(person)), emotion] == pytest.approx(value)
    expected = happiness_of_clips()
    assert said["happiness"].to_dict() == pytest.approx({"treatment": expected["a"], "control": expected["b"]})
    one = said["frames"][said["frames"]["path"] == "recordings/a.mp4"]
    assert said["frames_of_one"]["p_happiness"].round(6).tolist() == one["p_happiness"].tolist()


def test_pandas_reads_the_parquet_of_a_batch(workplace: Path) -> None:
    import pandas as pd

    (command,) = re.findall(r"`fervid (predict .* --format parquet .*)`", (ROOT / "docs/howto/pandas.md").read_text())
    assert fervid(*shlex.split(command)).exit_code == 0
    table = pd.read_parquet("results/results.parquet")
    assert table.groupby("path")["person"].count().to_dict() == {"recordings/a.mp4": 20, "recordings/b.mp4": 10}


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed here")
def test_r(workplace: Path) -> None:
    commands("r.md")
    code = "\n".join(blocks("r.md", "r"))
    results = ("means", "as.data.frame(durations)", "data.frame(condition = names(happiness), mean = happiness)")
    code += "".join(f'write.csv({each}, "{i}.out.csv", row.names = FALSE)\n' for i, each in enumerate(results))
    Path("script.R").write_text(code, encoding="utf-8")
    done = subprocess.run(["Rscript", "--vanilla", "script.R"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path("happiness.pdf").read_bytes().startswith(b"%PDF")
    means = means_of_people()
    assert sum(name.startswith("p_") for row in rows("0.out.csv") for name in row) == len(means)
    for row in rows("0.out.csv"):
        for name in ("p_happiness", "p_contempt"):
            assert float(row[name]) == pytest.approx(means[row["path"], row["person"], name])
    durations = {(*row["paste.path..person."].rsplit(" ", 1), row["emotion"]): row["Freq"] for row in rows("1.out.csv")}
    for key, value in seconds_of_segments().items():
        assert float(durations[key]) == pytest.approx(value)
    expected = happiness_of_clips()
    means_by_condition = {row["condition"]: float(row["mean"]) for row in rows("2.out.csv")}
    assert means_by_condition == pytest.approx({"treatment": expected["a"], "control": expected["b"]})


@pytest.mark.parametrize("page", ["../start.md", "../../README.md"])
def test_getting_started_in_python(page: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(Path("recordings", name), name)
    said: dict[str, Any] = {}
    exec(blocks(page, "python")[0], said)
    assert said["result"].status == "ok"
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if re.match(r"1 0\.0 1\.[89] happiness", line)]
    if page.endswith("start.md"):
        assert lines[-2:] == ["a.mp4 ok", "b.mp4 ok"]
        assert len(said["rows"]) == 20


def printed_segments(text: str) -> list[tuple[float, float, str]]:
    return [(float(start), float(end), said) for start, end, said in (line.split() for line in text.splitlines())]


@pytest.mark.parametrize("page", ["elan.md", "praat.md"])
def test_tiers_are_read_back(page: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By pympi and praatio: the segments are those of the CSV, to the millisecond."""
    commands(page)
    exec(blocks(page, "python")[0], {})
    assert fervid("predict", "clip.mp4", "--rows", "segments", "--out", "segments.csv").exit_code == 0
    expected = [
        (round(float(row["start_s"]), 3), round(float(row["end_s"]), 3), row["emotion"]) for row in rows("segments.csv")
    ]
    assert printed_segments(capsys.readouterr().out) == expected != []


@pytest.mark.skipif(shutil.which("praat") is None, reason="Praat is not installed here")
def test_the_script_for_praat(workplace: Path) -> None:
    commands("praat.md")
    Path("segments.praat").write_text(blocks("praat.md", "praat")[0], encoding="utf-8")
    done = subprocess.run(["praat", "--run", "segments.praat"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert fervid("predict", "clip.mp4", "--rows", "segments", "--out", "segments.csv").exit_code == 0
    expected = [(float(row["start_s"]), float(row["end_s"]), row["emotion"]) for row in rows("segments.csv")]
    assert printed_segments(done.stdout) == expected != []


@pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")
def test_the_array_job_and_its_merge(workplace: Path) -> None:
    """The script as Slurm would start it, once per task; then what the page has Slurm run after them."""
    script, after = blocks("slurm.md", "sh")
    Path("fervid.sbatch").write_text(script, encoding="utf-8")
    assert "#SBATCH --array=1-" in script
    here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for task in (1, 2):
        slurm = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        subprocess.run(["bash", "-e", "fervid.sbatch"], env=here | slurm, check=True, capture_output=True)
        assert Path(f"results/shard-{task}-of-2/fervid.journal").exists()
    (merge,) = re.findall(r"--wrap '(.*)'", after)
    assert fervid(*shlex.split(merge)[1:]).exit_code == 0
    assert [row["path"] for row in rows("results/results.csv")] == ["recordings/a.mp4", "recordings/b.mp4"]
