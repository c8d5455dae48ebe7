"""`fervid completion`."""

from __future__ import annotations

import click
from fer_video.cli.shared.command import command
from fer_video.cli.shared.options import debug_option

__all__ = ["completion"]


@command(config="ignore")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@debug_option
def completion(shell: str) -> None:
    """Print a script for completion with the Tab key.

    The script completes commands, options, their values and names of files. Save it where the shell finds it; new
    shells then use it.

    \b
    fervid completion bash > ~/.local/share/bash-completion/completions/fervid
    fervid completion zsh > ~/.zfunc/_fervid    (if ~/.zfunc is in fpath)
    fervid completion fish > ~/.config/fish/completions/fervid.fish
    """
    from click.shell_completion import get_completion_class
    from fer_video.cli.main import main

    of_shell = get_completion_class(shell)
    assert of_shell is not None
    click.echo(of_shell(main, {}, "fervid", "_FERVID_COMPLETE").source(), nl=False)
