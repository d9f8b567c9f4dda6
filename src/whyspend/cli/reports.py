"""A command for each report: its options are the keyword-only parameters of the report's `run`."""

import inspect
import re
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import click

from whyspend import registry
from whyspend.cli.common import (
    basis,
    destination,
    is_for_terminal,
    place_options,
    window_options,
    workspace,
    write,
)

MORE = {name: f"whyspend.cli.{name}" for name in ("budgets", "coverage", "reconcile", "whatif")}
"""Reports whose command does more than answer: where its OPTIONS are, and `answered`, which asks, and says what to do
once the answer is written."""


def command_of(name: str) -> click.Command:
    """Build the command of a report."""
    report = registry.load("reports", name)
    more = import_module(MORE[name]) if name in MORE else None

    @click.command(name, help=_help(report))
    @window_options
    @click.option(
        "--where",
        multiple=True,
        help="Only calls with key=value, key!=value or key=glob*; feature=untagged finds those without. Repeatable.",
    )
    @click.option(
        "--prices",
        default="then",
        show_default=True,
        help="At the prices of: then (when each call was made), now, a day (2026-11-01); or as recorded by the "
        "source.",
    )
    @click.option(
        "--format",
        default="text",
        show_default=True,
        type=click.Choice(registry.names("formats")),
        help="How to write it.",
    )
    @click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="Write to this file, whole or not at all; - is stdout.",
    )
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
            basis=basis(given.pop("prices")),
            for_terminal=is_for_terminal(form, output),
        )
        options = {key: value for key, value in given.items() if value is not None}
        answer, finish = more.answered(place, ask, options) if more else (ask(**options), _done)
        try:
            write(answer, form, output, append, place.engine)
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
    """One option for each keyword-only parameter of `run`; its help is the line in the docstring's Args."""
    hints = get_type_hints(report.run)
    lines = _arguments(inspect.getdoc(report.run) or "")
    return [
        _option(name, hints[name], parameter.default, lines.get(name, ""))
        for name, parameter in inspect.signature(report.run).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def _option(name: str, kind: Any, default: Any, text: str) -> click.Option:
    flag = f"--{name.rstrip('_').replace('_', '-')}"  # `try_`, for `try` is a word of Python
    if kind is bool:
        return click.Option([flag, name], is_flag=True, default=default, help=text)
    if kind == tuple[str, ...]:
        said = f"{text} Default: {','.join(default)}." if default else text
        return click.Option([flag, name], help=said, callback=_listed)
    return click.Option([flag, name], type=kind, default=default, show_default=default != "", help=text)


def _listed(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """`a,b` as ("a", "b"); None where the option was not given."""
    if value is None:
        return None
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _arguments(doc: str) -> dict[str, str]:
    """The lines of an Args section, by name."""
    _, _, section = doc.partition("Args:\n")
    pairs = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in pairs}


def _help(report: ModuleType) -> str:
    question = (report.__doc__ or "").strip().split("\n")[0]
    purpose, _, _ = (inspect.getdoc(report.run) or "").partition("\n\n")
    return f"{question}\n\n{purpose}"
