"""`fervid backbone quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.backbone.options import cache_option, crop_options, labelled, pairs, quiet_option
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["quantize"]


@command()
@click.argument("model")
@option_group(
    "Dataset",
    click.option(
        "--data",
        multiple=True,
        callback=pairs,
        metavar="LAYOUT=PATH",
        required=True,
        help="Labelled faces: the training part for calibration, the validation part to measure. Can be repeated.",
    ),
    click.option(
        "--pictures",
        type=click.IntRange(1),
        default=256,
        show_default=True,
        metavar="N",
        help="Calibrate with N pictures.",
    ),
)
@crop_options
@cache_option
@option_group(
    "Output",
    click.option("--out", required=True, metavar="FILE", help="Write the int8 network to FILE, if it is kept."),
    click.option(
        "--most-lost",
        type=click.FloatRange(0),
        default=0.5,
        show_default=True,
        metavar="POINTS",
        help="Keep the network only if every accuracy loses less than this many percentage points.",
    ),
)
@quiet_option
@debug_option
def quantize(
    model: str, data: dict[str, Path], out: str, pictures: int, most_lost: float, cache: str | None, quiet: bool,
    **crop: Any,
) -> None:  # fmt: skip
    """Quantise a backbone to int8, and keep it if it is good.

    It is kept if it is faster and about as accurate (--most-lost). The format is static, QDQ, S8S8. MODEL is the name
    of a backbone, or an ONNX file written by fervid backbone export. Prints the accuracy and speed of both networks.
    The exit code is 1 if the int8 network is not kept.
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
