"""`fervid backbone train`."""

from __future__ import annotations

from pathlib import Path

import click
from fer_video.cli.backbone.bars import Bars
from fer_video.cli.backbone.options import cache_folder, cache_option, pairs, quiet_option
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["train"]


@command()
@click.argument("recipe")
@option_group(
    "Run",
    click.option(
        "--data",
        multiple=True,
        callback=pairs,
        metavar="NAME=PATH",
        help="Path of a source that the recipe names. Can be repeated.",
    ),
    click.option("--out", required=True, metavar="DIR", help="Write curves and checkpoints of the run to DIR."),
    click.option("--resume", is_flag=True, help="Continue the run in --out where it was stopped."),
    click.option("--start", metavar="FILE", help="Start from the weights in FILE (safetensors)."),
    click.option(
        "--teacher",
        "teachers",
        multiple=True,
        metavar="NAME|PATH",
        help="Also learn from the answers of this backbone, a name or an ONNX file. Can be repeated.",
    ),
)
@cache_option
@option_group(
    "Speed",
    click.option(
        "--device", type=click.Choice(("cpu", "cuda")), default="cpu", show_default=True, help="Device for torch."
    ),
    click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads of torch.  [default: one per core]"),
    click.option(
        "--workers",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        metavar="N",
        help="Threads that prepare batches.",
    ),
)
@quiet_option
@debug_option
def train(
    recipe: str, data: dict[str, Path], out: str, start: str | None, teachers: tuple[str, ...], resume: bool,
    cache: str | None, device: str, threads: int | None, workers: int, quiet: bool,
) -> None:  # fmt: skip
    """Train a backbone as described in a recipe.

    RECIPE is a TOML file; docs/training.md explains its keys, and recipes/ has examples. A run that was stopped, also
    by Ctrl-C, continues exactly where it was with --resume. Needs the extra [train].

    \b
    fervid backbone train recipe.toml --data mine=faces/ --out run
    fervid backbone train recipe.toml --data mine=faces/ --out run --resume
    """
    from fer_video.training import need_torch

    need_torch()
    from fer_video.training.recipe import read_recipe
    from fer_video.training.train import TrainOptions
    from fer_video.training.train import train as run

    plan = read_recipe(Path(recipe))
    options = TrainOptions(
        cache=cache_folder(cache), start=Path(start) if start else None, teachers=teachers, resume=resume,
        device=device, threads=threads, workers=workers,
    )  # fmt: skip
    with Bars(quiet) as bars:
        found = run(plan, data, Path(out), options, bars.event, bars.reading)
    for name, value in found.items():
        click.echo(f"{name:<24} {value:8.4f}")
    if not quiet:
        warn(f"{out}: done; export it with: fervid backbone export {out} --out NAME.onnx")
