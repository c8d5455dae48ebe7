"""`fervid doctor`."""

from __future__ import annotations

import json

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.options import _DEVICES, debug_option

from fer_video.errors import printable

__all__ = ["doctor"]

_MARKS = {"good": "ok ", "note": "!  ", "bad": "BAD"}


@command()
@click.option(
    "--device", type=click.Choice(_DEVICES), default="auto", show_default=True, help="Device for the trial run."
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
    for check in examine(device):
        checks.append(check)
        if not as_json:
            click.echo(f"{_MARKS[check.status]} {check.name}: {printable(check.says)}")
            if check.mend is not None:
                click.echo(f"    to mend it: {check.mend}")
    wrong = sum(check.status == "bad" for check in checks)
    if as_json:
        found = {"good": not wrong, "checks": [check.to_dict() for check in checks]}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif wrong:
        click.echo(f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong")
    else:
        click.echo("\neverything works")
    ctx.exit(1 if wrong else 0)
