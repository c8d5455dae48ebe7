"""`fervid backbone export`."""

from __future__ import annotations

from pathlib import Path

import click
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["export"]


@click.command()
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The ONNX file; its manifest entry goes beside it as JSON.")
@click.option("--name", help="Of the model.  [default: the recipe's]")
@click.option("--licence", help="Of the model.  [default: the recipe's]")
@debug_option
def export(run: str, out: str, name: str | None, licence: str | None) -> None:
    """Write a trained backbone as ONNX, checked against torch.

    RUN is the folder of fervid backbone train, or a best.safetensors. The file says what it is and runs in
    fervid predict --backbone FILE as it stands. Needs the extra [train].
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
