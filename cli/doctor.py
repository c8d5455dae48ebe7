"""`fervid doctor`."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING

import click
from fer_video.cli.shared.command import command, config_source
from fer_video.cli.shared.config import load_config
from fer_video.cli.shared.options import _DEVICES, debug_option

from fer_video.errors import OptionError, printable

if TYPE_CHECKING:
    from fer_video.machine.doctor import Check

__all__ = ["doctor"]

_MARKS = {"good": "ok ", "note": "!  ", "bad": "BAD"}


@command(config="report")
@click.option(
    "--device",
    type=click.Choice(_DEVICES),
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Device for the trial run, as in fervid predict.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@debug_option
@click.pass_context
def doctor(ctx: click.Context, /, device: str, as_json: bool) -> None:
    """Check this installation and print commands that fix it.

    Checks versions, the processor, devices, packages that overwrite each other, and the weights, and makes a trial run
    of decoding and of the networks. Changes nothing and does not use the network. The exit code is 1 if something is
    wrong.
    """
    from fer_video.machine.doctor import examine

    checks = []
    for check in chain([_config(ctx)], examine(device)):
        checks.append(check)
        if not as_json:
            click.echo(f"{_MARKS[check.status]} {check.name}: {printable(check.says)}")
            if check.mend is not None:
                click.echo(f"    to fix it: {check.mend}")
    wrong = sum(check.status == "bad" for check in checks)
    if as_json:
        found = {"good": not wrong, "checks": [check.to_dict() for check in checks]}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif wrong:
        click.echo(f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong")
    else:
        click.echo("\neverything works")
    ctx.exit(1 if wrong else 0)


def _config(ctx: click.Context) -> Check:
    """Which config file is in force in this folder, and whether all of it is right."""
    from fer_video.cli.shared.settings import check_config

    from fer_video.machine.doctor import Check

    try:
        config = load_config(config_source(ctx))
        root = ctx.find_root().command
        assert isinstance(root, click.Group)
        keys = [] if config is None else check_config(config, root)
    except OptionError as error:
        return Check("config file", "bad", str(error))
    return Check("config file", "good", "none" if config is None else f"{config.path}: {', '.join(keys) or 'empty'}")
