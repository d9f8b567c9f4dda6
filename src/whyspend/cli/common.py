"""What commands share: where the configuration is, which days, and how an answer is written."""

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from whyspend import registry
from whyspend.config import find, load
from whyspend.errors import InputError, UsageError
from whyspend.ledger.lock import alone_with
from whyspend.model import Table, Window
from whyspend.workspace import Workspace
from whyspend.workspace.questions import SHARED, shell_line
from whyspend.workspace.writing import Written, render

Command = TypeVar("Command", bound=Callable[..., Any])


def place_options(command: Command) -> Command:
    """`--config` and `--ledger`."""
    command = click.option("--ledger", help="Folder of the ledger, instead of the configured one.")(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="whyspend.toml; default: here or in the nearest parent.",
    )(command)


def typed(config: Path | None, ledger: str | None) -> list[str]:
    """What other commands must have so that they speak of the same ledger."""
    config_words = ["--config", f"{config}"] if config else []
    return config_words + (["--ledger", ledger] if ledger else [])


def output_option(command: Command) -> Command:
    """`-o`."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="Write to this file, whole or not at all; - is stdout.",
    )(command)


def window_options(command: Command) -> Command:
    """`--since`, `--until` and `--timezone`."""
    for name in ("timezone", "until", "since"):
        command = click.option(f"--{name}", default="", help=SHARED[name])(command)
    return command


def workspace(config: Path | None, ledger: str | None) -> Workspace:
    """The workspace of a command; warnings of the configuration go to stderr."""
    if config is not None and not config.is_file():
        raise UsageError(f"There is no file {config}. Write one with: whyspend init.")
    settings = load(config or find(Path.cwd()), os.environ)
    for warning in settings.warnings:
        click.echo(f"whyspend: {warning}", err=True)
    if ledger:
        settings = replace(settings, ledger=os.path.expanduser(ledger))  # noqa: PTH111  it may be an address
    return Workspace(settings)


def confirmed(yes: bool, question: str, otherwise: str) -> None:
    """Ask before the past is changed; comes back only if it may be.

    Raises:
        UsageError: the answer is no, or nobody can give one.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"This changes figures of the past, and nobody is here to agree. Nothing was changed: {otherwise}."
        )
    if not click.confirm(question, err=True):
        raise UsageError("Nothing was changed.")


def destination(name: str, output: Path | None, append: bool) -> Path | None:
    """Where an answer goes: a file, or stdout (None). Asked before the question is, which may take its time.

    Raises:
        UsageError: options that do not go together.
        InputError: a path that can be no file.
    """
    if output == Path("-"):
        output = None
    if append and (name != "csv" or output is None):
        raise UsageError("--append goes with --format csv and -o FILE.")
    if output is None:
        if name in ("parquet", "png") and sys.stdout.isatty():
            raise UsageError(
                f"{name.capitalize()} is not for a terminal. Give -o FILE, or send it into a pipe."
            )
        return None
    if output.is_dir():
        raise InputError(f"Cannot write {output}: it is a folder. Give a file as -o.")
    return output


def write(
    answer: Written, name: str, output: Path | None, append: bool, engine: object, command: str = ""
) -> None:
    """Write it to stdout or, whole or not at all, to a file; `command` is the line that asked."""
    if output is None:
        _render(answer, name, sys.stdout.buffer, engine, terminal=sys.stdout.isatty(), command=command)
        sys.stdout.buffer.flush()
        return
    body = io.BytesIO()
    try:
        target = output.resolve() if output.is_symlink() else output
        if append and isinstance(answer, Table):
            with alone_with(target):
                _appended(answer, name, target, body, engine)
                put_in_place(target, body.getvalue())
        else:
            _render(answer, name, body, engine, terminal=False, command=command)
            put_in_place(target, body.getvalue())
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        why = error.strerror if isinstance(error, OSError) else "its links lead to each other"
        raise InputError(f"Cannot write {output}: {why}. Give another path as -o.") from None


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_for_terminal(name: str, output: Path | None) -> bool:
    """Whether a person will look at the answer in a terminal."""
    return name == "text" and output is None and sys.stdout.isatty()


def asked_again(asked: Window) -> str:
    """The command line that is running, with its days as dates, so that it gives the same answer tomorrow.

    Without what says how the answer is written. None of our options holds a secret: those come from the environment.
    """
    context = click.get_current_context()
    words = context.command_path.split()
    ahead = {"since", "until", "format", "output", "append"}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in ahead or source is not click.core.ParameterSource.COMMANDLINE:
            continue
        words += _said_again(parameter, context.params[parameter.name or ""])
    return shell_line([*words, "--since", f"{asked.since}", "--until", f"{asked.until}"])


def _said_again(parameter: click.Parameter, value: Any) -> list[str]:
    values = [",".join(value)] if isinstance(value, tuple) and parameter.name == "by" else value
    texts = [str(each) for each in (values if isinstance(values, list | tuple) else [values])]
    if isinstance(parameter, click.Argument):
        return texts
    flag = parameter.opts[0]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [flag] if value else []
    return [word for text in texts for word in ([f"{flag}={text}"] if text.startswith("-") else [flag, text])]


def _appended(answer: Table, name: str, output: Path, body: BinaryIO, engine: object) -> None:
    """What the file holds, and the new rows below it, under one header and with the line ends of that header."""
    held = output.read_bytes() if output.exists() else b""
    news = io.BytesIO()
    _render(answer, name, news, engine, terminal=False, header=not held)
    rows = news.getvalue()
    if held:
        line_end = b"\r\n" if _same_header(answer, name, held, output).endswith(b"\r") else b"\n"
        body.write(held if held.endswith(b"\n") else held + line_end)
        rows = rows.replace(b"\n", line_end)  # no cell holds a line end: the format escapes them
    body.write(rows)


def _same_header(answer: Table, name: str, held: bytes, output: Path) -> bytes:
    """The first line of a file, which must be the header of the answer."""
    header: bytes = registry.load("formats", name).header_line(answer)
    line = held.split(b"\n", 1)[0]
    first = line.rstrip(b"\r").removeprefix(b"\xef\xbb\xbf")
    if first != header.rstrip(b"\n"):
        raise InputError(
            f"{output} has other columns ({first.decode('utf-8', 'replace')[:100]}). "
            "Append with the same --by as before, or write to a new file."
        )
    return line


def _render(
    answer: Written,
    name: str,
    out: BinaryIO,
    engine: object,
    *,
    terminal: bool,
    header: bool = True,
    command: str = "",
) -> None:
    """Call a format with what it can use of the terminal and of our options."""
    render(
        answer,
        name,
        out,
        width=terminal_width() if terminal else None,
        color=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        header=header,
        engine=engine,
        command=command,
    )


def put_in_place(output: Path, body: bytes) -> None:
    """Put a file in place in one step; a device or pipe is written to."""
    if output.exists() and not output.is_file():
        output.write_bytes(body)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        mode = output.stat().st_mode & 0o777 if output.exists() else 0o666 & ~_umask()
        temporary.chmod(mode)
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    held = os.umask(0)
    os.umask(held)
    return held
