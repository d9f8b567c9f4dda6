"""What a file can get wrong although every value has the right type: a place and a message for each."""

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from itertools import chain

from whyspend import registry
from whyspend.attribution import alias_faults, dimension_fault, faults
from whyspend.config import channels, collector, planned, spikes
from whyspend.config.lines import Place
from whyspend.config.model import Settings
from whyspend.errors import nearest
from whyspend.model import COLUMNS
from whyspend.pricing import discounts, entries, quotas
from whyspend.reports.budgets import entries as budgets

Fault = tuple[Place, str]

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_PLAIN = "Use at most 64 letters, digits, '_' and '-', the first a letter or '_'."
_OTHER_KEY = "Tag the runs with a metadata key of another name."
_ANSWER_COLUMNS = (
    *("day", "hour", "week", "month", "model", "since", "until"),
    *("calls", "requests", "cost_usd", "unpriced_calls", "share", "change_usd", "series", "url"),
    *("list_cost_usd", "p50_usd", "p95_usd", "p99_usd", "highest_usd"),
)
"""Columns of answers and words of `--by` that are no columns of the ledger."""

_NOT_ZONES = re.compile(r"localtime|posixrules|Factory|(right|posix)/.*")
"""Files beside the time zones that Python opens like one, and that no engine knows."""

_SECRET = re.compile(r"key|token|secret|password|credential|authorization")

_LONGEST_PAUSE = 10_000
"""Hours between two reminders: more than a year."""

_SECRET_ADDRESSES = ("slack", "apprise")
"""Types of channel whose address opens the door to whoever knows it."""


