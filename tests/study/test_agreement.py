"""Agreement with coders: against scikit-learn and krippendorff on the same samples, and by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from command import fervid
from made import FAILED
from made import result as made
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from test_annotations import eaf

from fer_video.errors import InputError, OptionError
from fer_video.results.rows import clip_object
from fer_video.study.agreement import CompareOptions, Comparison
from fer_video.study.annotations import Interval
from fer_video.study.measures import alpha_of, coincidences, kappa_of, one_label
from fer_video.types import ClipResult, Person, Segment

LABELS = ("anger", "happiness", "neutral")


def clip(segments: Sequence[Segment], duration_s: float = 10.0, path: str = "a.mp4") -> ClipResult:
    person = replace(made().people[0], segments=tuple(segments))
    return replace(made(path), duration_s=duration_s, people=(person,))


def said(*pieces: tuple[float, float, str | None]) -> ClipResult:
    return clip([Segment(start, end, label, 0.9) for start, end, label in pieces])


def coded(*pieces: tuple[float, float, str]) -> list[Interval]:
    return [Interval(*piece) for piece in pieces]


def compared(result: ClipResult, marked: Sequence[Interval], **options: Any) -> dict[str, Any]:
    comparison = Comparison(CompareOptions(**options))
    comparison.add(result, marked)
    return comparison.report()


def pieces_of(labels: Sequence[str | None]) -> list[tuple[float, float, str | None]]:
    """A label for each tenth of a second -> (start, end, label) of each."""
    return [(i / 10, (i + 1) / 10, label) for i, label in enumerate(labels)]


def at_random(seed: int, count: int, agree: float = 0.6) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(LABELS, count, p=(0.2, 0.3, 0.5))
    other = np.where(rng.uniform(size=count) < agree, truth, rng.choice(LABELS, count))
    return truth.tolist(), other.tolist()


# ---- the measures


def test_kappa_and_figures_of_each_label_are_those_of_scikit_learn() -> None:
    truth, other = at_random(0, 500)
    pairs = Counter(zip(truth, other, strict=True))
    assert kappa_of(pairs) == pytest.approx(cohen_kappa_score(truth, other), abs=1e-12)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, other, labels=LABELS)
    for i, label in enumerate(LABELS):
        found = one_label(pairs, label)
        assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((precision[i], recall[i], f1[i]))
        binary = cohen_kappa_score([each == label for each in truth], [each == label for each in other])
        assert found["kappa"] == pytest.approx(binary, abs=1e-12)


def test_alpha_is_that_of_krippendorff_with_gaps() -> None:
    rng = np.random.default_rng(1)
    truth, other = at_random(2, 400)
    third, _ = at_random(3, 400)
    raters = [[each if rng.uniform() > 0.2 else None for each in rater] for rater in (truth, other, third)]
    numbers = [[np.nan if each is None else LABELS.index(each) for each in rater] for rater in raters]
    theirs = krippendorff.alpha(numbers, level_of_measurement="nominal")
    assert alpha_of(coincidences(list(zip(*raters, strict=True)))) == pytest.approx(theirs, abs=1e-12)


def test_what_is_not_defined() -> None:
    assert kappa_of({}) is None
    assert kappa_of({("a", "a"): 5}) is None
    assert alpha_of(coincidences([("a", "a"), ("a", None)])) is None
    assert one_label({("a", "a"): 1}, "b") == {"precision": None, "recall": None, "f1": None, "kappa": None}


# ---- clips


def test_a_clip_gives_the_kappa_of_its_samples() -> None:
    truth, other = at_random(4, 100)
    report = compared(said(*pieces_of(other)), [Interval(s, e, str(n)) for s, e, n in pieces_of(truth)])
    (pair,) = report["pairs"]
    assert pair["kappa"]["value"] == pytest.approx(cohen_kappa_score(truth, other), abs=1e-12)
    numbers = [[LABELS.index(each) for each in rater] for rater in (truth, other)]
    theirs = krippendorff.alpha(numbers, level_of_measurement="nominal")
    assert report["alpha"]["value"] == pytest.approx(theirs, abs=1e-12)
    assert report["seconds"] == {"compared": 10.0, "uncertain": 0.0, "unseen": 0.0}


def test_uncertain_unseen_and_uncoded_time_is_not_compared_but_counted() -> None:
    result = said((0, 4, "happiness"), (4, 6, None))
    report = compared(result, coded((1, 5, "Happy"), (7, 8, "Neutral"), (9, 10, "uncertain")))
    assert report["seconds"] == {"compared": 3.0, "uncertain": 1.0, "unseen": 1.0}
    (pair,) = report["pairs"]
    assert (pair["agreement"]["value"], pair["kappa"]["value"]) == (1.0, None)
    assert pair["labels"] == ["happiness"]


def test_rest_is_what_uncoded_time_means() -> None:
    result = said((0, 5, "happiness"), (5, 10, "neutral"))
    (pair,) = compared(result, coded((0, 5, "happy")), rest="Neutral")["pairs"]
    assert (pair["kappa"]["value"], pair["confusion_s"]) == (1.0, [[5.0, 0.0], [0.0, 5.0]])


def test_tolerance_forgives_what_comes_early_or_late() -> None:
    result = said((0, 2.4, "neutral"), (2.4, 6.8, "happiness"), (6.8, 10, "neutral"))
    codes = coded((0, 2, "neutral"), (2, 7, "happiness"), (7, 10, "neutral"))
    (strict,) = compared(result, codes)["pairs"]
    assert strict["agreement"]["value"] == pytest.approx(0.94)
    (half,) = compared(result, codes, tolerance_s=0.2)["pairs"]
    assert half["agreement"]["value"] == pytest.approx(0.98)
    report = compared(result, codes, tolerance_s=0.4)
    assert report["pairs"][0]["kappa"]["value"] == 1.0
    assert report["raters"] == ["fervid", "coder"]  # a coder without a name
    assert report["onsets"]["coder"] == {
        "happiness": {"coder": 1, "fervid": 1, "matched": 1},
        "neutral": {"coder": 2, "fervid": 2, "matched": 2},
    }


def test_tolerance_does_not_invent_what_is_nowhere() -> None:
    (pair,) = compared(said((0, 10, "neutral")), coded((0, 9, "neutral"), (9, 10, "anger")), tolerance_s=2)["pairs"]
    assert pair["agreement"]["value"] == pytest.approx(0.9)


def test_coders_are_compared_with_each_other_too() -> None:
    result = said((0, 10, "neutral"))
    marked = [Interval(0, 10, "neutral", "anna"), Interval(0, 5, "neutral", "ben"), Interval(5, 10, "sad", "ben")]
    report = compared(result, marked, tiers=("anna", "ben"))
    agreed = {tuple(pair["raters"]): pair["agreement"]["value"] for pair in report["pairs"]}
    assert agreed == {("anna", "ben"): 0.5, ("anna", "fervid"): 1.0, ("ben", "fervid"): 0.5}
    with pytest.raises(InputError, match=r"several tiers; choose with --tier from anna, ben"):
        compared(result, marked)
    with pytest.raises(InputError, match="no tier cleo"):
        compared(result, marked, tiers=("cleo",))


def test_onsets_are_those_of_each_coder() -> None:
    result = said((0, 5, "neutral"), (5, 10, "happiness"))
    marked = [
        Interval(0, 5, "neutral", "anna"), Interval(5, 10, "happy", "anna"),
        Interval(0, 2, "neutral", "ben"), Interval(2, 10, "happy", "ben"),
    ]  # fmt: skip
    report = compared(result, marked, tiers=("anna", "ben"), tolerance_s=1)
    assert report["onsets"]["anna"]["happiness"] == {"coder": 1, "fervid": 1, "matched": 1}
    assert report["onsets"]["ben"]["happiness"] == {"coder": 1, "fervid": 1, "matched": 0}


def notes_of(result: ClipResult, marked: Sequence[Interval], **options: Any) -> list[str]:
    comparison = Comparison(CompareOptions(**options))
    comparison.add(result, marked)
    return comparison.notes()


def test_labels_that_no_result_has_are_named() -> None:
    result = said((0, 10, "happiness"))
    assert notes_of(result, coded((0, 5, "happy"), (5, 6, "uncertain"))) == []
    assert notes_of(result, coded((0, 5, "happy"), (5, 6, "Joyful"), (6, 7, "Grin")), rest="Nothing") == [
        "labels that are no emotions of the results, and agree with nothing: Joyful, Grin, Nothing"
    ]


def test_codes_of_one_coder_that_overlap_are_named() -> None:
    result = said((0, 10, "happiness"))
    two = [Interval(0, 5, "happy", "anna"), Interval(5, 10, "neutral", "anna"), Interval(0, 10, "sad", "ben")]
    assert not [note for note in notes_of(result, two, tiers=("anna", "ben")) if "overlap" in note]
    (note,) = notes_of(result, coded((0, 5, "happiness"), (3, 4, "happiness")))
    assert note == "2 codes overlap, and the later one counts: happiness and happiness of coder at 3 s in a.mp4"


def test_several_clips_have_intervals_over_clips() -> None:
    comparison = Comparison(CompareOptions())
    truths, others = [], []
    for i in range(6):
        truth, other = at_random(i, 100, agree=i / 6)
        truths += truth
        others += other
        result = replace(said(*pieces_of(other)), path=f"{i}.mp4")
        comparison.add(result, [Interval(s, e, str(n)) for s, e, n in pieces_of(truth)])
    report = comparison.report()
    kappa = report["pairs"][0]["kappa"]
    assert kappa["value"] == pytest.approx(cohen_kappa_score(truths, others), abs=1e-12)
    assert kappa["low"] < kappa["value"] < kappa["high"]
    assert report["clips"] == 6
    assert comparison.report() == report


def test_people_are_chosen() -> None:
    second: Person = replace(made().people[0], id=2, segments=(Segment(0, 10, "sad", 0.9),))
    result = replace(said((0, 10, "happy")), people=(*said((0, 10, "happy")).people, second))
    assert compared(result, coded((0, 10, "sad")), person=2)["pairs"][0]["agreement"]["value"] == 1.0
    assert compared(result, coded((0, 10, "sad")))["pairs"][0]["agreement"]["value"] == 0.0
    with pytest.raises(InputError, match="has no person 3"):
        compared(result, coded((0, 10, "sad")), person=3)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="no clip to compare"):
        Comparison(CompareOptions()).report()
    with pytest.raises(InputError, match="no moment that is both coded"):
        compared(said((0, 1, "happy")), coded((5, 6, "happy")))
    with pytest.raises(InputError, match="too long for a step"):
        compared(replace(said((0, 1, "happy")), duration_s=1e8), coded((5, 6, "happy")))
    with pytest.raises(OptionError, match="step"):
        CompareOptions(step_s=0)
    with pytest.raises(OptionError, match="tolerance"):
        CompareOptions(tolerance_s=float("nan"))


# ---- the command


def test_the_command(tmp_path: Path) -> None:
    truth, other = at_random(4, 100)
    results = tmp_path / "r.json"
    results.write_text(json.dumps(clip_object(said(*pieces_of(other)))))
    path = eaf(tmp_path / "c.eaf", anna=[(round(s * 1000), round(e * 1000), str(n)) for s, e, n in pieces_of(truth)])
    run = fervid("compare", results, path, "--format", "json")
    assert run.exit_code == 0, run.stderr
    value = json.loads(run.stdout)
    assert value["schema"] == "fervid-agreement/1"
    kappa = cohen_kappa_score(truth, other)
    assert value["pairs"][0]["kappa"]["value"] == pytest.approx(kappa, abs=1e-12)
    table = fervid("compare", results, path, "--tier", "anna", "--tolerance", "0.1").stdout
    assert table.startswith("1 clip, 10.0 s coded\n  compared 10.0 s, uncertain 0.0 s, unseen 0.0 s\n")
    assert "onsets of anna within 0.1 s" in table


def test_the_command_says_what_is_not_compared(tmp_path: Path) -> None:
    results = tmp_path / "r.json"
    clips = [replace(said((0, 10, "happy")), path=name) for name in ("a.mp4", "b.mp4")]
    results.write_text(json.dumps([clip_object(each) for each in (*clips, FAILED)]))
    (tmp_path / "codes.csv").write_text("path,start,end,label\na,0,10,happy\nz,0,1,sad\n")
    run = fervid("compare", results, tmp_path / "codes.csv")
    assert run.exit_code == 1  # a clip that failed
    assert [line.split(": ", 1)[1] for line in run.stderr.splitlines()] == [
        "error: bad.mp4: no such file",
        f"warning: {tmp_path / 'codes.csv'}: 1 in it match no clip: z",
        "warning: 1 of 3 clips have no codes",
    ]
    (tmp_path / "codes.csv").write_text("start,end,label\n0,10,happy\n")
    run = fervid("compare", results, tmp_path / "codes.csv")
    assert run.exit_code == 1
    assert "rows without a clip, and there are several clips; name it in a column path" in run.stderr
    run = fervid("compare", results, tmp_path / "codes.csv", "--tier", "x")
    assert "has no column tier, so there is no tier x; leave out --tier" in run.stderr
    run = fervid("compare", results, tmp_path / "codes.csv", "--tier", "")
    assert "tier: an empty name" in run.stderr
    one = eaf(tmp_path / "c.eaf", anna=[(0, 1000, "happy")])
    run = fervid("compare", results, one)
    assert run.exit_code == 1
    assert "is about one clip, and there are several" in run.stderr
