"""The command line: parses, calls the workspace, writes. stdout is data; stderr is narration; exit codes live here.

Nothing heavy is imported before a command runs: `whyspend --help` stays instant.
"""

import errno
import io
import os
import sys
from importlib import import_module

import click

from whyspend import __version__, registry

BUILT_IN = {
    "demo": "What does this look like, without an account?",
    "init": "What must be set up? Writes a commented whyspend.toml.",
    "doctor": "What is set up, what is missing, and what to do?",
    "pull": "Bring calls in from a source: incremental, resumable.",
    "verify": "What do the newest runs carry, and what is made of each? Stores nothing.",
    "ledger": "What is stored, is it whole, can it be smaller?",
    "prices": "What does a token cost, since when, says who?",
    "daily": "Every morning: pull, report, budgets, and tell who must know.",
    "digest": "The week on one page: spent, why, budgets, month end, what to do. Sends it, too.",
    "serve": "See it in a browser; and collect what applications trace, without an account.",
    "alerts": "Does every channel work? Sends a sample to each.",
    "close": "Freeze the prices of a month: its report stays the same to the last digit.",
    "reopen": "Price a closed month with today's prices again.",
    "completion": "Print the completion script for bash, zsh or fish.",
}
"""Commands with a file of their own in this folder, and the line that `--help` shows; every report is one more."""

EXIT_CODES = {"SourceError": 3}
"""By class of error; every other error of ours is bad usage, configuration or input: 2."""

INTERRUPTED = 130
STOPPED = "interrupted. What was published before stays, and is whole."

ADVICE = {
    0: "Check that it exists, and who may use it.",
    errno.ENOSPC: "Make room, and run the command again.",
}
"""What to do about an error of the operating system."""


class Commands(click.Group):
    """Commands that are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing any."""
        return [*BUILT_IN, *registry.names("reports")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name in BUILT_IN:
            found: click.Command = import_module(f"whyspend.cli.{cmd_name}").command
            return found
        if cmd_name in registry.names("reports"):
            made: click.Command = import_module("whyspend.cli.reports").command_of(cmd_name)
            return made
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest known name for one that does not exist."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from whyspend.errors import UsageError, nearest

            known = self.list_commands(ctx)
            raise UsageError(
                f"There is no command '{args[0][:40]}'.{nearest(args[0], known)} There is: {', '.join(known)}."
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, read without importing it."""
        with formatter.section("Set up and bring in"):
            formatter.write_dl(list(BUILT_IN.items()))
        with formatter.section("Questions"):
            formatter.write_dl(
                [(name, registry.question("reports", name)) for name in registry.names("reports")]
            )


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: whyspend demo. Exit codes: 0 done, 1 a gate failed, 2 bad usage, configuration or input, "
    "3 a source could not be reached, 130 interrupted.",
)
@click.version_option(__version__, prog_name="whyspend")
def cli() -> None:
    """Why did the LLM bill grow? Cost by feature, customer and model, exact to the last digit."""


def main() -> None:
    """Run a command and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run a command line; returns the exit code. Every error a user can meet is one line on stderr."""
    from whyspend.errors import WhyspendError

    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding does not have is shown as its escape.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _invoked(args)
        sys.stdout.flush()
    except WhyspendError as error:
        return _failed(str(error), EXIT_CODES.get(type(error).__name__, 2))
    except click.ClickException as error:
        return _refused(error)
    except (KeyboardInterrupt, click.Abort):
        return _failed(STOPPED, INTERRUPTED)
    except RuntimeError as error:
        # So DuckDB reports Ctrl-C during a query.
        if "interrupted" not in str(error).lower():
            raise
        return _failed(STOPPED, INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more to say, not even at exit.
        let_go_of_stdout()
        return 0
    except OSError as error:
        let_go_of_stdout()
        named = f"{error.filename}: " if error.filename else ""
        return _failed(f"{named}{error.strerror or error}. {ADVICE.get(error.errno or 0, ADVICE[0])}", 2)
    return code


def _open_closed_streams() -> None:
    """Where a shell closed stdout or stderr (`>&-`), what is written there goes nowhere.

    The first file that is opened would take their number, and what was meant for a screen would go into it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", closefd=False))


def _invoked(args: list[str]) -> int:
    """What click does in `main`, but it would turn a reader that went away into exit code 1: a failed gate."""
    if instruction := os.environ.get("_WHYSPEND_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "whyspend", "_WHYSPEND_COMPLETE", instruction)
    try:
        with cli.make_context("whyspend", args or ["--help"]) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return code if isinstance(code, int) else 0


def _refused(error: click.ClickException) -> int:
    """Bad usage, with where to read how it goes; a group without a command shows its help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if type(error).__name__ == "NoArgsIsHelpError":
        click.echo(error.format_message())
        return 0
    advice = f" See: {context.command_path} --help." if context else ""
    return _failed(f"{error.format_message()}{advice}", 2)


def let_go_of_stdout() -> None:
    """After an error: what cannot be written there must not be tried again, by a next step or at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(message: str, code: int) -> int:
    line = " ".join(message.split())
    safe = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
    click.echo(f"whyspend: {safe}", err=True)
    return code
