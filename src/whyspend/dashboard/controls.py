"""The form of a question: a control for each thing that its report can be told, with what it is told now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from whyspend.dashboard.links import address, every_line
from whyspend.workspace.keys import BUILT_IN
from whyspend.workspace.questions import SHARED, THEN, Option, Question, options_of

PRICES = (THEN, "now", "recorded")

PRESETS = (("7 days", "7d"), ("30 days", "30d"), ("3 months", "3m"))
"""Windows that are one click away."""

SINCE = "7d"
"""The first day of a question that does not say."""

_RARE = frozenset(
    {"top", "driver", "show-requests", "include-muted", "backtest", "variants", "suggest", "try", "budgets", "recorded",
     "tolerance", "timezone"}
)  # fmt: skip
"""Controls that stand behind one more click, unless they are told something: what most do not ask for."""

_KEYS = ("by", "each", "dimension")
"""Options whose values are names of keys."""


@dataclass(frozen=True)
class Control:
    """One field of a form."""

    name: str
    kind: str
    """text, number or checkbox."""
    value: str
    text: str
    """What it is for."""
    choices: str = ""
    """The list of values that are likely: keys, prices."""
    hint: str = ""
    """What holds where it is empty."""

    @property
    def is_rare(self) -> bool:
        """Whether most do not ask for it."""
        return self.name in _RARE


@dataclass(frozen=True)
class Filter:
    """A filter that is told."""

    text: str
    without: str
    """The address of the same question without it."""


@dataclass(frozen=True)
class Controls:
    """All fields of a form."""

    days: tuple[Control, ...]
    own: tuple[Control, ...]
    """Those of the report."""
    where: tuple[Filter, ...]
    presets: tuple[tuple[str, str, bool], ...]
    """(words, address, whether it is what is shown)."""
    keys: tuple[str, ...]
    prices: tuple[str, ...] = PRICES

    @property
    def common(self) -> list[Control]:
        """Those that many ask for."""
        return [each for each in (*self.own, *self.days) if not each.is_rare]

    @property
    def rare(self) -> list[Control]:
        """The others."""
        return [each for each in (*self.own, *self.days) if each.is_rare]


def controls(question: Question, dimensions: Sequence[str]) -> Controls:
    """The form of a question."""
    days = (
        Control("since", "text", question.since, SHARED["since"], hint=SINCE),
        Control("until", "text", question.until, SHARED["until"], hint="today"),
        Control(
            "prices",
            "text",
            question.prices if question.prices != THEN else "",
            SHARED["prices"],
            "prices",
            THEN,
        ),
        Control("timezone", "text", question.timezone, SHARED["timezone"], hint="configured"),
    )
    return Controls(
        days,
        tuple(_control(option, question) for option in options_of(question.report)),
        tuple(map(partial(_filter, question), question.where)),
        presets(question),
        (*dimensions, *BUILT_IN),
    )


def presets(question: Question, of: str = "") -> tuple[tuple[str, str, bool], ...]:
    """The windows that are one click away; `of` is what its page is called where it is not the report's."""
    anew = every_line(question)
    made = ((words, since, replace(anew, since=since, until="")) for words, since in PRESETS)
    return tuple(
        (
            words,
            of + address(asked).removeprefix(f"/reports/{question.report}") if of else address(asked),
            (question.since or SINCE) == since and not question.until,
        )
        for words, since, asked in made
    )


def _filter(question: Question, text: str) -> Filter:
    kept = tuple(each for each in question.where if each != text)
    return Filter(text, address(replace(every_line(question), where=kept)))


def _control(option: Option, question: Question) -> Control:
    told = question.told(option.name)
    choices = "keys" if option.name in _KEYS else ""
    if option.kind is bool:
        held = option.default if told is None else told
        return Control(option.word, "checkbox", "yes" if held else "", option.text)
    default = ",".join(option.default) if option.is_list else str(option.default)
    value = "" if told is None else ",".join(told) if option.is_list else str(told)
    kind = "number" if option.kind is int else "text"
    # 0 is none chosen, and with `top` all.
    hint = {"top": "all"}.get(option.word, "") if default == "0" else default
    return Control(option.word, kind, value, option.text, choices, hint)
