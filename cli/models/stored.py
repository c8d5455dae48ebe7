"""`fervid models verify`, `remove` and `path`: what is on this machine."""

from __future__ import annotations

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import OptionError

__all__ = ["path", "remove", "verify"]


@command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@debug_option
@click.pass_context
def verify(ctx: click.Context, /, names: tuple[str, ...]) -> None:
    """Verify the hashes of models.

    Without NAME, all models on this machine are verified. The exit code is 1 if a model is damaged or missing.
    """
    from fer_video.models import catalogue
    from fer_video.models.manifest import find_entry
    from fer_video.models.verify import verify_file

    chosen = [find_entry(name) for name in names] or [spec for spec in catalogue().values() if spec.path.exists()]
    bad = 0
    for spec in chosen:
        if not spec.path.exists():
            complaint: str | None = "not on this machine"
        else:
            complaint = verify_file(spec, spec.path).complaint
        bad += complaint is not None
        click.echo(f"{spec.name}: {complaint or 'good'}")
    ctx.exit(1 if bad else 0)


@command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@debug_option
def remove(names: tuple[str, ...]) -> None:
    """Delete downloaded or imported models from this machine."""
    from fer_video.models.store import remove

    for name in names:
        warn(f"{name}: {'removed' if remove(name) else 'was not here'}")


@command()
@click.argument("name", required=False)
@debug_option
def path(name: str | None) -> None:
    """Print the path of a model.

    Without NAME, prints the folder of downloaded and imported models.
    """
    from fer_video.models.manifest import find_entry, store_dir

    if name is None:
        click.echo(store_dir())
        return
    spec = find_entry(name)
    if not spec.path.exists():
        raise OptionError(f"{name} is not on this machine; get it with: fervid models pull {name}")
    click.echo(spec.path)
