"""`fervid backbone`: train, measure, export and quantise the network that reads faces."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.main import warn
from fer_video.cli.options import debug_option

if TYPE_CHECKING:
    from fer_video.models import ModelSpec
    from fer_video.training.evaluate import Labelled
    from fer_video.training.train import Event

__all__ = ["backbone"]

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def backbone() -> None:
    """Train, measure, export and quantise the network that reads faces."""


def _pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
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


cache_option: Callable[[F], F] = click.option(
    "--cache", metavar="DIR", help="Folder of decoded pictures.  [default: faces in fervid's cache]"
)
quiet_option: Callable[[F], F] = click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings.")


def crop_options(command: F) -> F:
    """How labelled faces are split and cut."""
    for decorator in (
        click.option("--crop-factor", "factor", type=click.FloatRange(0.5, 3), metavar="F",
                     help="Side of the crop in units of the face box.  [default: the model's own]"),
        click.option("--crop", type=click.Choice(("whole", "detect", "box", "masked")),
                     help="The picture is the crop (default for ferplus), find the face (default), the dataset's box, "
                          "or a face cut out along its outline."),
        click.option("--validation", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.1,
                     show_default=True, help="Share for validation where a dataset names no such part."),
    ):  # fmt: skip
        command = decorator(command)
    return command


@backbone.command()
@click.argument("recipe")
@click.option("--data", multiple=True, callback=_pairs, metavar="NAME=PATH", help="Where a source of the recipe is.")
@click.option("--out", required=True, metavar="DIR", help="Folder of the run.")
@click.option("--start", metavar="FILE", help="Weights to start from, safetensors.")
@click.option("--teacher", "teachers", multiple=True, metavar="MODEL",
              help="Emotion backbone, by name or ONNX file, to learn from too. May be repeated.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it was stopped.")
@cache_option
@click.option("--device", type=click.Choice(("cpu", "cuda")), default="cpu", show_default=True, help="Of torch.")
@click.option("--threads", type=click.IntRange(1), help="Of torch.  [default: one a core]")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Threads that make batches.")
@quiet_option
@debug_option
def train(
    recipe: str, data: dict[str, Path], out: str, start: str | None, teachers: tuple[str, ...], resume: bool,
    cache: str | None, device: str, threads: int | None, workers: int, quiet: bool,
) -> None:  # fmt: skip
    """Train a backbone by a recipe.

    RECIPE is a TOML file; docs/training.md explains its keys, recipes/ has some. Needs the extra [train]. A run that
    was stopped, by Ctrl-C too, goes on exactly where it was with --resume.

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
        cache=_cache(cache), start=Path(start) if start else None, teachers=teachers, resume=resume, device=device,
        threads=threads, workers=workers,
    )  # fmt: skip
    with _Bars(quiet) as bars:
        found = run(plan, data, Path(out), options, bars.event, bars.reading)
    for name, value in found.items():
        click.echo(f"{name:<24} {value:8.4f}")
    if not quiet:
        warn(f"{out}: done; export it with: fervid backbone export {out} --out NAME.onnx")


@backbone.command()
@click.argument("model", required=False)
@click.option("--data", multiple=True, callback=_pairs, metavar="LAYOUT=PATH", required=True,
              help="Labelled faces; LAYOUT is ferplus, utkface, affectnet, people, classes or csv.")  # fmt: skip
@click.option("--part", type=click.Choice(("train", "val", "test", "all")), default="val", show_default=True,
              help="Which part is measured on.")  # fmt: skip
@crop_options
@click.option("--format", "format_name", type=click.Choice(("table", "json")), default="table", show_default=True,
              help="Of the output.")  # fmt: skip
