"""`sovereign completion`: what a shell needs to complete verbs and options."""

from __future__ import annotations

import click

from ._console import Console, verb

_WHERE = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/sovereign.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_WHERE)))
@verb
def completion(console: Console, shell: str) -> None:
    """Print the completion script of a shell; append it to the file that the shell reads.

    \b
    Example:
      sovereign completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from ._main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # click knows the three shells of the choice
    script = kind(cli, {}, "sovereign", "_SOVEREIGN_COMPLETE").source()
    console.emit({"shell": shell, "script": script, "file": _WHERE[shell]}, script)
