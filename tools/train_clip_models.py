"""Train the embedded clip models on pseudo-clips of FER+ pictures, and measure them.

    python tools/train_clip_models.py FERPLUS.zip WORK_FOLDER [--out weights]

Seeded; the features of each part are kept in WORK_FOLDER, so that a second run only fits. AFEW and VGAF are for
licensed users only, hence the pseudo-clips (pseudo_clips.py): training ones from FER+ train, and from FER+ valid two
halves by a hash of the file name, one to choose C, class weights, temperature and thresholds by, one to report.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pseudo_clips import pseudo_clip
from sklearn.metrics import balanced_accuracy_score
from tqdm import tqdm

import fer_video
from fer_video.clip.adaptive import STRIDES, choose_thresholds, stop_at
from fer_video.clip.model import ClipModelInfo
from fer_video.clip.pool import pool
from fer_video.clip.store import EMBEDDED, save_clip_model
from fer_video.datasets.ferplus import EMOTIONS, FerPlusSample, read_ferplus
from fer_video.learning.evaluate import evaluate
from fer_video.learning.fit import PROTOCOLS, FitOptions, decision, fit, fit_temperature, to_network
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone

FRAMES, GROUP_FRAMES, LONG_FRAMES = 8, 6, 37
MOST, REPEATS = 5000, {"disgust": 6, "fear": 3}  # pictures a class; clips a picture of the rare ones
GROUPS = {"train": 4000, "valid": 2000}
VALENCE = {"happiness": "positive", "neutral": "neutral", "surprise": "neutral"}  # the rest is negative
CANDIDATES = [(c, weight) for weight in (None, "balanced") for c in (0.1, 0.3, 1.1, 3.0)]
FALSE_ACCEPTANCE = 0.1

Arrays = dict[str, Any]


def pictures(path: Path, part: str) -> list[FerPlusSample]:
    """Those that its authors score, of the seven classes of AFEW."""
    chosen = [each for each in read_ferplus(path, part) if each.has_majority and each.label != "contempt"]
    counts: dict[str, int] = {}
    kept = []
    for i in np.random.default_rng(0).permutation(len(chosen)):
        label = chosen[i].label or ""
        counts[label] = counts.get(label, 0) + 1
        if part != "train" or counts[label] <= MOST:
            kept.append(chosen[i])
    return kept


def seed_of(sample: FerPlusSample, *more: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(sample.name.encode()), *more])


def half_of(name: str) -> int:
    """0: to choose by, 1: to report."""
    return zlib.crc32(name.encode()) % 2


def person_clips(samples: list[FerPlusSample], backbone: Backbone, repeats: Mapping[str, int]) -> Arrays:
    options, rows = PROTOCOLS["afew"], []
    for sample in tqdm(samples, desc="people"):
        for turn in range(repeats.get(sample.label or "", 1)):
            seen = backbone.embed(pseudo_clip(sample.image(), seed_of(sample, turn), FRAMES))
            vector = pool(seen.features, np.arange(FRAMES), options.pooling)
            rows.append((vector, seen.probabilities["emotion"].mean(axis=0), sample.label, sample.name))
    return columns(rows)


def long_clips(samples: list[FerPlusSample], backbone: Backbone) -> Arrays:
    """A descriptor for each stride, the same frames looked at more and more closely."""
    options, rows = PROTOCOLS["afew"], []
    for sample in tqdm(samples, desc="long clips"):
        features = backbone.embed(pseudo_clip(sample.image(), seed_of(sample, 99), LONG_FRAMES)).features
        looks = [features[::stride] for stride in STRIDES]
        vectors = np.stack([pool(look, np.arange(len(look)), options.pooling) for look in looks])
        rows.append((vectors, np.zeros(1), sample.label, sample.name))
    return columns(rows)


def group_clips(samples: list[FerPlusSample], backbone: Backbone, count: int, seed: int) -> Arrays:
    """Groups of 2 to 6 faces, half of them or more of the group's valence; now and then a face is missed.

    Of the valid part, a group is drawn from one of the two halves, so that no picture is in both.
    """
    rng, options, rows = np.random.default_rng(seed), PROTOCOLS["vgaf"], []
    by_valence: dict[tuple[str, int], list[FerPlusSample]] = {}
    for sample in samples:
        key = (VALENCE.get(sample.label or "", "negative"), half_of(sample.name) if seed else 0)
        by_valence.setdefault(key, []).append(sample)
    for number in tqdm(range(count), desc="groups"):
        half = number % 2 if seed else 0
        label = ("positive", "neutral", "negative")[number // 2 % 3]
        faces = int(rng.integers(2, 7))
        leading = max(int(np.ceil(faces * rng.uniform(0.5, 1.0))), faces // 2 + 1)
        valences = [label] * leading + rng.choice(["positive", "neutral", "negative"], faces - leading).tolist()
        people = [by_valence[valence, half][rng.integers(len(by_valence[valence, half]))] for valence in valences]
        crops = [
            crop for person in people for crop in pseudo_clip(person.image(), seed_of(person, number), GROUP_FRAMES)
        ]
        seen = backbone.embed(crops)
        frames = np.tile(np.arange(GROUP_FRAMES), faces)
        kept = rng.random(len(frames)) > 0.1
        order = np.argsort(frames[kept], kind="stable")
        vector = pool(seen.features[kept][order], frames[kept][order], options.pooling)
        probabilities = seen.probabilities["emotion"][kept]
        means = [probabilities[frames[kept] == i].mean(axis=0) for i in np.unique(frames[kept])]
        rows.append((vector, np.mean(means, axis=0), label, str(half)))
    return columns(rows)


def columns(rows: list[tuple[Any, ...]]) -> Arrays:
    names = ("descriptors", "probabilities", "labels", "names")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    if not path.exists():
        np.savez(path, **make())
    with np.load(path) as file:
        return dict(file)


def figures(name: str, truth: Any, said: Any) -> dict[str, float]:
    result = evaluate(truth, said, np.ones(len(truth), bool), sorted(set(truth)))
    print(
        f"{name:34} {len(truth):5} clips  accuracy {result.accuracy.value:.4f} "
        f"[{result.accuracy.low:.4f}, {result.accuracy.high:.4f}]  mean recall {result.macro_recall.value:.4f} "
        f"[{result.macro_recall.low:.4f}, {result.macro_recall.high:.4f}]",
        flush=True,
    )
    print("   recall:", {label: round(value, 3) for label, value in result.recall.items()}, flush=True)
    return {"accuracy": round(result.accuracy.value, 4), "macro_recall": round(result.macro_recall.value, 4)}


def trials(train: Arrays, choose: Arrays, base: FitOptions) -> Iterator[tuple[float, FitOptions, Any]]:
    """Accuracy + mean recall on the half to choose by: real data are neither balanced nor as skewed as FER+."""
    for c, weight in CANDIDATES:
        options = replace(base, kernel="linear", C=c, class_weight=weight)
        estimator = fit(train["descriptors"], train["labels"], options)
        said = estimator.predict(choose["descriptors"])
        accuracy = float((said == choose["labels"]).mean())
        recall = float(balanced_accuracy_score(choose["labels"], said))
        print(f"  C={c} {weight}: accuracy {accuracy:.4f}, mean recall {recall:.4f}", flush=True)
        yield accuracy + recall, options, estimator


def mean_probability(probabilities: Any, labels: list[str]) -> Any:
    """The answer without an SVM, over the same classes: emotions, or valences as sums of their emotions."""
    if set(labels) <= set(EMOTIONS):
        names = list(EMOTIONS)
    else:
        names = [VALENCE.get(emotion, "negative") for emotion in EMOTIONS]
    sums = np.stack([probabilities[:, np.array(names) == label].sum(axis=1) for label in labels], axis=1)
    return np.array(labels)[sums.argmax(axis=1)]


def part_of(arrays: Arrays, half: int, *, groups: bool = False) -> Arrays:
    chosen = np.array([(int(name) if groups else half_of(name)) == half for name in arrays["names"]])
    return {name: values[chosen] for name, values in arrays.items()}


def train_one(
    name: str, base: FitOptions, train: Arrays, choose: Arrays, report: Arrays, backbone: Backbone, out: Path,
    long: tuple[Arrays, Arrays] | None,
) -> None:  # fmt: skip
    print(f"\n{name}: {len(train['labels'])} training clips")
    _, options, estimator = max(trials(train, choose, base), key=lambda trial: trial[0])
    labels = estimator.classes_.tolist()
    print(f"  chosen: C={options.C}, class weights {options.class_weight}")
    plain = figures("held out, mean probability", report["labels"], mean_probability(report["probabilities"], labels))
    svm = figures("held out, SVM", report["labels"], estimator.predict(report["descriptors"]))
    temperature = fit_temperature(decision(estimator, choose["descriptors"]), choose["labels"], estimator.classes_)
    adaptive = None
    training: dict[str, Any] = {
        "data": "pseudo-clips of FER+ train pictures (tools/train_clip_models.py)",
        "clips": len(train["labels"]),
        "classes": {label: int((train["labels"] == label).sum()) for label in labels},
        "held_out": {"data": "pseudo-clips of half of FER+ valid", "clips": len(report["labels"]), "svm": svm,
                     "mean_probability": plain},
    }  # fmt: skip
    if long is not None:
        scores, truth = zip(*(strided(each, estimator) for each in long), strict=True)
        adaptive = choose_thresholds(scores[0], truth[0], FALSE_ACCEPTANCE)
        training["adaptive"] = adaptive_figures(scores[1], truth[1], stop_at(scores[1], adaptive))
        print("  adaptive:", adaptive, json.dumps(training["adaptive"]))
    info = ClipModelInfo(
        name=name,
        labels=tuple(labels),
        faces=options.faces,
        pooling=options.pooling,
        classifier={"kernel": options.kernel, "C": options.C, "class_weight": options.class_weight},
        temperature=temperature,
        backbone_name=backbone.spec.name,
        backbone_sha256=backbone.session.sha256,
        feature_size=backbone.spec.feature_size,
        fervid=fer_video.__version__,
        training=training,
        adaptive=adaptive,
    )
    size = info.pooling.size(info.feature_size)
    save_clip_model(out / name, info, to_network(estimator, size), estimator)


def strided(clips: Arrays, estimator: Any) -> tuple[list[Any], Any]:
    scores = [decision(estimator, clips["descriptors"][:, i]) for i in range(len(STRIDES))]
    return scores, np.searchsorted(estimator.classes_, clips["labels"])


def adaptive_figures(scores: list[Any], truth: Any, stage: Any) -> dict[str, Any]:
    answers = np.stack([each.argmax(axis=1) for each in scores])
    said = answers[stage, np.arange(len(truth))]
    used = np.array([len(range(0, LONG_FRAMES, stride)) for stride in STRIDES])
    return {
        "clips": len(truth),
        "accuracy_by_stride": {
            str(s): round(float((a == truth).mean()), 4) for s, a in zip(STRIDES, answers, strict=True)
        },
        "accuracy": round(float((said == truth).mean()), 4),
        "same_label_as_every_frame": round(float((said == answers[-1]).mean()), 4),
        "frames_used": round(float(used[stage].mean() / LONG_FRAMES), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "weights")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    backbone = Backbone(open_session(find_model("emotion-backbone")))
    train, valid = (pictures(given.ferplus, part) for part in ("train", "valid"))
    work: Path = given.work
    people = kept(work / "people-train.npz", lambda: person_clips(train, backbone, REPEATS))
    people_valid = kept(work / "people-valid.npz", lambda: person_clips(valid, backbone, {}))
    long = kept(work / "long-valid.npz", lambda: long_clips(valid, backbone))
    groups = kept(work / "groups-train.npz", lambda: group_clips(train, backbone, GROUPS["train"], 0))
    groups_valid = kept(work / "groups-valid.npz", lambda: group_clips(valid, backbone, GROUPS["valid"], 1))
    halves = tuple(part_of(long, half) for half in (0, 1))
    train_one(EMBEDDED["main"], PROTOCOLS["afew"], people, part_of(people_valid, 0), part_of(people_valid, 1), backbone,
              given.out, (halves[0], halves[1]))  # fmt: skip
    train_one(EMBEDDED["all"], PROTOCOLS["vgaf"], groups, part_of(groups_valid, 0, groups=True),
              part_of(groups_valid, 1, groups=True), backbone, given.out, None)  # fmt: skip


if __name__ == "__main__":
    main()