def setting_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what cannot be used, in the order of the keys."""
    return chain(
        _timezone_faults(settings.timezone),
        _ledger_faults(settings.ledger),
        _dimension_faults(settings.dimensions),
        _source_faults(settings),
        _alias_faults(settings),
        _rule_faults(settings),
        _price_faults(settings),
        _budget_faults(settings),
        _channel_faults(settings),
        ((("spikes", *place), message) for place, message in spikes.faults(settings.spikes)),
        _planned_faults(settings),
        _collector_faults(settings),
    )


def nul_faults(value: object, place: Place = ()) -> Iterator[Fault]:
    """Yield every key and text that holds NUL: it would end a path or an SQL statement early."""
    if isinstance(value, str) and "\0" in value:
        yield place, "this text holds a NUL character. Take it out."
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from nul_faults(key, (*place, key))
            yield from nul_faults(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nul_faults(item, (*place, index))


def literal_secrets(settings: Settings) -> Iterator[Fault]:
    """Yield every key of an account that is written out in the file, never with its value."""
    held = [("sources", "source", settings.sources), ("alerts", "channel", settings.alerts)]
    for section, noun, named in held:
        for name, options in named.items():
            for key, value in options.items():
                if _is_secret(key, options) and any(map(_written_out, _items(value))):
                    message = (
                        f"{key} of {noun} {name!r} is written out, so whoever reads the file can use it. "
                        f'Put it into an environment variable and write {key} = "env:NAME".'
                    )
                    yield (section, name, key), message


def _is_secret(key: str, options: Mapping[str, object]) -> bool:
    if key == "url":
        return options.get("type") in _SECRET_ADDRESSES
    return bool(_SECRET.search(key)) and not key.startswith("public")


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _written_out(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not value.startswith("env:")


def _timezone_faults(name: str) -> Iterator[Fault]:
    if name == "UTC":
        return
    try:
        zoneinfo.ZoneInfo(name)
        known = not _NOT_ZONES.fullmatch(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        zones = zoneinfo.available_timezones()
        hint = nearest(name, sorted(zones)) or " Use an IANA name, such as Europe/Berlin or UTC."
        none = " This machine has no time zone data: install the Python package tzdata."
        yield ("timezone",), f"{name!r} is not a time zone.{hint if zones else none}"


def _ledger_faults(ledger: str) -> Iterator[Fault]:
    if not ledger.strip():
        yield ("ledger",), "'ledger' is empty. Name a folder, such as .whyspend."


def _dimension_faults(dimensions: tuple[str, ...]) -> Iterator[Fault]:
    # Engines do not tell columns apart by case.
    taken = {name.casefold() for name in (*_ANSWER_COLUMNS, *(column.name for column in COLUMNS))}
    for index, name in enumerate(dimensions):
        columns = {name.casefold(), f"{name}_from".casefold()}
        if not _PLAIN_NAME.fullmatch(name):
            yield ("dimensions", index), f"{name!r} cannot be a dimension. {_PLAIN}"
        elif columns & taken:
            yield ("dimensions", index), f"the dimension {name!r} clashes with another column. {_OTHER_KEY}"
        taken |= columns


def _source_faults(settings: Settings) -> Iterator[Fault]:
    known = registry.names("sources") if settings.sources else []
    there_is = f"There is: {', '.join(known)}."
    for name, options in settings.sources.items():
        kind = options.get("type")
        if not _PLAIN_NAME.fullmatch(name):
            yield ("sources", name), f"{name!r} cannot be the name of a source. {_PLAIN}"
        elif kind is None:
            yield ("sources", name), f"source {name!r} needs a type. {there_is}"
        elif not isinstance(kind, str):
            yield ("sources", name, "type"), f"the type of source {name!r} must be a text. {there_is}"
        elif kind not in known:
            hint = nearest(kind, known)
            yield ("sources", name, "type"), f"{kind!r} is not a type of source.{hint} {there_is}"


def _alias_faults(settings: Settings) -> Iterator[Fault]:
    for dimension, spellings in settings.aliases.items():
        if unknown := dimension_fault(dimension, settings.dimensions):
            yield ("aliases", dimension), unknown
        for spelling, message in alias_faults(spellings):
            yield ("aliases", dimension, spelling), message


def _rule_faults(settings: Settings) -> Iterator[Fault]:
    for index, rule in enumerate(settings.attribution):
        for place, message in faults(rule, settings.dimensions):
            yield ("attribution", index, *place), message


def _price_faults(settings: Settings) -> Iterator[Fault]:
    for number, place, message in entries.list_faults(settings.prices):
        named = entries.label(number, settings.prices[number - 1])
        yield ("prices", number - 1, *place), f"{named}: {message}"
    for number, discount in enumerate(settings.discounts, 1):
        for where, message in discounts.faults(discount, settings.dimensions):
            yield ("discounts", number - 1, *where), f"{discount.label(number)}: {message}"
    for number, quota in enumerate(settings.free_quotas, 1):
        for where, message in quotas.faults(quota):
            yield ("free_quotas", number - 1, *where), f"{quota.label(number)}: {message}"


def _budget_faults(settings: Settings) -> Iterator[Fault]:
    for number, place, message in budgets.list_faults(settings.budgets):
        yield ("budgets", number - 1, *place), f"{settings.budgets[number - 1].label(number)}: {message}"


def _planned_faults(settings: Settings) -> Iterator[Fault]:
    for number, place, message in planned.list_faults(settings.planned):
        yield ("planned", number - 1, *place), f"{settings.planned[number - 1].label(number)}: {message}"


def _collector_faults(settings: Settings) -> Iterator[Fault]:
    for place, message in collector.faults(settings.collector, settings.sources):
        yield ("collector", *place), message


def _channel_faults(settings: Settings) -> Iterator[Fault]:
    known = registry.names("alerts") if settings.alerts else []
    there_is = f"There is: {', '.join(known)}."
    for name, options in settings.alerts.items():
        place: Place = ("alerts", name)
        kind = options.get("type")
        if not _PLAIN_NAME.fullmatch(name):
            yield place, f"{name!r} cannot be the name of a channel. {_PLAIN}"
        elif kind is None:
            yield place, f"channel {name!r} needs a type. {there_is}"
        elif not isinstance(kind, str) or kind not in known:
            hint = nearest(kind, known) if isinstance(kind, str) else ""
            yield (*place, "type"), f"{kind!r} is not a type of channel.{hint} {there_is}"
        else:
            yield from _channel_key_faults(name, options)


def _channel_key_faults(name: str, options: Mapping[str, object]) -> Iterator[Fault]:
    only = options.get("only", [])
    if not isinstance(only, list) or not all(isinstance(kind, str) for kind in only):
        yield ("alerts", name, "only"), f'only of channel {name!r} must be a list: ["over_budget", "spike"].'
    else:
        for kind in (kind for kind in only if kind not in channels.KINDS):
            hint = nearest(kind, channels.KINDS) or f" There is: {', '.join(channels.KINDS)}."
            yield ("alerts", name, "only"), f"{kind!r} is not a kind of alert.{hint}"
    hours = options.get("remind_hours", 0)
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 <= hours <= _LONGEST_PAUSE:
        message = f"remind_hours of channel {name!r} must be a whole number of hours; 0 is never."
        yield ("alerts", name, "remind_hours"), message
