"""`fervid evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.learning import evaluation_lines, features_of, fit_options, read_dataset
from fer_video.cli.options import debug_option, device_options, face_options, sampling_options, training_options

if TYPE_CHECKING:
    from fer_video.learning.evaluate import Evaluation
    from fer_video.learning.learn import Gathered

__all__ = ["evaluate", "finite"]


@click.command()
@click.argument("arguments", metavar="[MODEL] DATASET", nargs=-1, required=True)
@click.option("--cv", metavar="subject|N", help="No stored model: leave each subject out once, or N parts.")
@click.option(
    "--split",
    type=click.Choice(("train", "val", "all")),
    help="Which part of the dataset.  [default: val where there is one, or else all]",
)
@click.option(
    "--by",
    "groups",
    multiple=True,
    type=click.Choice(("gender", "age", "ethnicity")),
    help="Also for each group of people, by the predicted attributes. May be given more than once.",
)
@click.option("--format", "format_name", type=click.Choice(("table", "json")), default="table", show_default=True,
              help="Of the output.")  # fmt: skip
@click.option("--png", metavar="FILE", help="Draw the confusion matrix there (extra [plot]).")
@training_options
@sampling_options
@face_options
@device_options
@debug_option
def evaluate(
    arguments: tuple[str, ...], cv: str | None, split: str | None, groups: tuple[str, ...], format_name: str,
    png: str | None, **given: Any,
) -> None:  # fmt: skip
    """Measure a clip model, or a way of training one, on labelled clips.

    MODEL is a folder that fervid train wrote, or the name of an embedded model. With --cv there is none: the options
    of fervid train say how one is trained on the other subjects.

    \b
    fervid evaluate afew-model AFEW --every-frame
    fervid evaluate clips.csv --cv subject --by gender
    """
    from fer_video.learning import evaluate as measure

    model, dataset = _arguments(arguments, cv)
    if png is not None:
        from fer_video.render.confusion import check_drawing, draw_confusion

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
    gathered = features_of(data, given)
    said, labels, faces = _answers(model, cv, options, gathered)
    clips = gathered.clips
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
    if format_name == "json":
        value = overall.to_dict() | {
            "by": {by: {n: e.to_dict() for n, e in each.items()} for by, each in parts.items()}
        }
        click.echo(json.dumps(finite(value), indent=2, allow_nan=False))
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


def _answers(model: str | None, cv: str | None, options: Any, gathered: Gathered) -> tuple[Any, list[str], Any]:
    """The answers, the labels they come from, and whose faces they are about."""
    import numpy as np

    from fer_video.clip.store import find_clip_model, load_clip_model
    from fer_video.errors import InputError
    from fer_video.learning import learn

    clips = gathered.clips
    if model is None:
        said, _ = learn.cross_validate(clips, options, "subject" if cv == "subject" else int(cv or 0))
        return said, np.unique(clips.labels).tolist(), options.faces
    loaded = load_clip_model(find_clip_model(model))
    if not set(loaded.info.labels) & set(clips.labels.tolist()):
        theirs = ", ".join(sorted(set(clips.labels.tolist())))
        raise InputError(f"{model}: says {', '.join(loaded.info.labels)}; the clips are labelled {theirs}")
    return learn.judge(loaded, clips), list(loaded.info.labels), loaded.info.faces


def finite(value: Any) -> Any:
    """JSON knows no NaN: what cannot be said, such as the accuracy over no clips, is null."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and value != value else value
