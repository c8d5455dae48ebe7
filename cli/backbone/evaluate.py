"""`fervid backbone evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from fer_video.cli.backbone.options import cache_option, crop_options, labelled, pairs, quiet_option
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option
from fer_video.cli.shared.output import figures_format

__all__ = ["evaluate"]


@command()
@click.argument("model", required=False)
@option_group(
    "Dataset",
    click.option(
        "--data",
        multiple=True,
        callback=pairs,
        metavar="LAYOUT=PATH",
        required=True,
        help="Labelled faces. LAYOUT is ferplus, utkface, affectnet, people, classes or csv. Can be repeated.",
    ),
    click.option(
        "--part",
        type=click.Choice(("train", "val", "test", "all")),
        default="val",
        show_default=True,
        metavar="NAME",
        help="Part of the dataset: train, val, test or all.",
    ),
)
@crop_options
@cache_option
@option_group(
    "Output",
    figures_format,
    click.option("--png", metavar="FILE", help="Draw the confusion matrix of the emotions. Needs the extra [plot]."),
)
@click.option(
    "--device", metavar="NAME", default="auto", show_default=True, help="Device for the network, as in fervid predict."
)
@quiet_option
@debug_option
def evaluate(
    model: str | None, data: dict[str, Path], part: str, format_name: str, png: str | None, device: str,
    cache: str | None, quiet: bool, **crop: Any,
) -> None:  # fmt: skip
    """Measure a backbone on labelled faces.

    Prints accuracy, recall per class, and errors per group of people. MODEL is the name of a backbone, or an ONNX file
    written by fervid backbone export. Without MODEL, the default backbone is measured. Does not need torch.

    \b
    fervid backbone evaluate --data ferplus=FERPLUS.zip --data utkface=UTKFACE.zip
    fervid backbone evaluate mine.onnx --data csv=faces.csv --part all
    """
    from fer_video.cli.backbone.lines import figures_lines

    from fer_video.models import find_model, open_session
    from fer_video.models.backbone import Backbone
    from fer_video.training.evaluate import evaluate_backbone

    if png is not None:
        from fer_video.render.confusion import draw_confusion
        from fer_video.render.figure import check_drawing

        check_drawing(Path(png))
    spec = find_model("emotion-backbone", model)
    network = Backbone(open_session(spec, device), attributes=spec.has_attributes)
    results = []
    for layout, path in data.items():
        faces, used = labelled(spec, layout, path, {"part": part, **crop}, cache, quiet)
        found = evaluate_backbone(network, faces, part, used)
        results.append(found)
        if png is not None and found.emotion_majority is not None:
            seen = found.emotion_majority
            draw_confusion(seen.labels, seen.confusion, seen.accuracy.value, seen.macro_recall.value, Path(png))
            png = None
    if png is not None:
        warn("no dataset has labels of emotion: no confusion matrix is drawn")
    if format_name == "json":
        from fer_video.learning.evaluate import finite

        ran = {"model": spec.name, "sha256": network.session.sha256}
        click.echo(json.dumps(finite({**ran, "datasets": [each.to_dict() for each in results]}), indent=2))
        return
    click.echo(f"{spec.name} ({network.session.sha256[:12]})")
    for found in results:
        click.echo("\n" + "\n".join(figures_lines(found)))
