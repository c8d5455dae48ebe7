"""Curves: smoothed, at another rate, against a baseline; and what of a clip belongs to an event."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import fervid
from scipy.ndimage import gaussian_filter1d
from test_annotations import eaf
from test_summarize import clip, rows_of

import fer_video
from fer_video.errors import InputError, OptionError
from fer_video.results.rows import clip_object
from fer_video.study.annotations import read_annotations
from fer_video.study.baseline import baseline_of
from fer_video.study.curves import curves_of, log_ratios, resampled, smoothed
from fer_video.study.meta import read_meta
from fer_video.study.summarize import Summarizer, SummaryOptions
from fer_video.types import ClipResult, Segment

NAN = float("nan")


def with_events(results: list[ClipResult], events: Path, meta: Path | None = None, **options: Any) -> pd.DataFrame:
    known = None if meta is None else read_meta(meta)
    with Summarizer(SummaryOptions(**options), known, read_annotations(events)) as summarizer:
        for each in results:
            summarizer.add(each)
        with summarizer.table() as table:
            frame = pd.DataFrame.from_records(list(table), columns=table.columns)
    frame.attrs["notes"] = summarizer.notes
    return frame


# ---- curves


def test_a_curve_has_the_frames_with_the_face() -> None:
    curve = curves_of(clip("a.mp4", [0.5, NAN, 0.25]))[1]
    assert curve.times.tolist() == [0.0, 0.2]
    assert curve.sampled.tolist() == [0, 2]
    assert curve.values.tolist() == [[0.5, 0.5], [0.75, 0.25]]
    assert len(curve.between(0.0, 0.2)) == 1


def test_only_frames_without_the_face_cut_a_curve() -> None:
    seen = [0.5] * 3 + [NAN] * 8 + [0.5] * 2
    assert [len(each) for each in curves_of(clip("a.mp4", seen))[1].stretches()] == [3, 2]
    assert len(list(curves_of(clip("a.mp4", [0.5, NAN, NAN, 0.5]))[1].stretches())) == 1  # 0.3 s
    slow = curves_of(clip("a.mp4", [0.5] * 4))[1]
    slow = replace(slow, times=slow.times * 20)  # one frame every two seconds, none without the face
    assert len(list(slow.stretches())) == 1


def test_smoothing_is_gaussian() -> None:
    rng = np.random.default_rng(0)
    curve = curves_of(clip("a.mp4", rng.uniform(0, 1, 200).tolist()))[1]
    found = smoothed(curve, 1.0).values
    theirs = gaussian_filter1d(curve.values, 10 / (2 * np.sqrt(2 * np.log(2))), axis=0, truncate=3.0)
    np.testing.assert_allclose(found[20:-20], theirs[20:-20], atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_smoothing_does_not_reach_over_a_gap() -> None:
    found = smoothed(curves_of(clip("a.mp4", [0.0] * 5 + [NAN] * 8 + [1.0] * 5))[1], 5.0)
    np.testing.assert_allclose(found.values[:, 1], [0.0] * 5 + [1.0] * 5, atol=1e-12)


def test_resampling_is_linear_and_leaves_gaps() -> None:
    curve = resampled(curves_of(clip("a.mp4", [0.0, 0.5, 1.0] + [NAN] * 8 + [0.5, 0.5]))[1], 20)
    np.testing.assert_allclose(curve.times, [0, 0.05, 0.1, 0.15, 0.2, 1.1, 1.15, 1.2])
    np.testing.assert_allclose(curve.values[:, 1], [0, 0.25, 0.5, 0.75, 1, 0.5, 0.5, 0.5])
    assert [len(each) for each in curve.stretches()] == [5, 3]
    assert resampled(curve, 2.5).times.tolist() == [0.0, 1.2]


def test_levels_of_smoothed_curves() -> None:
    values = [0.0] * 20 + [1.0] + [0.0] * 20
    (raw,) = rows_of([clip("a.mp4", values)])
    (smooth,) = rows_of([clip("a.mp4", values)], smooth_s=1.0)
    assert (raw["peak_happiness"], raw["peak_s_happiness"], smooth["peak_s_happiness"]) == (1.0, 2.0, 2.0)
    assert smooth["peak_happiness"] == pytest.approx(0.1 * 2 * np.sqrt(np.log(2) / np.pi), abs=1e-3)  # of the kernel
    assert smooth["mean_happiness"] == pytest.approx(raw["mean_happiness"], abs=1e-3)
    with pytest.raises(OptionError, match="smooth"):
        SummaryOptions(smooth_s=0)


# ---- baselines


def test_log_ratios_by_hand() -> None:
    half = np.log(3) / 2
    np.testing.assert_allclose(log_ratios(np.array([[0.25, 0.75], [0.5, 0.5]])), [[-half, half], [0, 0]])
    low = np.log(0.01)
    np.testing.assert_allclose(log_ratios(np.array([[0.0, 1.0]])), [[low / 2, -low / 2]])  # no less than 1 %


def test_the_change_from_the_first_second() -> None:
    """From 0.5 to 0.75: the log-ratio of happiness goes from 0 to log(3) / 2. Frames of the baseline do not count."""
    (row,) = rows_of([clip("a.mp4", [0.5] * 10 + [0.75] * 10)], baseline=baseline_of("0-1"))
    assert row["change_happiness"] == pytest.approx(np.log(3) / 2, abs=1e-6)
    assert row["change_neutral"] == pytest.approx(-np.log(3) / 2, abs=1e-6)
    assert row["mean_happiness"] == 0.625  # as without a baseline
    assert "change_uncertain" not in row
    assert "change_happiness" not in rows_of([clip("a.mp4", [0.5])])[0]


def test_a_person_who_always_looks_happy_has_not_changed() -> None:
    (row,) = rows_of([clip("a.mp4", [0.9] * 20)], baseline=baseline_of("0-0:01"))
    assert (row["mean_happiness"], row["change_happiness"]) == (0.9, pytest.approx(0, abs=1e-6))


def test_a_baseline_of_another_clip(tmp_path: Path) -> None:
    path = tmp_path / "neutral.json"
    path.write_text(json.dumps(clip_object(clip("neutral.mp4", [0.5, 0.5]), frames=True)))
    (row,) = rows_of([clip("a.mp4", [0.75] * 3)], baseline=baseline_of(str(path)))
    assert row["change_happiness"] == pytest.approx(np.log(3) / 2, abs=1e-5)


def test_who_is_not_seen_in_the_baseline_has_no_change() -> None:
    summarizer = Summarizer(SummaryOptions(baseline=baseline_of("0-1")))
    summarizer.add(clip("a.mp4", [NAN] * 10 + [0.5] * 5))
    with summarizer.table() as table:
        assert next(iter(table))["change_happiness"] is None
    assert summarizer.notes == ["1 person not seen in the baseline: no change"]


def test_baselines_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="ends before it starts"):
        baseline_of("5-2")
    with pytest.raises(InputError, match="cannot be opened"):
        baseline_of(str(tmp_path / "none.json"))
    for results, said in (
        ([clip("a.mp4", [NAN])], "nobody"),
        ([clip("a.mp4", [0.5]), clip("b.mp4", [0.5])], "2 clips"),
    ):
        values = [clip_object(replace(each, clip=each.clip and None if each.frames_with_face == 0 else each.clip,
                                      people=each.people if each.frames_with_face else ()), frames=True)
                  for each in results]  # fmt: skip
        (tmp_path / "r.json").write_text(json.dumps(values))
        with pytest.raises(InputError, match=said):
            baseline_of(str(tmp_path / "r.json"))


# ---- events


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.csv"
    path.write_text("start,end,name\n0,1,rest\n1,2,joke\n2,3,rest\n")
    return path


def watched(path: str = "a.mp4", joke: float = 0.75) -> ClipResult:
    segments = (
        Segment(0.0, 1.2, "neutral", 0.9),
        Segment(1.2, 2.5, "happiness", 0.9),
        Segment(2.5, 2.9, "neutral", 0.9),
    )
    return clip(path, [0.25] * 10 + [joke] * 10 + [NAN] * 5 + [0.25] * 5, segments)


def test_each_event_is_a_row_by_hand(film: Path) -> None:
    first, joke, last = with_events([watched()], film).to_dict("records")
    assert [each["event"] for each in (first, joke, last)] == ["rest", "joke", "rest"]
    assert (joke["event_start_s"], joke["event_end_s"]) == (1.0, 2.0)
    assert (first["mean_happiness"], joke["mean_happiness"], last["mean_happiness"]) == (0.25, 0.75, 0.25)
    assert (first["visibility"], joke["visibility"], last["visibility"]) == (1.0, 1.0, 0.5)
    assert (joke["share_happiness"], joke["share_neutral"]) == (pytest.approx(0.8), pytest.approx(0.2))
    # A latency counts from the event; neutral was there when it began, so it has no onset in it.
    assert joke["first_onset_s_happiness"] == pytest.approx(0.2)
    assert (joke["onsets_happiness"], joke["onsets_neutral"], joke["changes"]) == (1, 0, 1)
    assert (first["onsets_neutral"], first["changes"]) == (1, 0)
    assert (last["onsets_neutral"], last["changes"], last["seen_s"]) == (1, 1, pytest.approx(0.9))
    assert joke["peak_s_happiness"] == 0.0


def test_figures_of_events_are_those_of_pandas(film: Path) -> None:
    rng = np.random.default_rng(3)
    result = clip("a.mp4", rng.uniform(0, 1, 30).tolist())
    rows = pd.DataFrame(result.to_frame_rows())
    for event in with_events([result], film).itertuples():
        part = rows[(rows.time_s >= event.event_start_s) & (rows.time_s < event.event_end_s)]
        assert event.mean_happiness == pytest.approx(part.p_happiness.mean(), abs=1e-6)
        assert event.sd_happiness == pytest.approx(part.p_happiness.std(), abs=1e-6)
        assert event.frames == len(part) == 10


def test_groups_by_event_and_condition(tmp_path: Path, film: Path) -> None:
    (tmp_path / "people.csv").write_text("path,subject,condition\na,anna,x\nb,ben,x\n")
    clips = [watched("a.mp4", 0.75), watched("b.mp4", 0.5)]
    frame = with_events(clips, film, tmp_path / "people.csv", by="condition,event").set_index("event")
    assert frame.mean_happiness.to_dict() == {"joke": 0.625, "rest": 0.25}
    assert frame.subjects.to_dict() == {"joke": 2, "rest": 2}
    assert frame.clips.to_dict() == {"joke": 2, "rest": 4}  # events in clips


def test_groups_by_event_without_a_table_of_clips(film: Path) -> None:
    frame = with_events([watched("a.mp4", 0.75), watched("b.mp4", 0.5)], film, by="event")
    assert frame.mean_happiness.tolist() == [0.625, 0.25]
    assert frame.attrs["notes"] == ["2 clips without a subject: each counts as a subject of its own"]


def test_the_change_in_an_event(film: Path) -> None:
    frame = with_events([watched()], film, baseline=baseline_of("0-1")).set_index("event_start_s")
    assert frame.change_happiness[1.0] == pytest.approx(np.log(3), abs=1e-6)
    assert np.isnan(frame.change_happiness[0.0])  # the baseline itself
    assert frame.change_happiness[2.0] == pytest.approx(0, abs=1e-6)


def test_events_from_tiers_on_the_command_line(tmp_path: Path) -> None:
    results = tmp_path / "r.json"
    results.write_text(json.dumps([clip_object(each, frames=True) for each in (watched(), watched("b.mp4"))]))
    folder = tmp_path / "tiers"
    folder.mkdir()
    eaf(folder / "a.eaf", film=[(1000, 2000, "joke")], other=[(0, 500, "cough")])
    run = fervid("summarize", results, "--events", folder, "--tier", "film", "--smooth", "0.3", "--baseline", "0-1")
    assert run.exit_code == 0
    assert run.stderr == "fervid: warning: 1 clip without an event, left out\n"
    (row,) = pd.read_csv(io.StringIO(run.stdout)).to_dict("records")
    assert (row["path"], row["event"], row["visibility"]) == ("a.mp4", "joke", 1.0)
    assert row["change_happiness"] > 0.8
    assert fervid("summarize", results, "--tier", "film").exit_code == 2


def test_the_same_in_python(tmp_path: Path, film: Path) -> None:
    frame = fer_video.summarize([watched()], events=film, smooth=0.2, baseline="0-1", by="person")
    assert frame.event.tolist() == ["rest", "joke", "rest"]
    assert frame.change_happiness.notna().tolist() == [False, True, True]


def test_what_describes_an_event_is_that_of_the_part(film: Path) -> None:
    """The clip is happy as a whole (0.75); its first part is neutral, and half of its last part is out of sight."""
    first, joke, last = with_events([watched()], film).to_dict("records")
    assert [each["emotion"] for each in (first, joke, last)] == ["neutral", "happiness", "neutral"]
    assert [each["confidence"] for each in (first, joke, last)] == [0.75, 0.75, 0.75]
    assert [each["frames_sampled"] for each in (first, joke, last)] == [10, 10, 10]
    assert (last["frames"], last["visibility"], last["duration_s"]) == (5, 0.5, pytest.approx(1.0))
    unsure = replace(watched(), ran={"options": {"min_confidence": 0.8}})
    assert with_events([unsure], film).emotion.isna().all()


def test_events_after_the_end_of_a_clip_have_no_figures_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("start,end,name\n2,9,joke\n3,4,late\n90,91,late\n")
    frame = with_events([watched()], path)
    joke, *late = frame.to_dict("records")
    assert (joke["duration_s"], joke["seen_s"]) == (pytest.approx(1.0), pytest.approx(0.9))  # the clip is 3 s long
    for each in late:
        assert all(each[name] is None or each[name] != each[name] for name in ("seen_s", "changes", "visibility"))
        assert np.isnan(each["onsets_happiness"])
    said = "2 events are after the end of the clip, or before its start, and without figures: "
    assert frame.attrs["notes"] == [said + "late at 3 s in a.mp4, late at 90 s in a.mp4"]
    frame = with_events([watched(), watched("b.mp4")], path, by="event")
    assert frame.event.tolist() == ["joke"]
    assert "left out: late at 3 s in a.mp4" in frame.attrs["notes"][0]


def test_an_event_that_is_a_segment_to_the_millisecond_has_one_onset(tmp_path: Path) -> None:
    """Tiers hold milliseconds. Rounded up or down, an event is what it was made from."""
    segments = (
        Segment(0.0, 1.0006, "neutral", 0.9),
        Segment(1.0006, 2.0004, "happiness", 0.9),
        Segment(2.0004, 2.9, "neutral", 0.9),
    )
    result = clip("a.mp4", [0.25] * 10 + [0.75] * 10 + [0.25] * 10, segments)
    path = tmp_path / "segments.csv"
    for start_s, end_s in ((1.001, 2.0), (1.0, 2.001), (1.001, 2.001)):
        path.write_text(f"start,end,name\n{start_s},{end_s},joke\n")
        (row,) = with_events([result], path).to_dict("records")
        assert (row["onsets_happiness"], row["onsets_neutral"], row["changes"]) == (1, 0, 0)
        assert (row["share_happiness"], row["share_neutral"]) == (1.0, 0.0)
        assert row["first_onset_s_happiness"] == pytest.approx(0, abs=1e-3)
        assert row["frames"] == 10


def test_tiers_of_events(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("start,end,name,tier\n0,1,joke,film\n0,1,cough,room\n")
    assert with_events([watched()], path, tiers=("film",)).event.tolist() == ["joke"]
    with pytest.raises(OptionError, match="has several tiers; choose with --tier from film, room"):
        with_events([watched()], path)
    with pytest.raises(OptionError, match="has no tier x; choose with --tier from film, room"):
        with_events([watched()], path, tiers=("x",))
    with pytest.raises(OptionError, match="tier: an empty name"):
        SummaryOptions(tiers=("",))
    path.write_text("start,end,name\n1,1,joke\n")
    with pytest.raises(OptionError, match=r"e\.csv: the event joke at 1 s has no length"):
        with_events([watched()], path)


@pytest.mark.parametrize("text", ["0:10", "0-", "-5-0", "10", "0 - 10"])
def test_a_baseline_that_is_no_stretch_of_time(text: str) -> None:
    with pytest.raises(OptionError, match=f"baseline {text}: write START-END, such as 0-10"):
        baseline_of(text)


def test_a_file_or_a_folder_of_results_in_python(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "a.json").write_text(json.dumps(clip_object(watched(), frames=True)))
    (tmp_path / "m.csv").write_text("path,condition\na,film\n")
    for place in (tmp_path / "r", str(tmp_path / "r" / "a.json")):
        frame = fer_video.summarize(place, by="condition", meta=tmp_path / "m.csv")
        assert frame.condition.tolist() == ["film"]
