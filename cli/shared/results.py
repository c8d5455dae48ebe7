"""What commands that take results share: files of results, or a result that is made now, and the seed of intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.shared.command import is_typed
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import analyzer_options
from fer_video.cli.shared.progress import BatchProgress

from fer_video.errors import InputError

if TYPE_CHECKING:
    from fer_video.types import ClipResult

__all__ = ["named_results", "refuse_analysis_options", "result_of", "result_option", "seed_option"]

F = TypeVar("F", bound=Callable[..., Any])

result_option: Callable[[F], F] = click.option(
    "--result",
    "result_file",
    metavar="FILE",
    shell_complete=files,
    help="Read the output of fervid predict --frames from FILE instead of analysing the clip.",
)

seed_option: Callable[[F], F] = click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the bootstrap intervals.",
)


def named_results(named: Iterable[str]) -> list[Path]:
    """Files of results; what is none is passed over with a warning, where there are others. Raises InputError."""
    from fer_video.results.found import result_files

    passed_over: list[str] = []
    files = result_files(named, passed_over)
    for said in passed_over:
        warn(f"warning: passed over: {said}")
    return files


def result_of(
    ctx: click.Context, clip: str, here: Path, result_file: str | None, given: dict[str, Any], progress: BatchProgress
) -> ClipResult:
    """The clip's result with its frames. clip: its name, here: its file.

    Raises InputError, OptionError, ModelError, UsageError.
    """
    if result_file is not None:
        from fer_video.render.match import check_match
        from fer_video.results.read import read_results

        refuse_analysis_options(ctx, given)
        result = _of_clip(clip, result_file, read_results(Path(result_file)))
        check_match(result, here)
        return result
    from fer_video.analyzer import Analyzer

    result = Analyzer(analyzer_options(given)).analyze(here, progress.update)
    progress.finish()
    return result


def refuse_analysis_options(ctx: click.Context, given: dict[str, Any]) -> None:
    """Options that say how to analyse make no sense for what was analysed before."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name in given and is_typed(ctx, name):
            raise click.UsageError(f"{parameter.opts[-1]} is for analysing a clip; a result that was read is finished")


def _of_clip(clip: str, result_file: str, results: list[ClipResult]) -> ClipResult:
    """The only one, or the one of this path."""
    found = results if len(results) == 1 else [each for each in results if Path(each.path) == Path(clip)]
    if len(found) != 1:
        raise InputError(
            f"{result_file}: holds {len(results)} clips, {len(found)} of them called {clip}; name that one"
        )
    if found[0].status == "failed":
        raise InputError(f"{result_file}: {clip} could not be analysed: {found[0].error}")
    return found[0]
