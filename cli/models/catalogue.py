"""`fervid models list` and `info`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.options import debug_option

from fer_video.errors import printable

if TYPE_CHECKING:
    from fer_video.models import ModelSpec

__all__ = ["info", "list_"]

_TASKS = ("face-detector", "emotion-backbone", "face-recognition")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@command("list")
@click.option(
    "--task",
    type=click.Choice(_TASKS),
    metavar="TASK",
    help=f"List only models of one task: {', '.join(_TASKS[:-1])} or {_TASKS[-1]}.",
)
@json_option
@debug_option
def list_(task: str | None, as_json: bool) -> None:
    """List the models: embedded, to download, and imported."""
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


@command()
@click.argument("name")
@json_option
@debug_option
def info(name: str, as_json: bool) -> None:
    """Print what is known about a model: licence, source, input, heads."""
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
