"""A command for each report: its options are the keyword-only parameters of the report's `run`."""

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from whyspend import registry
from whyspend.cli.common import (
    asked_again,
    destination,
    is_for_terminal,
    output_option,
    place_options,
    window_options,
    workspace,
    write,
)
from whyspend.workspace.questions import SHARED, THEN, Option, basis, options_in, purpose
from whyspend.workspace.writing import has_pictures

MORE = {name: f"whyspend.cli.{name}" for name in ("budgets", "coverage", "reconcile", "whatif")}
"""Reports whose command does more than answer: where its OPTIONS are, and `answered`, which asks, and says what to do
once the answer is written."""


OF_OTHER_DAYS = {"reconcile"}
"""Reports that answer for the days of a bill, where no others are asked for."""


def command_of(name: str) -> click.Command:
    """Build the command of a report."""
    report = registry.load("reports", name)
    more = import_module(MORE[name]) if name in MORE else None

    @click.command(name, help=_help(report))
    @window_options
    @click.option("--where", multiple=True, help=SHARED["where"])
    @click.option("--prices", default=THEN, show_default=True, help=SHARED["prices"])
    @click.option(
        "--format",
        default="text",
        show_default=True,
        type=click.Choice(registry.names("formats")),
        help="How to write it.",
    )
    @output_option
    @click.option("--append", is_flag=True, help="Add to the CSV file of -o, under its one header.")
    @place_options
    def command(**given: Any) -> int:
        place = workspace(given.pop("config"), given.pop("ledger"))
        asked = place.window(given.pop("since"), given.pop("until"), given.pop("timezone"))
        form, append = given.pop("format"), given.pop("append")
        output = destination(form, given.pop("output"), append)
        ask = partial(
            place.ask,
            name,
            asked,
            where=given.pop("where"),
            basis=basis(given.pop("prices"), place.now),
            for_terminal=is_for_terminal(form, output),
            pictures=has_pictures(form),
        )
        options = {key: value for key, value in given.items() if value is not None}
        answer, finish = more.answered(place, ask, options) if more else (ask(**options), _done)
        try:
            days = answer.window if name in OF_OTHER_DAYS else asked
            write(answer, form, output, append, place.engine, asked_again(days))
            sys.stdout.flush()
        except OSError:
            finish()  # a full disk, or a reader that went away, is no reason to tell nobody
            raise
        return finish()

    command.params = [*_with(_own(report), more.OPTIONS if more else ()), *command.params]
    return command


def _done() -> int:
    return 0


def _with(own: list[click.Option], more: Sequence[click.Parameter]) -> list[click.Parameter]:
    """The options of a report, those that its file beside this one says otherwise in their place."""
    named: dict[str | None, click.Parameter] = {option.name: option for option in more}
    return [named.pop(option.name, option) for option in own] + list(named.values())


def _own(report: ModuleType) -> list[click.Option]:
    """One option for each thing that a report can be told."""
    return [option_of(each) for each in options_in(report)]


def option_of(told: Option) -> click.Option:
    """The option of a command for something that a report can be told."""
    flag, text = f"--{told.word}", told.text
    if told.kind is bool:
        return click.Option([flag, told.name], is_flag=True, default=told.default, help=text)
    if told.is_list:
        said = f"{text} Default: {','.join(told.default)}." if told.default else text
        return click.Option([flag, told.name], help=said, multiple=True, callback=_listed)
    return click.Option(
        [flag, told.name],
        type=told.kind,
        default=told.default,
        show_default=told.default != "",
        help=text,
    )


def _listed(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """`a,b`, and what is said by another option of the name, as ("a", "b"); None where it was not given."""
    if not given:
        return None
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())


def _help(report: ModuleType) -> str:
    question = (report.__doc__ or "").strip().split("\n")[0]
    return f"{question}\n\n{purpose(report)}"
