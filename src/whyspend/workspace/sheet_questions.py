"""A question that a sheet answers, as text: the command line that asks it, and the query of an address."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from whyspend.errors import UsageError, nearest
from whyspend.model import Window
from whyspend.model.sheet import Sheet
from whyspend.workspace import Workspace, sheets
from whyspend.workspace.questions import Option, flag, options_in, read, written

_DAYS = ("since", "until")


@dataclass(frozen=True)
class SheetQuestion:
    """One question, in the words of whoever asks."""

    sheet: str
    """The words of its command: `prices list`."""
    options: tuple[tuple[str, Any], ...] = ()
    """(parameter of `run`, value), in the order of the parameters, without those that are as by default."""

    def ask(self, place: Workspace) -> Sheet:
        """The answer, with its pictures.

        Raises:
            WhyspendError: what the question, the configuration or the ledger has wrong.
        """
        found: Sheet = sheets.load(self.sheet).run(place, **dict(self.options))
        return found

    def told(self, name: str) -> Any:
        """The value of an option; None where it is as by default."""
        return dict(self.options).get(name)

    @property
    def has_days(self) -> bool:
        """Whether it is about some days."""
        return any(option.name == "since" for option in options_of(self.sheet))

    @property
    def reaches(self) -> bool:
        """Whether sources are asked for it, too: they may be slow."""
        offline: str = getattr(sheets.load(self.sheet), "OFFLINE", "")
        return bool(offline) and not self.told(offline)

    @property
    def since(self) -> str:
        """The first day, as it was said."""
        return self.told("since") or ""

    @property
    def until(self) -> str:
        """The last day, as it was said."""
        return self.told("until") or ""

    @property
    def timezone(self) -> str:
        """Where the days begin, as it was said."""
        return self.told("timezone") or ""

    def pairs(self) -> list[tuple[str, str]]:
        """The query of its address: what `of_pairs` reads as the same question."""
        return list(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        words = {option.name: option for option in options_of(self.sheet)}
        for name, value in self.options:
            if isinstance(value, tuple):
                yield from ((words[name].word, each) for each in value)
            else:
                yield words[name].word, written(words[name], value)

    def arguments(self, typed: Iterable[str] = (), window: Window | None = None) -> list[str]:
        """The arguments of `whyspend` that ask it, in the order of the command's help.

        Args:
            typed: options of the command that are no part of the question: `--config FILE`, `--ledger FOLDER`.
            window: says the days as dates, so that the line gives the same answer tomorrow.
        """
        argument = argument_of(self.sheet)
        found, days = self.sheet.split(), []
        last: list[str] = []
        for name, value in self.options:
            option = next(option for option in options_of(self.sheet) if option.name == name)
            if name in _DAYS:
                days += flag(option.word, value)
            elif name == argument:
                # What could be taken for an option stands behind all of them.
                (last if value.startswith("-") else found).append(value)
            elif value is True:
                found.append(f"--{option.word}")
            else:
                values = value if option.is_list else (value,)
                found += [part for each in values for part in flag(option.word, str(each))]
        if window is not None:
            days = [*flag("since", f"{window.since}"), *flag("until", f"{window.until}")]
        return [*found, *typed, *days, *(["--", *last] if last else [])]


def asked(sheet: str, **told: Any) -> SheetQuestion:
    """The question of a sheet that is told some things; what is None or as by default is left out.

    Raises:
        UsageError: there is no such sheet.
    """
    kept = ((option, told.get(option.name)) for option in options_of(sheet))
    return SheetQuestion(
        sheet, tuple((o.name, value) for o, value in kept if value is not None and value != o.default)
    )


def options_of(sheet: str) -> tuple[Option, ...]:
    """What it can be told. Imports it.

    Raises:
        UsageError: there is no such sheet.
    """
    return options_in(sheets.load(sheet))


def argument_of(sheet: str) -> str:
    """The option that its command takes without a name; empty: none."""
    name: str = getattr(sheets.load(sheet), "ARGUMENT", ("", ""))[0]
    return name


def of_pairs(sheet: str, pairs: Iterable[tuple[str, str]]) -> SheetQuestion:
    """Read a question from the query of an address. A value that is empty counts as not given.

    Raises:
        UsageError: no such sheet, a word that it does not know, or a value of the wrong kind.
    """
    words = {option.word: option for option in options_of(sheet)}
    told: dict[str, Any] = {}
    for word, text in pairs:
        if word not in words:
            known = f"There is: {', '.join(words)}." if words else "It takes nothing."
            raise UsageError(f"{sheet} cannot be told '{word[:40]}'.{nearest(word, words)} {known}")
        option = words[word]
        if option.is_list:  # a filter, in which a comma is a sign as any other
            told[option.name] = (*told.get(option.name, ()), *([text] if text.strip() else []))
        else:
            told |= read(option, text, told)
    return asked(sheet, **told)
