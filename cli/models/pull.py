"""`fervid models pull`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.command import AliasedOption, command
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import FervidError, OptionError

__all__ = ["pull"]


@command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--from", "source", metavar="FILE", help="Verify and store FILE instead of downloading the model.")
@click.option(
    "--mirror",
    metavar="URL",
    help="Download from URL/NAME.onnx, and verify it as usual.  [default: $FERVID_MIRROR, or the publisher]",
)
@click.option(
    "--accept-license",
    "--accept-licence",
    "accept_license",
    is_flag=True,
    cls=AliasedOption,
    help="Accept the licence of a model that forbids commercial use.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@debug_option
@click.pass_context
def pull(
    ctx: click.Context, /, names: tuple[str, ...], source: str | None, mirror: str | None, accept_license: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Download and verify models.

    They can then be used by name with --backbone and --detector. A download that was interrupted continues where it
    stopped. Proxies are read from the environment (https_proxy). Prints the path of each model.
    """
    from fer_video.engine.trial import try_model
    from fer_video.models.manifest import find_entry
    from fer_video.models.store import PullOptions, pull

    if source is not None and len(names) != 1:
        raise click.UsageError("--from is for one model at a time")
    specs = [find_entry(name) for name in names]
    options = PullOptions(None if source is None else Path(source), mirror, accept_license)
    failures = 0
    for spec in specs:
        if spec.non_commercial and accept_license and not quiet:
            warn(f"{spec.name}: licence: {spec.licence}")
        try:
            with _bar(spec.name, quiet) as bar:
                how = pull(spec, options, try_model, bar.update_to)
        except OptionError:
            raise
        except FervidError as error:
            if len(specs) == 1:
                raise
            failures += 1
            warn(f"error: {error}")
            continue
        if not quiet:
            warn({"embedded": f"{spec.name}: comes with fervid", "was here": f"{spec.name}: is here already"}.get(
                how, f"{spec.name}: verified"))  # fmt: skip
        click.echo(spec.path)
    ctx.exit(1 if failures else 0)


class _bar:  # noqa: N801
    """A progress bar of bytes on stderr, on a terminal only."""

    def __init__(self, name: str, quiet: bool) -> None:
        from tqdm import tqdm

        hidden = True if quiet or sys.stderr is None else None  # None: tqdm looks whether stderr is a terminal
        self._bar: Any = tqdm(desc=name, unit="B", unit_scale=True, unit_divisor=1000, disable=hidden, leave=False)

    def update_to(self, have: int, total: int | None) -> None:
        self._bar.total = total
        self._bar.update(have - self._bar.n)

    def __enter__(self) -> _bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()
