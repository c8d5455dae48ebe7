"""`fervid backbone quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.backbone.options import cache_option, crop_options, labelled, pairs, quiet_option
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["quantize"]


@click.command()
@click.argument("model")
@click.option("--data", multiple=True, callback=pairs, metavar="LAYOUT=PATH", required=True,
              help="Labelled faces: the training part calibrates, the validation part measures.")  # fmt: skip
@click.option("--out", required=True, metavar="FILE", help="The int8 file, written only when it pays.")
@click.option("--pictures", type=click.IntRange(1), default=256, show_default=True, help="To calibrate with.")
@click.option("--most-lost", type=click.FloatRange(0), default=0.5, show_default=True, metavar="POINTS",
              help="Keep it only when every accuracy loses less.")  # fmt: skip
@crop_options
@cache_option
@quiet_option
@debug_option
def quantize(
    model: str, data: dict[str, Path], out: str, pictures: int, most_lost: float, cache: str | None, quiet: bool,
    **crop: Any,
) -> None:  # fmt: skip
    """Make an int8 backbone (static, QDQ, S8S8), and keep it when it is faster and as good.

    MODEL is the name of a backbone, or an ONNX file that says what it is. Prints figures and speed of both.
    """
    from fer_video.cli.backbone.lines import comparison_lines

    from fer_video.models import find_model
    from fer_video.training.quantize import QuantizeOptions
    from fer_video.training.quantize import quantize as make

    spec = find_model("emotion-backbone", model)
    sets = [
        {layout: labelled(spec, layout, path, {"part": part, **crop}, cache, quiet)[0] for layout, path in data.items()}
        for part in ("train", "val")
    ]
    found = make(spec, list(sets[0].values()), sets[1], Path(out), QuantizeOptions(pictures, most_lost / 100))
    click.echo("\n".join(comparison_lines(found)))
    if not found.kept:
        warn(f"not kept: {found.reason}")
        click.get_current_context().exit(1)
    click.echo(f"kept: {out}")
