"""`fervid models import`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import OptionError

if TYPE_CHECKING:
    from fer_video.models.imports import Facts, ImportOptions

__all__ = ["import_"]

# Spelled out here because fer_video.models.imports, which has them, takes time to import; a test compares.
_LABELS, _NORMALIZATIONS = ("affectnet-8", "affectnet-7", "ferplus-8"), ("imagenet", "half", "unit", "bytes")


@command("import")
@click.argument("path", metavar="PATH.onnx")
@click.option("--name", metavar="NAME", help="Name of the model in fervid.  [default: the name of the file]")
@click.option(
    "--labels",
    metavar="SET|LIST",
    help=f"Emotions in the order of the output: {', '.join(_LABELS)}, or names separated by commas.",
)
@click.option("--valence-arousal", is_flag=True, help="The last two numbers of the output are valence and arousal.")
@click.option(
    "--normalize",
    type=click.Choice(_NORMALIZATIONS),
    metavar="NAME",
    help="Scale of the pixels: imagenet (0 to 1, then ImageNet mean and std), half (-1 to 1), unit (0 to 1) or bytes "
    "(0 to 255).",
)
@click.option(
    "--channels",
    type=click.Choice(("RGB", "BGR")),
    default="RGB",
    show_default=True,
    help="Order of the colour channels.",
)
@click.option("--size", type=int, metavar="PX", help="Side of the input in pixels, if the graph does not fix it.")
@click.option("--aligned", is_flag=True, help="Align faces by their landmarks to the usual template of 112 pixels.")
@click.option(
    "--crop-factor",
    type=float,
    default=1.0,
    show_default=True,
    metavar="N",
    help="Side of the crop as a multiple of the longer side of the face box.",
)
@click.option(
    "--emotion-output", metavar="NAME", help="Output with the emotion logits, if the graph has several outputs."
)
@click.option("--features-output", metavar="NAME", help="Output with the embedding.  [default: found in the graph]")
@click.option("--licence", metavar="TEXT", default="not stated", show_default=True, help="Licence of the model.")
@click.option("--source", metavar="TEXT", default="not stated", show_default=True, help="Source of the model.")
@debug_option
def import_(path: str, labels: str | None, valence_arousal: bool, **given: Any) -> None:
    """Import a network from an ONNX file.

    The graph is checked and run once, and the file is stored with a description. What the graph does not tell is taken
    from the options, or asked for on a terminal: the order of the labels, and the scale of the pixels. Detectors of the
    SCRFD and YuNet families need neither.

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
