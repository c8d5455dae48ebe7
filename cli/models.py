"""`fervid models`: the networks that fervid knows, and those on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import FervidError, OptionError, printable

if TYPE_CHECKING:
    from fer_video.models import ModelSpec
    from fer_video.models.imports import Facts, ImportOptions

__all__ = ["models"]

_TASKS = ("face-detector", "emotion-backbone", "face-recognition")
# Spelled out here because fer_video.models.imports, which has them, takes time to import; a test compares.
_LABELS, _NORMALIZATIONS = ("affectnet-8", "affectnet-7", "ferplus-8"), ("imagenet", "half", "unit", "bytes")

json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def models() -> None:
    """List, get, check and take in networks.

    Models are kept in the folder models of $FERVID_CACHE, or of the user's cache. Nothing is downloaded but by pull.
    """


@models.command("list")
@click.option("--task", type=click.Choice(_TASKS), help="Only these.")
@json_option
@debug_option
def list_(task: str | None, as_json: bool) -> None:
    """Show every model fervid knows: embedded, to pull, imported."""
    from fer_video.models import catalogue, load_manifest

    chosen = [spec for spec in catalogue().values() if task is None or spec.task == task]
    if as_json:
        click.echo(json.dumps([_about(spec) for spec in chosen], indent=2, ensure_ascii=False))
        return
    defaults = set(load_manifest()[0].values())
    rows = [("", "name", "task", "size", "licence")]
    for spec in chosen:
        mark = "*" if spec.name in defaults else "+" if spec.path.exists() else "-"
        size = _size(_about(spec)["bytes"] or spec.about_bytes)
        size = f"~{size}" if spec.about_bytes and not spec.path.exists() else size
        rows.append((mark, spec.name, spec.task, size, spec.licence.partition(";")[0].partition(" (")[0]))
    _print_table(rows)
    click.echo("\n* default   + on this machine   - not here: fervid models pull NAME")


@models.command()
@click.argument("name")
@json_option
@debug_option
def info(name: str, as_json: bool) -> None:
    """Say all that is known of a model."""
    from fer_video.models.manifest import find_entry

    about = _about(find_entry(name))
    if as_json:
        click.echo(json.dumps(about, indent=2, ensure_ascii=False))
        return
    for key, value in about.items():
        if value is None or value in ([], ""):
            continue
        if key == "figures":
            for figure in value:
                click.echo(f"{'published':<14} {figure['on']}: {figure['value']} ({figure['source']})")
        elif key == "heads":
            for head in value:
                labels = ", ".join(head["labels"]) if len(head["labels"]) <= 12 else f"{len(head['labels'])} classes"
                click.echo(f"{'gives':<14} {head['task']}{labels and ': '}{labels}")
        else:
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            click.echo(f"{key:<14} {printable(text)}")


@models.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--from", "source", metavar="FILE", help="Take this file instead of the network; verified all the same.")
@click.option(
    "--mirror", metavar="URL", help="Base address that has NAME.onnx.  [default: $FERVID_MIRROR, or the publisher]"
)
@click.option("--accept-license", is_flag=True, help="Of a model that forbids commercial use.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@debug_option
@click.pass_context
def pull(
    ctx: click.Context, /, names: tuple[str, ...], source: str | None, mirror: str | None, accept_license: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Download models, verify them and put them where --backbone and --detector find them by name.

    An interrupted download goes on where it stopped. Proxies are those of the environment.
    """
    from fer_video.engine.trial import try_model
    from fer_video.models.manifest import find_entry
    from fer_video.models.store import PullOptions, pull

    if source is not None and len(names) != 1:
        raise click.UsageError("--from is for one model at a time")
    specs = [find_entry(name) for name in names]
    options = PullOptions(None if source is None else Path(source), mirror, accept_license)
    failures = 0
    for spec in specs:
        if spec.non_commercial and accept_license and not quiet:
            warn(f"{spec.name}: licence: {spec.licence}")
        try:
            with _bar(spec.name, quiet) as bar:
                how = pull(spec, options, try_model, bar.update_to)
        except OptionError:
            raise
        except FervidError as error:
            if len(specs) == 1:
                raise
            failures += 1
            warn(f"error: {error}")
            continue
        if not quiet:
            warn({"embedded": f"{spec.name}: comes with fervid", "was here": f"{spec.name}: is here already"}.get(
                how, f"{spec.name}: verified"))  # fmt: skip
        click.echo(spec.path)
    ctx.exit(1 if failures else 0)


