"""`fervid backbone export`."""

from __future__ import annotations

from pathlib import Path

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["export"]


@command()
@click.argument("run")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="Write the ONNX file to FILE, and its description to a JSON file beside it.",
)
@click.option("--name", metavar="NAME", help="Name of the model.  [default: the name in the recipe]")
@click.option("--licence", metavar="TEXT", help="Licence of the model.  [default: the licence in the recipe]")
@debug_option
def export(run: str, out: str, name: str | None, licence: str | None) -> None:
    """Write a trained backbone as ONNX, and compare it with torch.

    RUN is a folder written by fervid backbone train, or a best.safetensors file. The ONNX file contains its own
    description: use it with fervid predict --backbone FILE. Needs the extra [train].
    """
    from fer_video.training import need_torch

    need_torch()
    from fer_video.training.export import export as write

    path = Path(run)
    if Path(out).suffix != ".onnx":
        raise click.BadParameter(f"{out!r} should end in .onnx; its entry goes beside it as .json", param_hint="--out")
    done = write(path / "best.safetensors" if path.is_dir() else path, Path(out), name, licence)
    click.echo(f"{done.path}: {done.entry['name']}, sha256 {done.entry['sha256']}")
    warn(f"torch and ONNX Runtime differ by at most {done.difference:.1e}; entry: {done.path.with_suffix('.json')}")
