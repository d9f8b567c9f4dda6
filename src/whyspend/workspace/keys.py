"""What a person can group and filter by, as SQL over a ledger row."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from whyspend.errors import UsageError, nearest
from whyspend.model import Cell, Engine, Window
from whyspend.pricing.plan import DAY, TOOLS, split
from whyspend.workspace.windows import offsets, zone

HOUR = 3_600_000_000

UNTAGGED = "untagged"
"""How a missing value of a dimension or metadata key is shown; `--where feature=untagged` finds it."""

UNKNOWN = "unknown"
"""The same for a built-in key."""

COLUMNS = (
    "project", "name", "call_site", "root_name", "kind", "status", "release", "thread_id", "trace_id", "source",
)  # fmt: skip
TIMES = ("hour", "day", "week", "month")
BUILT_IN = ("model", "provider", *COLUMNS, *TIMES)

FIGURES = (
    "since", "until", "calls", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "cost_usd", "list_cost_usd", "unpriced_calls", "share", "change_usd", "series",
    "p50_usd", "p95_usd", "p99_usd", "highest_usd", "trace_id", "started_at", "url",
    "whatif_usd", "low_usd", "high_usd",
)  # fmt: skip
"""Columns of answers: a key of the same name could not be told from them."""

METADATA = "metadata."
"""Before a key that has the name of something else: `--by metadata.model`."""

MODEL = (
    f"CASE WHEN kind = 'tool' THEN '{TOOLS}' ELSE nullif(coalesce(model_answered, model_requested), '') END"
)
PROVIDER = f"CASE WHEN kind = 'tool' THEN '{TOOLS}' ELSE nullif(provider, '') END"

Cuts = Literal["no", "by rule", "by model", "yes"]
"""Whether a grouping can cut through a request: then requests are the distinct traces of each row. `by rule`: it
does so only together with a model, because the ledger did not know of the rules when it marked first calls."""


@dataclass(frozen=True)
class Key:
    """One thing to group by."""

    name: str
    expression: str
    """Over a ledger row; empty for model and provider, which follow from the price key."""
    cuts: Cuts
    unit: Literal["text", "date"] = "text"

    @property
    def column(self) -> str:
        """Its column in what Data keeps: a plain name that no other column has, whatever the key is called."""
        if not self.expression:
            return self.name
        return f"by_{self.name.encode('utf-8', 'surrogatepass').hex()}"

    @property
    def is_time(self) -> bool:
        """Whether it is a part of the calendar."""
        return self.name in TIMES


class Keys:
    """Turns names into Keys, for one question."""

    def __init__(self, engine: Engine, dimensions: Mapping[str, str], window: Window) -> None:
        """Take the SQL of each configured dimension's value, and the days that are asked about."""
        self._engine = engine
        self._dimensions = dimensions
        self._window = window

    def key(self, name: str) -> Key:
        """A dimension, a built-in key, or else any metadata key.

        Raises:
            UsageError: a name that can be none of them.
        """
        if name in self._dimensions:
            value = self._dimensions[name]
            return Key(name, value, "no" if value == self._engine.identifier(name) else "by rule")
        if name in ("model", "provider"):
            return Key(name, "", "by model" if name == "model" else "yes")
        if name in TIMES:
            return Key(name, self._time(name), "no", "date" if name != "hour" else "text")
        if name in COLUMNS:
            whole_trace = name in ("project", "root_name", "thread_id", "trace_id", "source")
            return Key(name, name, "no" if whole_trace else "yes")
        key = name.removeprefix(METADATA)
        if not re.fullmatch(r"[^\x00-\x1f,=!\ud800-\udfff]{1,128}", key):
            known = [*self._dimensions, *BUILT_IN]
            raise UsageError(
                f"Cannot group by '{name[:40]}'.{nearest(name, known)} There is: {', '.join(known)}, "
                "and any metadata key."
            )
        return Key(name, f"nullif({self._engine.json_text('metadata', key)}, '')", "yes")

    def is_known(self, name: str) -> bool:
        """Whether a name is more than a metadata key that may or may not occur."""
        return name in self._dimensions or name in BUILT_IN

    def nearest(self, name: str) -> str:
        """The dimension or built-in key that was probably meant."""
        return nearest(name, [*self._dimensions, *BUILT_IN])

    def condition(self, text: str, price_keys: Sequence[str]) -> tuple[str, Cuts]:
        """The SQL of one `--where`: `key=value`, `key!=value`, `key=glob*`; and whether it cuts through requests.

        Raises:
            UsageError: not of that form.
        """
        name, sign, value = _parts(text)
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise UsageError(f"The value of --where {name} is not UTF-8. Write it as UTF-8.")
        key = self.key(name)
        if key.is_time:
            raise UsageError(f"--where cannot filter by {name}. Use --since and --until for the days.")
        test = self._test(key, value) if key.expression else self._price_key_test(name, value, price_keys)
        return (f"NOT ({test})" if sign == "!=" else test), key.cuts

    def _test(self, key: Key, value: str) -> str:
        expression = key.expression
        if not value:
            return f"({expression}) IS NULL"
        if value == _missing(key.name, self._dimensions):
            # A value that is spelled like the sign for none cannot be told from it in an answer either.
            return f"coalesce({expression}, {self._engine.literal(value)}) = {self._engine.literal(value)}"
        if "*" in value or "?" in value:
            return f"coalesce({self._engine.matches(expression, glob(value))}, false)"
        return f"({expression}) IS NOT DISTINCT FROM {self._engine.literal(value)}"

    def _price_key_test(self, name: str, value: str, price_keys: Sequence[str]) -> str:
        """A condition on model or provider, decided once for each distinct price key."""
        wanted = []
        for price_key in price_keys:
            provider, model, _ = split(price_key)
            if _is_named(model if name == "model" else provider, value):
                wanted.append(self._engine.literal(price_key))
        return f"price_key IN ({', '.join(wanted)})" if wanted else "false"

    def holds(self, text: str, provider: str | None, model: str | None) -> bool:
        """Whether one `--where` lets in what has a provider and a model but is no call: never if it asks for more."""
        name, sign, value = _parts(text)
        if name not in ("model", "provider") or name in self._dimensions:
            return False
        return _is_named(model if name == "model" else provider, value) is (sign == "=")

    def _time(self, name: str) -> str:
        """Local calendar time as an integer: days since 1970-01-01, or for hours the UTC instant they begin at."""
        zones = offsets(self._window.timezone, self._window.start - timedelta(days=400), self._window.end)
        started = self._engine.micros("started_at")
        if name == "hour":
            local = f"({started} + {_stepped(started, zones)})"
            return f"({local} // {HOUR} * {HOUR} - {_stepped(started, zones)})"
        if all(offset == 0 for _, offset in zones):
            day = self._engine.day_number("day")  # the folder says it: the calls' own times need not be read
        else:
            day = f"CAST(({started} + {_stepped(started, zones)}) // {DAY} AS INTEGER)"
        if name == "week":
            return f"({day} - ({day} + 3) % 7)"  # 1970-01-01 was a Thursday
        return self._month(day) if name == "month" else day

    def _month(self, day: str) -> str:
        firsts = []
        first = (self._window.since - timedelta(days=400)).replace(day=1)
        while first <= self._window.until:
            firsts.append((first - date(1970, 1, 1)).days)
            first = (first + timedelta(days=32)).replace(day=1)
        steps = " ".join(f"WHEN {day} >= {number} THEN {number}" for number in reversed(firsts))
        return f"(CASE {steps} END)"


