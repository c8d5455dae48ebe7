"""Curves around the onsets of events: by hand, with intervals over subjects, and the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import fervid
from made import FAILED
from svg import words
from test_curves import NAN
from test_summarize import clip

from fer_video.errors import InputError, OptionError
from fer_video.results.rows import clip_object
from fer_video.study.annotations import read_annotations
from fer_video.study.baseline import baseline_of
from fer_video.study.epochs import Aligned, AlignOptions, Epochs
from fer_video.study.meta import read_meta
from fer_video.types import ClipResult


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text("start,end,name\n1,1.5,joke\n2,2.5,joke\n")
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("path,subject,condition\na1,anna,film\na2,anna,film\nb,ben,film\nc,cleo,rest\n")
    return path


def aligned(results: list[ClipResult], events: Path, meta: Path | None = None, **options: Any) -> list[Aligned]:
    given: dict[str, Any] = {"before_s": 0.2, "after_s": 0.3, **options}
    epochs = Epochs(AlignOptions(**given), read_annotations(events), None if meta is None else read_meta(meta))
    for each in results:
        epochs.add(each)
    return list(epochs.aligned())


def test_the_mean_of_all_events_by_hand(events: Path) -> None:
    """0 before both onsets; 1 and 0.5 from them on."""
    values = [0.0] * 10 + [1.0] * 5 + [0.0] * 5 + [0.5] * 5
    (found,) = aligned([clip("a.mp4", values)], events)
    np.testing.assert_allclose(found.times, [-0.2, -0.1, 0.0, 0.1, 0.2, 0.3], atol=1e-9)
    np.testing.assert_allclose(found.mean[:, 1], [0, 0, 0.75, 0.75, 0.75, 0.75], atol=1e-6)
    assert (found.subjects, found.events, found.group) == (1, 2, ())
    assert np.isnan(found.low).all()  # a single subject


def test_events_that_nobody_is_seen_around_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("start,end,name\n1,2,joke\n90,91,joke\n")
    (found,) = aligned([clip("a.mp4", [0.5] * 30), clip("b.mp4", [0.5] * 5)], path)
    assert (found.subjects, found.events) == (1, 1)


def test_subjects_count_once_and_give_the_interval(events: Path, people: Path) -> None:
    def level(path: str, value: float) -> ClipResult:
        return clip(path, [value] * 30)

    results = [level("a1", 0.25), level("a2", 0.75), level("b", 0.75), level("c", 0.1), FAILED]
    film, rest = aligned(results, events, people, group_by=("condition",))
    assert (film.group, film.subjects, film.events) == (("film",), 2, 6)
    np.testing.assert_allclose(film.mean[:, 1], 0.625)
    np.testing.assert_allclose((film.low[:, 1], film.high[:, 1]), [[0.5] * 6, [0.75] * 6])
    np.testing.assert_allclose(rest.mean[:, 1], 0.1, atol=1e-7)


def test_between_frames_and_in_gaps(events: Path) -> None:
    values = [0.0] * 9 + [0.5, 1.0] + [NAN] * 8 + [0.0] * 6
    (found,) = aligned([clip("a.mp4", values)], events, rate_hz=20.0, before_s=0.1, after_s=0.1)
    # At 1 s: 0.5, 0.75, 1, out of sight; at 2 s: 0 all the time. Points in a gap are left out of the mean.
    np.testing.assert_allclose(found.mean[:, 1], [0.25, 0.375, 0.5, 0.0, 0.0], atol=1e-6)
    late = [NAN] * 25
    late[20] = 0.5
    (found,) = aligned([clip("a.mp4", late)], events, before_s=0.1, after_s=0.1)
    assert np.isnan(found.mean[[0, 2], 1]).all()
    assert found.mean[1, 1] == 0.5


def test_changes_from_a_baseline(events: Path) -> None:
    values = [0.5] * 10 + [0.75] * 15
    (found,) = aligned([clip("a.mp4", values)], events, baseline=baseline_of("0-0.5"))
    np.testing.assert_allclose(found.mean[-1], [-np.log(3) / 2, np.log(3) / 2], atol=1e-6)
    late = clip("b.mp4", [NAN] * 5 + [0.5] * 20)
    with pytest.raises(InputError, match=r"nothing to plot: nobody is seen in the baseline 0-0\.5 s"):
        aligned([late], events, baseline=baseline_of("0-0.5"))
    epochs = Epochs(AlignOptions(baseline=baseline_of("0-0.5")), read_annotations(events))
    for each in (clip("a.mp4", values), late):
        epochs.add(each)
    assert len(list(epochs.aligned())) == 1
    assert epochs.notes() == ["1 clip left out, where nobody is seen in the baseline: b.mp4"]


def test_options_that_make_no_sense(events: Path) -> None:
    for wrong, said in (
        ({"after_s": 0}, "after must be more than 0 seconds, not 0"),
        ({"before_s": -1}, "before must be 0 seconds or more, not -1"),
        ({"rate_hz": float("nan")}, "resample must be more than 0 and at most 1000 points per second, not nan"),
        ({"smooth_s": 0}, "smooth must be more than 0 seconds"),
        ({"rate_hz": 999, "after_s": 99}, "before, after and resample give 99900 points per curve"),
    ):
        with pytest.raises(OptionError, match=said):
            AlignOptions(**wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="group-by age: no such column; known are event"):
        aligned([], events, group_by=("age",))
    without = clip("a.mp4", [0.5])
    with pytest.raises(InputError, match="holds no frames"):
        aligned([ClipResult(without.path, "ok", clip=without.clip)], events)


def test_the_picture(tmp_path: Path, events: Path, people: Path) -> None:
    values = {"a1": 0.25, "a2": 0.75, "b": 0.75, "c": 0.1}
    results = tmp_path / "r.json"
    clips = [clip(name, [0.0] * 10 + [value] * 20) for name, value in values.items()]
    results.write_text(json.dumps([clip_object(each, frames=True) for each in clips]))
    out = tmp_path / "p.svg"
    arguments = ["plot", results, "--align", "onset", "--events", events, "--meta", people, "--group-by", "condition"]
    run = fervid(*arguments, "--out", out)
    assert run.exit_code == 0, run.stderr
    said = words(out)
    for each in ("happiness", "neutral", "film (2 subjects, 6 events)", "rest (1 subject, 2 events)", "probability"):
        assert each in said
    run = fervid(*arguments, "--baseline", "0-0.5", "--smooth", "0.2", "--out", tmp_path / "p.png")
    assert run.exit_code == 0, run.stderr
    assert cv2.imread(str(tmp_path / "p.png")) is not None


def test_clips_without_a_row_are_named(tmp_path: Path, events: Path, people: Path) -> None:
    epochs = Epochs(AlignOptions(), read_annotations(events), read_meta(people))
    for name in ("a1", "a2", "z.mp4"):
        epochs.add(clip(name, [0.5] * 30))
    assert [each.subjects for each in epochs.aligned()] == [1]
    assert epochs.notes() == [
        f"{people}: 2 of 4 rows match no clip: b, c",
        f"1 clip without a row in {people}, left out: z.mp4",
    ]


def test_tiers_of_events(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("start,end,name,tier\n1,1,joke,film\n1,1,cough,room\n")
    (found,) = aligned([clip("a.mp4", [0.5] * 30)], path, tiers=("film",))
    assert found.events == 1
    with pytest.raises(OptionError, match="has several tiers; choose with --tier from film, room"):
        aligned([clip("a.mp4", [0.5] * 30)], path)
    with pytest.raises(OptionError, match="has no tier x; choose with --tier from film, room"):
        aligned([clip("a.mp4", [0.5] * 30)], path, tiers=("x",))
    with pytest.raises(OptionError, match="tier: an empty name"):
        AlignOptions(tiers=(" ",))


def test_options_of_align_need_it(tmp_path: Path, events: Path) -> None:
    results = tmp_path / "r.json"
    results.write_text(json.dumps(clip_object(clip("a.mp4", [0.5] * 30), frames=True)))
    run = fervid("plot", results, "--events", events, "--out", tmp_path / "p.png")
    assert run.exit_code == 2
    assert "--events needs --align" in run.stderr
    for option in (["--kind", "lines"], ["--person", "1"], ["--group"]):
        run = fervid("plot", results, "--align", "onset", "--events", events, *option, "--out", tmp_path / "p.png")
        assert run.exit_code == 2
        assert f"{option[0]} is not for --align" in run.stderr
    run = fervid("plot", results, "--align", "onset", "--out", tmp_path / "p.png")
    assert "--align needs --events" in run.stderr
    (tmp_path / "none.csv").write_text("start,end,name\n90,91,late\n")
    run = fervid("plot", results, "--align", "onset", "--events", tmp_path / "none.csv", "--out", tmp_path / "p.png")
    assert run.exit_code == 1
    assert "nobody was in sight around an event" in run.stderr


def test_all_panels_have_one_scale_and_the_lowest_of_a_column_has_numbers(
    tmp_path: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four emotions are a row of three and a row of one."""
    from fer_video.render import aligned as picture

    figures: list[Any] = []
    monkeypatch.setattr(picture, "save_figure", lambda figure, _: figures.append(figure))
    times = np.array([0.0, 1.0])
    mean = np.array([[0.0, 0.1, 0.2, 0.7], [0.1, 0.3, 0.1, 0.5]])
    labels = ("anger", "fear", "neutral", "happiness")
    picture.plot_aligned([Aligned((), labels, times, mean, mean, mean, 2, 3)], tmp_path / "p.png")
    figures[0].draw_without_rendering()
    panels = [axes for axes in figures[0].axes if axes.get_visible()]
    assert len(panels) == 4
    assert len({axes.get_ylim() for axes in panels}) == 1
    numbered = [any(label.get_visible() and label.get_text() for label in axes.get_xticklabels()) for axes in panels]
    assert numbered == [False, True, True, True]
