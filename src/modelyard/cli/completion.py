"""`modelyard completion`: a script for a shell that completes commands, options, and names of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_MODELYARD_COMPLETE"
"""By which click's scripts ask the program."""


@click.command(short_help="Print a script that completes in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that makes a shell complete commands, options and names of models with the Tab key.

    \b
    bash:  eval "$(modelyard completion bash)"           in ~/.bashrc
    zsh:   eval "$(modelyard completion zsh)"            in ~/.zshrc, after compinit
    fish:  modelyard completion fish > ~/.config/fish/completions/modelyard.fish
    """
    click.echo(_completer(shell).source(), nl=False)


def _completer(shell: str) -> ShellComplete:
    from click.shell_completion import get_completion_class

    from modelyard.cli.main import cli

    made = get_completion_class(shell)
    assert made is not None, "click has one for each of SHELLS"
    return made(cli, {}, "modelyard", VARIABLE)