def _parts(text: str) -> tuple[str, str, str]:
    """Key, sign and value of one `--where`."""
    match = re.fullmatch(r"([^=!]+)(!?=)(.*)", text, re.DOTALL)
    if not match:
        raise UsageError(f"--where '{text[:60]}' is not key=value. Example: --where env=production.")
    return match[1].strip(), match[2], match[3]


def _is_named(held: str | None, value: str) -> bool:
    """Whether a provider or model is the one of a condition, or like its pattern."""
    if held is None:
        return value in ("", UNKNOWN)
    return value != "" and re.compile(glob(value), re.DOTALL).fullmatch(held) is not None


def _stepped(started: str, zones: Sequence[tuple[int, int]]) -> str:
    """The offset that holds at an instant."""
    if len(zones) == 1:
        return str(zones[0][1])
    steps = " ".join(f"WHEN {started} >= {instant} THEN {offset}" for instant, offset in reversed(zones[1:]))
    return f"(CASE {steps} ELSE {zones[0][1]} END)"


def glob(value: str) -> str:
    """A value with `*` and `?` as a regular expression that both Python and RE2 read alike."""
    # Not re.escape: it escapes blanks, which RE2 refuses.
    escaped = re.sub(r"([\\.+()|\[\]{}^$])", r"\\\1", value)
    parts = [".*" if sign == "*" else "." if sign == "?" else sign for sign in escaped]
    return "(?s)^" + "".join(parts) + "$"


def shown(key: Key, value: object, timezone: str, dimensions: Sequence[str]) -> Cell:
    """The value of a key as people read it."""
    if key.name == "hour" and isinstance(value, int):
        local = datetime.fromtimestamp(value // 1_000_000, UTC).astimezone(zone(timezone))
        return local.isoformat(sep=" ", timespec="minutes")
    if key.is_time and isinstance(value, int):
        return date(1970, 1, 1) + timedelta(days=value)
    return _missing(key.name, dimensions) if value is None else str(value)


def _missing(name: str, dimensions: Iterable[str]) -> str:
    return UNKNOWN if name not in dimensions and name in BUILT_IN else UNTAGGED
