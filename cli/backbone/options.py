"""Options that commands of `fervid backbone` share, and the labelled faces that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.backbone.bars import Bars
from fer_video.cli.shared.command import option_group

if TYPE_CHECKING:
    from fer_video.models import ModelSpec
    from fer_video.training.evaluate import Labelled

__all__ = ["cache_folder", "cache_option", "crop_options", "labelled", "pairs", "quiet_option"]

F = TypeVar("F", bound=Callable[..., Any])


def pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """NAME=PATH, several times."""
    found = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise click.BadParameter(f"{value!r} should be NAME=PATH", ctx, parameter)
        if name in found:
            raise click.BadParameter(f"{name} is given twice", ctx, parameter)
        found[name] = Path(path)
    return found


cache_option: Callable[[F], F] = option_group(
    "Dataset",
    click.option("--cache", metavar="DIR", help="Folder for decoded pictures.  [default: faces in fervid's cache]"),
)
quiet_option: Callable[[F], F] = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no warnings.")
crop_options: Callable[[F], F] = option_group(
    "Dataset",
    click.option(
        "--validation",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.1,
        show_default=True,
        metavar="SHARE",
        help="Share of the pictures for validation, if the dataset has no such part.",
    ),
    click.option(
        "--crop",
        type=click.Choice(("whole", "detect", "box", "masked")),
        metavar="HOW",
        help="whole: the picture is the crop; detect: crop around the detected face; box: crop around the dataset's "
        "box; masked: a face cut out along its outline.  [default: whole for ferplus, otherwise detect]",
    ),
    click.option(
        "--crop-factor",
        "factor",
        type=click.FloatRange(0.5, 3),
        metavar="N",
        help="Side of the crop as a multiple of the longer side of the face box.  [default: as the backbone needs]",
    ),
)


def cache_folder(given: str | None) -> Path:
    from fer_video.files import cache_dir

    return Path(given) if given else cache_dir() / "faces"


def labelled(
    spec: ModelSpec, layout: str, path: Path, given: dict[str, Any], cache: str | None, quiet: bool
) -> tuple[Labelled, str]:
    """Labelled faces, and how they are cropped."""
    from fer_video.training.evaluate import EvaluateOptions, labelled_faces

    options = EvaluateOptions(layout, path, cache_folder(cache), **given)  # type: ignore[arg-type]
    with Bars(quiet) as bars:
        faces = labelled_faces(options, spec, lambda done, total: bars.reading(layout, done, total))
    return faces, options.how(spec)
