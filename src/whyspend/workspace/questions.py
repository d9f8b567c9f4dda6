"""A question as text: the command line that asks it, the query of an address that asks it, and back again.

What a report can be told follows from the keyword-only parameters of its `run`; what every report can be told
(days, filters, prices) stands here. The commands, the pages and the JSON endpoints all read it from here, so that
the same words mean the same answer everywhere.
"""

import inspect
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, get_type_hints

from whyspend import registry
from whyspend.errors import UsageError, nearest
from whyspend.model import Table, Window
from whyspend.pricing.plan import Basis
from whyspend.workspace import Workspace
from whyspend.workspace.windows import micros

WITHOUT_NETWORK: Mapping[str, tuple[str, ...]] = {"reconcile": ("--recorded",)}
"""What a command must add to give the answer that a report gives from the ledger alone."""

SHARED = {
    "since": "First day: 2026-11-01, 7d, 2w, 3m, yesterday. Default: 7d (and today).",
    "until": "Last day, inclusive. Default: today.",
    "timezone": "IANA name in which days begin and end.",
    "where": "Only calls with key=value, key!=value or key=glob*; feature=untagged finds those without. Repeatable.",
    "prices": "At the prices of: then (when each call was made), now, a day (2026-11-01); or as recorded by the "
    "source.",
}
"""What every report can be told, in the order in which people say it."""

THEN = "then"

_YES, _NO = ("yes", "true", "1", "on"), ("", "no", "false", "0", "off")


@dataclass(frozen=True)
class Option:
    """What a report can be told: one keyword-only parameter of its `run`."""

    name: str
    """As `run` has it; `try_`, for `try` is a word of Python."""
    kind: Any
    """bool, int, float, str, or tuple[str, ...]."""
    default: Any
    text: str
    """What it is for."""

    @property
    def word(self) -> str:
        """As people write it: `cache-hit`, `try`."""
        return self.name.rstrip("_").replace("_", "-")

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return bool(self.kind == tuple[str, ...])


@dataclass(frozen=True)
class Question:
    """One question about the ledger, in the words of whoever asks."""

    report: str
    since: str = ""
    until: str = ""
    timezone: str = ""
    where: tuple[str, ...] = ()
    prices: str = THEN
    options: tuple[tuple[str, Any], ...] = ()
    """(parameter of `run`, value), in the order of the parameters, without those that are as by default."""

    def ask(self, place: Workspace, **more: Any) -> Table:
        """The answer; `more` goes to Workspace.ask.

        Raises:
            WhyspendError: what the question, the configuration or the ledger has wrong.
        """
        return place.ask(
            self.report,
            place.window(self.since, self.until, self.timezone),
            where=self.where,
            basis=basis(self.prices, place.now),
            **dict(self.options),
            **more,
        )

    @property
    def has_days(self) -> bool:
        """Every report is about some days."""
        return True

    def told(self, name: str) -> Any:
        """The value of an option; None where it is as by default."""
        return dict(self.options).get(name)

    def of(self, report: str, **changed: Any) -> "Question":
        """The plain question of another report, of the same days, filters and prices."""
        return replace(self, report=report, options=(), **changed)

    def with_options(self, **changed: Any) -> "Question":
        """The same question told otherwise; None takes an option back."""
        held = {**dict(self.options), **changed}
        kept = ((option, held[option.name]) for option in options_of(self.report) if option.name in held)
        changes = ((o.name, value) for o, value in kept if value is not None and value != o.default)
        return replace(self, options=tuple(changes))

    def pairs(self) -> list[tuple[str, str]]:
        """The query of its address: what `of_pairs` reads as the same question."""
        shared = [("since", self.since), ("until", self.until), ("timezone", self.timezone)]
        found = [pair for pair in shared if pair[1]] + [("where", text) for text in self.where]
        if self.prices != THEN:
            found.append(("prices", self.prices))
        words = {option.name: option for option in options_of(self.report)}
        return found + [(words[name].word, written(words[name], value)) for name, value in self.options]

    def arguments(self, typed: Iterable[str] = (), window: Window | None = None) -> list[str]:
        """The arguments of `whyspend` that ask it, in the order of the command's help.

        Args:
            typed: options of the command that are no part of the question: `--config FILE`, `--ledger FOLDER`.
            window: says the days as dates, so that the line gives the same answer tomorrow.
        """
        since, until = (str(window.since), str(window.until)) if window else (self.since, self.until)
        found = [self.report]
        for option in options_of(self.report):
            value = self.told(option.name)
            if value is True:
                found.append(f"--{option.word}")
            elif option.is_list and value is not None and option.name != "by":
                found += [part for each in value for part in flag(option.word, each)]
            elif value is not None:
                found += flag(option.word, written(option, value))
        found += [flag for flag in WITHOUT_NETWORK.get(self.report, ()) if flag not in found]
        found += flag("timezone", self.timezone) if self.timezone else []
        found += [part for text in self.where for part in flag("where", text)]
        found += flag("prices", self.prices) if self.prices != THEN else []
        days = (("since", since), ("until", until))
        return [*found, *typed, *(part for name, value in days if value for part in flag(name, value))]


