"""A command for each sheet: its options are the keyword-only parameters of the sheet's `run`."""

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from whyspend import registry
from whyspend.cli.common import (
    destination,
    output_option,
    place_options,
    terminal_width,
    typed,
    workspace,
    write,
)
from whyspend.cli.reports import option_of
from whyspend.formats._sheet import lines_of
from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Sheet
from whyspend.workspace import Workspace, sheets
from whyspend.workspace.questions import SHARED, Option, shell_line
from whyspend.workspace.sheet_questions import argument_of, asked, options_of
from whyspend.workspace.writing import needs_engine, refuse_unless_able


def command_of(
    name: str,
    before: Callable[[Workspace], None] = lambda _: None,
    code: Callable[[Sheet], int] = lambda _: 0,
) -> click.Command:
    """Build the command of a sheet.

    Args:
        name: of the sheet, which are the words of the command.
        before: what is said first, on stderr.
        code: the exit code that an answer means.
    """

    @click.command(name.split()[-1], help=_help(name))
    @format_option()
    @output_option
    @place_options
    def command(form: str, output: Path | None, config: Path | None, ledger: str | None, **told: Any) -> int:
        refuse_unless_able(form, Sheet)
        place, target = workspace(config, ledger), destination(form, output, append=False)
        before(place)
        question = asked(name, **told)
        found = question.ask(place)
        line = shell_line(["whyspend", *question.arguments(typed(config, ledger), found.window)])
        write(found, form, target, False, place.engine if needs_engine(form, Sheet) else None, line)
        sys.stdout.flush()
        return code(found)

    command.params = [*(_parameter(name, each) for each in options_of(name)), *command.params]
    return command


def format_option(*formats: str) -> Callable[[Any], Any]:
    """`--format`; text unless another is given."""
    return click.option(
        "--format",
        "form",
        default="text",
        show_default=True,
        type=click.Choice(formats or registry.names("formats")),
        help="How to write it.",
    )


def as_text(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]]) -> str:
    """Aligned columns, as wide as the terminal."""
    return "".join(f"{line}\n" for line in lines_of(columns, rows, terminal_width()))


def _parameter(name: str, told: Option) -> click.Parameter:
    if told.name == argument_of(name):
        return click.Argument([told.name], metavar=sheets.load(name).ARGUMENT[1])
    if told.name in SHARED:
        flag = f"--{told.word}"
        return click.Option([flag], multiple=told.is_list, default=told.default, help=told.text)
    return option_of(told)


def _help(name: str) -> str:
    """What the sheet says of itself, above its Args."""
    return (inspect.getdoc(sheets.load(name).run) or "").partition("\n\nArgs:")[0]
