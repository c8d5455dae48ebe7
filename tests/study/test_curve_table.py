"""`fervid curves`: rows by hand, against the frame rows, and with a table of clips."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import fervid
from conftest import EXAMPLE
from test_summarize import clip

from fer_video.errors import OptionError
from fer_video.results.rows import clip_object
from fer_video.study.curve_table import CurveOptions


def stored(folder: Path, *values: list[float]) -> Path:
    path = folder / "r.json"
    clips = [clip(f"{i}.mp4", each) for i, each in enumerate(values)]
    path.write_text(json.dumps([clip_object(each, frames=True) for each in clips]))
    return path


def table(*arguments: str | Path) -> pd.DataFrame:
    run = fervid("curves", *arguments)
    assert run.exit_code == 0, run.stderr
    return pd.read_csv(io.StringIO(run.stdout))


def test_without_options_it_is_the_frames(tmp_path: Path) -> None:
    assert fervid("predict", EXAMPLE, "--fps", "5", "--frames", "--out", tmp_path / "r.json").exit_code == 0
    rows = pd.read_csv(
        io.StringIO(fervid("predict", EXAMPLE, "--fps", "5", "--rows", "frames", "--format", "csv").stdout)
    )
    seen = rows.dropna(subset="person").reset_index(drop=True)
    found = table(tmp_path / "r.json")
    names = [name for name in rows.columns if name.startswith("p_")]
    assert found.columns.tolist() == ["path", "person", "time_s", *names]
    pd.testing.assert_frame_equal(found[names], seen[names], rtol=0, atol=2e-6)


def test_smoothed_resampled_and_changed_by_hand(tmp_path: Path) -> None:
    path = stored(tmp_path, [0.5] * 10 + [0.75] * 10)
    found = table(path, "--resample", "20", "--baseline", "0-1", "--smooth", "0.3")
    assert found.time_s.tolist() == pytest.approx([i / 20 for i in range(39)], abs=1e-6)
    assert found.p_happiness[19] == pytest.approx(0.625)  # between two frames
    assert 0.5 < found.smooth_happiness[16] < 0.6  # already rising
    # The smoothed curve rises a little before the baseline ends.
    assert found.change_happiness[38] == pytest.approx(np.log(3) / 2, abs=0.03)
    exact = table(path, "--baseline", "0-1")
    assert exact.change_happiness[19] == pytest.approx(np.log(3) / 2, abs=1e-5)
    assert (found.change_happiness + found.change_neutral).abs().max() < 1e-5


def test_columns_of_the_users_table_and_every_format(tmp_path: Path) -> None:
    path = stored(tmp_path, [0.25, 0.5], [0.75])
    (tmp_path / "m.csv").write_text("path,subject\n0,anna\nz,zoe\n")
    run = fervid("curves", path, "--meta", tmp_path / "m.csv", "--out", tmp_path / "c.parquet")
    assert (run.exit_code, run.stderr.count("match no clip: z")) == (0, 1)
    found = pd.read_parquet(tmp_path / "c.parquet")
    assert found.subject.tolist()[:2] == ["anna", "anna"]
    assert found.subject.isna()[2]
    assert found.p_happiness.tolist() == [0.25, 0.5, 0.75]
    assert fervid("curves", path, "--out", tmp_path / "c.vtt").exit_code == 2


def test_options_that_make_no_sense() -> None:
    for wrong in ({"smooth_s": 0}, {"rate_hz": 0}, {"rate_hz": float("inf")}, {"min_quality": 2}):
        with pytest.raises(OptionError):
            CurveOptions(**wrong)  # type: ignore[arg-type]
