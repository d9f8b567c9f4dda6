"""Shell completion."""

import click
from click.shell_completion import get_completion_class

from whyspend.errors import UsageError

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    bash: whyspend completion bash >> ~/.bashrc · zsh: … >> ~/.zshrc ·
    fish: … > ~/.config/fish/completions/whyspend.fish
    """
    from whyspend.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"This click knows no completion for {shell}. Upgrade click.")
    click.echo(kind(cli, {}, "whyspend", "_WHYSPEND_COMPLETE").source())