class _bar:  # noqa: N801
    """A progress bar of bytes on stderr, on a terminal only."""

    def __init__(self, name: str, quiet: bool) -> None:
        from tqdm import tqdm

        hidden = True if quiet or sys.stderr is None else None  # None: tqdm looks whether stderr is a terminal
        self._bar: Any = tqdm(desc=name, unit="B", unit_scale=True, unit_divisor=1000, disable=hidden, leave=False)

    def update_to(self, have: int, total: int | None) -> None:
        self._bar.total = total
        self._bar.update(have - self._bar.n)

    def __enter__(self) -> _bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()


@models.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@debug_option
@click.pass_context
def verify(ctx: click.Context, /, names: tuple[str, ...]) -> None:
    """Compare the hashes of models with what they should be; without NAME, of all that are on this machine."""
    from fer_video.models import catalogue
    from fer_video.models.manifest import find_entry
    from fer_video.models.verify import verify_file

    chosen = [find_entry(name) for name in names] or [spec for spec in catalogue().values() if spec.path.exists()]
    bad = 0
    for spec in chosen:
        if not spec.path.exists():
            complaint: str | None = "not on this machine"
        else:
            complaint = verify_file(spec, spec.path).complaint
        bad += complaint is not None
        click.echo(f"{spec.name}: {complaint or 'good'}")
    ctx.exit(1 if bad else 0)


@models.command("import")
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
    if not file.is_file():
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


@models.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@debug_option
def remove(names: tuple[str, ...]) -> None:
    """Delete pulled or imported models from this machine."""
    from fer_video.models.manifest import find_entry
    from fer_video.models.store import remove

    for spec in [find_entry(name) for name in names]:
        warn(f"{spec.name}: {'removed' if remove(spec) else 'was not here'}")


@models.command()
@click.argument("name", required=False)
@debug_option
def path(name: str | None) -> None:
    """Print where a model is; without NAME, the folder of pulled and imported ones."""
    from fer_video.models.manifest import find_entry, store_dir

    if name is None:
        click.echo(store_dir())
        return
    spec = find_entry(name)
    if not spec.path.exists():
        raise OptionError(f"{name} is not on this machine; get it with: fervid models pull {name}")
    click.echo(spec.path)


def _about(spec: ModelSpec) -> dict[str, Any]:
    """What `info` and `list` say."""
    from fer_video.models.manifest import origin_of

    here = spec.path.exists()
    pixels = spec.input
    backbone = spec.task == "emotion-backbone"
    return {
        "name": spec.name,
        "task": spec.task,
        "origin": origin_of(spec),
        "here": here,
        "path": str(spec.path) if here else None,
        "note": spec.note,
        "licence": spec.licence,
        "non_commercial": spec.non_commercial,
        "source": spec.source,
        "url": spec.url,
        "bytes": spec.path.stat().st_size if here else spec.size_bytes,
        "about_bytes": spec.about_bytes,
        "sha256": spec.sha256,
        "git_blob": spec.git_blob,
        "input": {
            "size": pixels.size,
            "layout": pixels.layout,
            "channels": pixels.channels,
            "value_range": list(pixels.value_range),
            "mean": list(pixels.mean),
            "std": list(pixels.std),
        },
        "crop": {"shape": spec.crop.shape, "factor": spec.crop.factor} if backbone else None,
        "features": (spec.feature_size or None) if backbone else None,
        "heads": [{"task": head.task, "labels": list(head.labels)} for head in spec.heads],
        "figures": [{"on": each.on, "value": each.value, "source": each.source} for each in spec.figures],
    }


def _size(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
