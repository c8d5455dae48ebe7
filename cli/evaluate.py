"""`fervid evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.learning import (
    HASH_LENGTH,
    evaluation_lines,
    features_of,
    fit_options,
    read_dataset,
    training_options,
)
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option, device_options, face_options, sampling_options
from fer_video.cli.shared.output import figures_format

from fer_video.version import __version__

if TYPE_CHECKING:
    from fer_video.learning.evaluate import Evaluation
    from fer_video.learning.fit import Clips

__all__ = ["evaluate"]

_SCHEMA = "fervid-evaluation/1"


@command()
@click.argument("arguments", metavar="[MODEL] DATASET", nargs=-1, required=True, shell_complete=files)
@option_group(
    "Evaluation",
    click.option(
        "--cv",
        metavar="subject|N",
        help="Cross-validate instead of using a MODEL: leave out one subject at a time, or one of N parts.",
    ),
    click.option(
        "--split",
        type=click.Choice(("train", "val", "all")),
        help="Part of the dataset.  [default: val if there is one, otherwise all]",
    ),
    click.option(
        "--by",
        "groups",
        multiple=True,
        type=click.Choice(("gender", "age", "ethnicity")),
        metavar="ATTRIBUTE",
        help="Also evaluate groups of people by their estimated gender, age or ethnicity. Can be repeated.",
    ),
)
@option_group(
    "Output",
    figures_format,
    click.option("--predictions", metavar="FILE", help="Write the answer for each clip to FILE as CSV."),
    click.option("--png", metavar="FILE", help="Draw the confusion matrix to FILE. Needs the extra [plot]."),
)  # fmt: skip
@training_options
@sampling_options
@face_options
@device_options
@debug_option
def evaluate(
    arguments: tuple[str, ...], cv: str | None, split: str | None, groups: tuple[str, ...], format_name: str,
    predictions: str | None, png: str | None, **given: Any,
) -> None:  # fmt: skip
    """Measure a clip model, or a training method, on labelled clips.

    MODEL is a folder written by fervid train, the name of an embedded model, auto or none, as for predict --model.
    With --cv there is no MODEL: one is trained for each part of the dataset on the other parts, with the training
    options below. DATASET is as for fervid train.

    \b
    fervid evaluate afew-model AFEW --every-frame
    fervid evaluate clips.csv --cv subject --by gender
    """
    from fer_video.learning import evaluate as measure

    model, dataset = _arguments(arguments, cv)
    if png is not None:
        from fer_video.render.confusion import draw_confusion
        from fer_video.render.figure import check_drawing

        check_drawing(Path(png))
    given["attributes"] = given["attributes"] or bool(groups)
    options = fit_options(given)
    data = read_dataset(dataset, given["layout"])
    wanted = split or ("val" if any(sample.split == "val" for sample in data.samples) and not cv else "all")
    if wanted != "all":
        data = data.part(wanted)  # type: ignore[arg-type]
    if cv == "subject" and not data.has_subjects:
        raise click.UsageError(
            f"{dataset} names no subjects; give a CSV with a subject column, folders class/subject/clip, or --cv N"
        )
    clips = features_of(data, given).clips
    answers = _answers(model, cv, options, clips)
    said, labels, faces = answers.said, answers.labels, answers.faces
    _warn_of_known(model, answers, clips)
    subjects = clips.subjects if data.has_subjects else None
    overall = measure.evaluate(clips.labels, said, clips.has_face, labels, subjects)
    parts: dict[str, dict[str, Evaluation]] = {}
    for by in groups:
        names = measure.group_names(clips.features, by, faces)  # type: ignore[arg-type]
        parts[by] = {
            name: measure.evaluate(
                clips.labels[names == name], said[names == name], clips.has_face[names == name], labels,
                None if subjects is None else subjects[names == name],
            )
            for name in sorted(set(names.tolist()))
        }  # fmt: skip
    if png is not None:
        accuracy, recall = overall.accuracy.value, overall.macro_recall.value
        draw_confusion(overall.labels, overall.confusion, accuracy, recall, Path(png))
    if predictions is not None:
        _write_predictions(Path(predictions), clips, answers, with_subjects=data.has_subjects)
    if format_name == "json":
        value = {
            "schema": _SCHEMA,
            "fervid": __version__,
            "model": answers.name and {"name": answers.name, "sha256": answers.sha256},
            "cross_validation": cv,
            "dataset": {"path": dataset, "layout": data.layout, "part": wanted},
            "trained_on": sum(answers.known),
            **overall.to_dict(),
            "by": {by: {n: e.to_dict() for n, e in each.items()} for by, each in parts.items()},
        }
        click.echo(json.dumps(value, indent=2, allow_nan=False))
        return
    click.echo("\n".join(evaluation_lines(overall)))
    for by, each in parts.items():
        click.echo(f"\nby predicted {by} (guesses from appearance, see the model card):")
        for name, result in each.items():
            figure = result.accuracy
            click.echo(
                f"  {name:<12} {result.clips:5} clips  accuracy {figure.value:7.2%}   "
                f"95 % {figure.low:.2%} to {figure.high:.2%}   mean recall {result.macro_recall.value:7.2%}"
            )


def _arguments(arguments: tuple[str, ...], cv: str | None) -> tuple[str | None, str]:
    if cv is not None and cv != "subject" and not (cv.isdecimal() and int(cv) >= 2):
        raise click.UsageError(f"--cv takes subject or a number from 2 on, not {cv!r}")
    if len(arguments) != (1 if cv else 2):
        raise click.UsageError("give a MODEL and a DATASET, or a DATASET alone with --cv")
    return (None, arguments[0]) if cv else (arguments[0], arguments[1])


@dataclass(frozen=True)
class _Answers:
    """said: (n,) labels. probabilities: (n, labels), None of a cross-validation. known: (n,) clips trained on."""

    said: Any
    labels: list[str]
    faces: Any
    known: list[bool]
    name: str | None = None
    sha256: str | None = None
    probabilities: Any = None


def _answers(model: str | None, cv: str | None, options: Any, clips: Clips) -> _Answers:
    """The answers, the labels they come from, and whose faces they are about."""
    import numpy as np

    from fer_video.clip.answers import MEAN, PersonMethod
    from fer_video.clip.store import choose_clip_model, load_clip_model
    from fer_video.errors import InputError
    from fer_video.learning import learn

    none = [False] * len(clips.labels)
    if model is None:
        said, _ = learn.cross_validate(clips, options, "subject" if cv == "subject" else int(cv or 0))
        return _Answers(said, np.unique(clips.labels).tolist(), options.faces, none)
    first = clips.features[0]
    chosen = choose_clip_model(model, "main", first.backbone_sha256)
    loaded = None if chosen is None else load_clip_model(chosen.folder)
    if loaded is None or model == "auto":
        method = PersonMethod(first.emotions, loaded, mixed=chosen is not None and chosen.mixed)
        labels, faces = list(method.labels), "main"
        probabilities = learn.answers_of(method, clips)
        name = MEAN if loaded is None else f"{'mixture' if method.mixed else 'svm'}:{loaded.info.name}"
    else:
        labels, faces, name = list(loaded.info.labels), loaded.info.faces, loaded.info.name
        probabilities = learn.probabilities_of(loaded, clips)
    if not set(labels) & set(clips.labels.tolist()):
        theirs = ", ".join(sorted(set(clips.labels.tolist())))
        raise InputError(f"{model}: predicts {', '.join(labels)}; the clips are labelled {theirs}")
    trained = set(() if loaded is None else loaded.info.training.get("clip_hashes", ()))
    known = [each[:HASH_LENGTH] in trained for each in clips.hashes]
    sha256 = first.backbone_sha256 if loaded is None else loaded.sha256
    said = np.array(labels)[probabilities.argmax(axis=1)]
    return _Answers(said, labels, faces, known, name, sha256, probabilities)


def _warn_of_known(model: str | None, answers: _Answers, clips: Clips) -> None:
    if count := sum(answers.known):
        warn(f"warning: {model} was trained on {count} of these {len(clips.labels)} clips: the figures flatter it")


def _write_predictions(path: Path, clips: Clips, answers: _Answers, *, with_subjects: bool) -> None:
    """One row per clip. Raises OutputError."""
    import csv

    from fer_video.files import open_output
    from fer_video.results.writers.csv import safe_cell

    shares = answers.probabilities
    heads = [] if shares is None else [f"p_{label}" for label in answers.labels]
    with open_output(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "subject", "label", "predicted", "confidence", "face", "trained_on", *heads])
        faces = clips.has_face
        for row, (label, said) in enumerate(zip(clips.labels.tolist(), answers.said.tolist(), strict=True)):
            values = [] if shares is None else [round(float(value), 6) for value in shares[row]]
            subject = clips.subjects[row] if with_subjects else ""
            cells = [clips.paths[row], str(subject), label, said, max(values, default=""), bool(faces[row])]
            writer.writerow([safe_cell(cell) for cell in [*cells, answers.known[row], *values]])
