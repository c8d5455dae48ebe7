"""evaluate as users call it: what was trained on, one answer per clip, the default methods."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import pytest
from command import fervid


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_clips_that_a_model_was_trained_on_are_known_again(labelled: Path, tmp_path: Path) -> None:
    model, told = tmp_path / "model", tmp_path / "told.csv"
    options = ("--features", tmp_path / "features", "--every-frame", "-q")
    assert fervid("train", labelled, "--out", model, *options).exit_code == 0
    renamed = tmp_path / "elsewhere"
    for number, label in enumerate(("her", "him")):
        for subject in ("s0", "new"):
            place = renamed / label / subject / f"clip{number}"
            place.mkdir(parents=True)
            for frame in sorted((labelled / label / "s0" / "take0").iterdir()):
                image = cv2.imread(str(frame))
                data = frame.read_bytes() if subject == "s0" else cv2.imencode(".png", image[:, ::-1])[1].tobytes()
                (place / frame.name).write_bytes(data)
    done = fervid("evaluate", model, renamed, *options, "--predictions", told, "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert "was trained on 2 of these 4 clips" in done.stderr
    value = json.loads(done.stdout)
    assert (value["schema"], value["trained_on"], value["cross_validation"]) == ("fervid-evaluation/1", 2, None)
    assert value["model"]["name"] == "model"
    assert value["dataset"] == {"path": str(renamed), "layout": "classes", "part": "all"}
    rows = rows_of(told)
    assert [row["subject"] for row in rows] == ["new", "s0", "new", "s0"]
    assert [row["trained_on"] for row in rows] == ["False", "True", "False", "True"]
    for row in rows:
        shares = {label: float(row[f"p_{label}"]) for label in ("her", "him")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == max(shares, key=shares.__getitem__)
        assert float(row["confidence"]) == max(shares.values())
    assert sum(row["predicted"] == row["label"] for row in rows) == round(4 * value["accuracy"]["value"])


def test_the_default_answers_are_those_of_predict(tmp_path: Path, face_clip: Path, faceless_clip: Path) -> None:
    data = tmp_path / "data"
    for label, source in (("happiness", face_clip), ("neutral", faceless_clip)):
        (data / label).mkdir(parents=True)
        shutil.copy(source, data / label / source.name)
    told = tmp_path / "told.csv"
    for model in ("auto", "none"):
        options = ("--features", tmp_path / "f", "--every-frame", "-q", "--predictions", told, "--format", "json")
        done = fervid("evaluate", model, data, *options)
        assert done.exit_code == 0, done.stderr
        for row in rows_of(told):
            said = fervid("predict", row["path"], "--model", model, "--every-frame", "--format", "json").stdout
            value = json.loads(said)
            if value["clip"] is not None:
                assert value["clip"]["method"] == json.loads(done.stdout)["model"]["name"]
                assert value["clip"]["emotion"] == row["predicted"]
                assert value["clip"]["confidence"] == pytest.approx(float(row["confidence"]), abs=2e-5)
