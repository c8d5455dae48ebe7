"""`fervid models import`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import OptionError

if TYPE_CHECKING:
    from fer_video.models.imports import Facts, ImportOptions

__all__ = ["import_"]

# Spelled out here because fer_video.models.imports, which has them, takes time to import; a test compares.
_LABELS, _NORMALIZATIONS = ("affectnet-8", "affectnet-7", "ferplus-8"), ("imagenet", "half", "unit", "bytes")


@click.command("import")
@click.argument("path", metavar="PATH.onnx")
@click.option("--name", help="What it will be called.  [default: the file's name]")
@click.option(
    "--labels",
    metavar="SET|LIST",
    help=f"Emotions in the order of the output: {', '.join(_LABELS)}, or names with commas.",
)
@click.option("--valence-arousal", is_flag=True, help="The last two numbers of the output are valence and arousal.")
@click.option(
    "--normalize",
    type=click.Choice(_NORMALIZATIONS),
    help="Pixels: ImageNet mean and std of 0..1; (0..1 - 0.5) / 0.5; 0..1; 0..255.",
)
@click.option("--channels", type=click.Choice(("RGB", "BGR")), default="RGB", show_default=True, help="Their order.")
@click.option("--size", type=int, metavar="PX", help="Side of the input, where the graph leaves it free.")
@click.option("--aligned", is_flag=True, help="Faces turned so that landmarks lie on the usual 112-pixel template.")
@click.option(
    "--crop-factor", type=float, default=1.0, show_default=True, help="Side of the crop in units of the face box."
)
@click.option("--emotion-output", metavar="NAME", help="Output with the emotion logits, where there are several.")
@click.option("--features-output", metavar="NAME", help="Output with the features.  [default: found in the graph]")
@click.option("--licence", default="not stated", help="What to note as its licence.")
@click.option("--source", default="not stated", help="What to note as its source.")
@debug_option
def import_(path: str, labels: str | None, valence_arousal: bool, **given: Any) -> None:
    """Take in a network of yours: look at its graph, run it once, and remember what it is.

    What the graph cannot tell is taken from the options, or asked for on a terminal: the labels in their order, and
    how pixels are normalised. Detectors of the SCRFD and YuNet families need neither.

    \b
    fervid models import fer.onnx --labels affectnet-8 --normalize imagenet
    fervid predict clip.mp4 --backbone fer
    """
    from fer_video.engine.trial import try_model
    from fer_video.models.imports import ImportOptions, inspect, make_entry
    from fer_video.models.store import add, check_name

    file = Path(path)
    if not file.exists():
        raise OptionError(f"{file}: no such file")
    check_name(given["name"] or file.stem)
    facts = inspect(file)
    options = ImportOptions(labels=labels and _labels(labels), affect=valence_arousal, **given)  # type: ignore[arg-type]
    if sys.stdin is not None and sys.stdin.isatty():
        options = _ask(facts, options)
    spec = add(file, make_entry(file, facts, options), try_model)
    option = "--detector" if spec.task == "face-detector" else "--backbone"
    warn(f"{spec.name}: runs, taken in as {spec.task}; use it with {option} {spec.name}")
    click.echo(spec.path)


def _labels(text: str) -> tuple[str, ...]:
    from fer_video.models.imports import LABELS

    return LABELS.get(text) or tuple(label.strip().lower() for label in text.split(","))


def _ask(facts: Facts, options: ImportOptions) -> ImportOptions:
    """For what neither the graph nor an option tells."""
    for what in facts.unknown:
        if getattr(options, what) is not None:
            continue
        if what == "labels":
            count = f"{facts.width} numbers" if facts.width else "its numbers"
            answer = click.prompt(
                f"Emotions of {count}, in order ({', '.join(_LABELS)}, or names with commas)", err=True
            )
            options = replace(options, labels=_labels(answer))
            if facts.width == len(options.labels or ()) + 2:
                both = click.confirm("Are the last two numbers valence and arousal?", err=True)
                options = replace(options, affect=both)
        elif what == "normalize":
            answer = click.prompt("Pixels", type=click.Choice(_NORMALIZATIONS), default="imagenet", err=True)
            options = replace(options, normalize=answer)
        elif what == "size":
            options = replace(options, size=click.prompt("Side of its input in pixels", type=int, err=True))
        else:
            answer = click.prompt("Output with the emotion logits", type=click.Choice(list(facts.outputs)), err=True)
            options = replace(options, emotion_output=answer)
    return options