@click.option("--png", metavar="FILE", help="Draw the confusion matrix of the emotions there (extra [plot]).")
@click.option("--device", default="auto", show_default=True, help="Where the network runs, as in fervid predict.")
@cache_option
@quiet_option
@debug_option
def evaluate(
    model: str | None, data: dict[str, Path], part: str, format_name: str, png: str | None, device: str,
    cache: str | None, quiet: bool, **crop: Any,
) -> None:  # fmt: skip
    """Measure a backbone on labelled faces: accuracy, recall by class, errors by group of people.

    MODEL is the name of a backbone, or an ONNX file that says what it is; without it, the embedded one. Needs no torch.

    \b
    fervid backbone evaluate --data ferplus=FERPLUS.zip --data utkface=UTKFACE.zip
    fervid backbone evaluate mine.onnx --data csv=faces.csv --part all --crop detect
    """
    from fer_video.cli.backbone_lines import figures_lines

    from fer_video.models import find_model, open_session
    from fer_video.models.backbone import Backbone
    from fer_video.training.evaluate import evaluate_backbone

    if png is not None:
        from fer_video.render.confusion import check_drawing, draw_confusion

        check_drawing(Path(png))
    spec = find_model("emotion-backbone", model)
    network = Backbone(open_session(spec, device), attributes=spec.has_attributes)
    results = []
    for layout, path in data.items():
        faces, used = _faces(spec, layout, path, {"part": part, **crop}, cache, quiet)
        found = evaluate_backbone(network, faces, part, used)
        results.append(found)
        if png is not None and found.emotion_majority is not None:
            seen = found.emotion_majority
            draw_confusion(seen.labels, seen.confusion, seen.accuracy.value, seen.macro_recall.value, Path(png))
            png = None
    if png is not None:
        warn("no dataset has labels of emotion: no confusion matrix is drawn")
    if format_name == "json":
        from fer_video.cli.evaluate import finite

        ran = {"model": spec.name, "sha256": network.session.sha256}
        click.echo(json.dumps(finite({**ran, "datasets": [each.to_dict() for each in results]}), indent=2))
        return
    click.echo(f"{spec.name} ({network.session.sha256[:12]})")
    for found in results:
        click.echo("\n" + "\n".join(figures_lines(found)))


@backbone.command()
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


@backbone.command()
@click.argument("model")
@click.option("--data", multiple=True, callback=_pairs, metavar="LAYOUT=PATH", required=True,
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
    from fer_video.cli.backbone_lines import comparison_lines

    from fer_video.models import find_model
    from fer_video.training.quantize import QuantizeOptions
    from fer_video.training.quantize import quantize as make

    spec = find_model("emotion-backbone", model)
    sets = [
        {layout: _faces(spec, layout, path, {"part": part, **crop}, cache, quiet)[0] for layout, path in data.items()}
        for part in ("train", "val")
    ]
    found = make(spec, list(sets[0].values()), sets[1], Path(out), QuantizeOptions(pictures, most_lost / 100))
    click.echo("\n".join(comparison_lines(found)))
    if not found.kept:
        warn(f"not kept: {found.reason}")
        click.get_current_context().exit(1)
    click.echo(f"kept: {out}")


def _cache(given: str | None) -> Path:
    from fer_video.files import cache_dir

    return Path(given) if given else cache_dir() / "faces"


def _faces(
    spec: ModelSpec, layout: str, path: Path, given: dict[str, Any], cache: str | None, quiet: bool
) -> tuple[Labelled, str]:
    """Labelled faces, and how they are cropped."""
    from fer_video.training.evaluate import EvaluateOptions, labelled_faces

    options = EvaluateOptions(layout, path, _cache(cache), **given)  # type: ignore[arg-type]
    with _Bars(quiet) as bars:
        faces = labelled_faces(options, spec, lambda done, total: bars.reading(layout, done, total))
    return faces, options.how(spec)


class _Bars:
    """Progress on stderr: of reading pictures, then of the training."""

    def __init__(self, quiet: bool) -> None:
        self._off = True if quiet or sys.stderr is None else None
        self._quiet = quiet
        self._bar: Any = None
        self._what = ""

    def reading(self, name: str, done: int, total: int) -> None:
        self._show(name, total, "picture")
        self._bar.update(done - self._bar.n)

    def event(self, event: Event) -> None:
        if event.kind == "said":
            self._say(event.message)
        elif event.kind == "measured":
            figures = ", ".join(f"{name} {value:.4f}" for name, value in (event.figures or {}).items())
            self._say(f"{event.stage}, step {event.step} of {event.steps}: {figures}")
        else:
            self._show("training", event.steps, "step")
            losses = " ".join(f"{name} {value:.3f}" for name, value in (event.figures or {}).items())
            speed = self._bar.format_dict["rate"]
            faces = f", {speed * event.pictures:.0f} pictures/s" if speed else ""
            self._bar.set_postfix_str(losses + faces, refresh=False)
            self._bar.update(event.step - self._bar.n)

    def _show(self, what: str, total: int, unit: str) -> None:
        from tqdm import tqdm

        if what != self._what:
            self.__exit__()
            self._what = what
            self._bar = tqdm(total=total, desc=what, unit=unit, disable=self._off, leave=False)

    def _say(self, message: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        if not self._quiet:
            warn(message)
        if self._bar is not None:
            self._bar.refresh()

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