def options_of(report: str) -> tuple[Option, ...]:
    """What a report can be told. Imports it.

    Raises:
        UsageError: there is no such report.
    """
    return options_in(registry.load("reports", report))


def options_in(report: ModuleType) -> tuple[Option, ...]:
    """What a report can be told: the name, type and default of each parameter, and its line in the docstring's Args."""
    hints = get_type_hints(report.run)
    lines = _arguments(inspect.getdoc(report.run) or "")
    return tuple(
        Option(name, hints[name], parameter.default, lines.get(name) or SHARED.get(name, ""))
        for name, parameter in inspect.signature(report.run).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    )


def purpose(report: ModuleType) -> str:
    """What a report says of itself, above its Args."""
    return (inspect.getdoc(report.run) or "").partition("\n\n")[0]


def of_pairs(report: str, pairs: Iterable[tuple[str, str]]) -> Question:
    """Read a question from the query of an address. A value that is empty counts as not given.

    Raises:
        UsageError: no such report, a word that it does not know, or a value of the wrong kind.
    """
    words = {option.word: option for option in options_of(report)}
    shared: dict[str, str] = {}
    where: list[str] = []
    told: dict[str, Any] = {}
    for word, text in pairs:
        if word == "where":
            where += [text] if text.strip() else []
        elif word in words:
            told |= read(words[word], text, told)
        elif word in SHARED:
            shared |= {word: text.strip()} if text.strip() else {}
        else:
            known = [*SHARED, *words]
            raise UsageError(
                f"{report} cannot be told '{word[:40]}'.{nearest(word, known)} There is: {', '.join(known)}."
            )
    since, until, timezone = (shared.get(name, "") for name in ("since", "until", "timezone"))
    asked = Question(report, since, until, timezone, tuple(where), shared.get("prices", THEN))
    return asked.with_options(**told)


def basis(prices: str, now: datetime) -> Basis:
    """What `--prices` means at a moment.

    Raises:
        UsageError: none of then, now, recorded and a day.
    """
    if prices in (THEN, "recorded"):
        return Basis("then" if prices == THEN else "recorded")
    if prices == "now":
        return Basis("at", micros(now))
    try:
        day = date.fromisoformat(prices)
    except ValueError:
        raise UsageError(
            f"--prices cannot be '{prices}'. Give then, now, recorded, or a day (2026-11-01)."
        ) from None
    return Basis("at", micros(datetime(day.year, day.month, day.day, tzinfo=UTC)))


def shell_line(arguments: Iterable[str]) -> str:
    r"""A command line that bash and zsh read as these arguments. What would act on a terminal is written `$'\x1b'`."""
    return " ".join(map(_quoted, arguments))


def _quoted(argument: str) -> str:
    if argument.isprintable():
        return shlex.quote(argument)
    shown = "".join(map(_sign, argument))
    return f"$'{shown}'"


def _sign(sign: str) -> str:
    if sign in "\\'":
        return f"\\{sign}"
    return sign if sign.isprintable() else "".join(f"\\x{byte:02x}" for byte in sign.encode())


def flag(word: str, value: str) -> list[str]:
    """An option and its value; in one word where the value could be taken for an option."""
    return [f"--{word}={value}"] if value.startswith("-") else [f"--{word}", value]


def written(option: Option, value: Any) -> str:
    """A value as the query of an address and a command line have it."""
    if value is True or value is False:
        return "yes" if value else "no"
    return ",".join(value) if option.is_list else str(value)


def read(option: Option, text: str, told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an option is told by a text, and was told before where it takes several; nothing for an empty text."""
    if option.is_list:
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        if parts:
            yield option.name, (*told.get(option.name, ()), *parts)
    elif option.kind is bool:
        yield option.name, _is_yes(option, text)
    elif text.strip():
        yield option.name, _converted(option, text.strip())


def _is_yes(option: Option, text: str) -> bool:
    said = text.strip().lower()
    if said not in (*_YES, *_NO):
        raise UsageError(f"--{option.word} cannot be '{text[:40]}'. Give yes or no.")
    return said in _YES


def _converted(option: Option, text: str) -> Any:
    try:
        return option.kind(text)
    except ValueError:
        what = "a whole number" if option.kind is int else "a number"
        raise UsageError(f"--{option.word} cannot be '{text[:40]}'. Give {what}.") from None


def _arguments(doc: str) -> dict[str, str]:
    """The lines of an Args section, by name."""
    _, _, section = doc.partition("Args:\n")
    pairs = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in pairs}
