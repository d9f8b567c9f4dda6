"""A filter, from its tree to SQL over a ledger row.

Every condition is true or false, never NULL, so that `not` is the rest. What the ledger cannot answer is refused.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import NoReturn

from whyspend.collector.reading import ids
from whyspend.collector.reading.fields import FIELDS, Field, ended, started
from whyspend.collector.reading.filters import Function, Items, Literal, Name, Term, Value, wrong
from whyspend.collector.reading.metadata import Metadata
from whyspend.errors import nearest
from whyspend.model import Engine

MONEY_DIGITS = 24
"""Costs are whole 1e-24 dollars."""

LARGEST = 10**17
"""No token count, no time and no cost is larger, and what is compared with it stays exact."""

_COMPARES = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_EQUAL = ("eq", "neq")
_LISTS = ("in", "nin")
_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "text": (*_EQUAL, *_LISTS, "like"),
    "word": (*_EQUAL, *_LISTS),
    "id": (*_EQUAL, *_LISTS),
    "number": (*_COMPARES, *_LISTS),
    "seconds": tuple(_COMPARES),
    "time": tuple(_COMPARES),
    "money": tuple(_COMPARES),
    "flag": _EQUAL,
    "texts": ("has",),
}
"""What can be asked of a field of each kind."""

_KEYS = "metadata_key", (*_EQUAL, *_LISTS)
_VALUES = "metadata_value", (*_EQUAL, *_LISTS, "like")

EVERY_FIELD = (*FIELDS, "metadata", "metadata_key", "metadata_value")
EVERY_FUNCTION = (*_COMPARES, *_LISTS, "like", "has", "and", "or", "not")

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_LENGTH = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h)")

_EXACT = Context(prec=100)


@dataclass
class Condition:
    """A filter as SQL."""

    sql: str = "true"
    """Over a ledger row; where `costs`, over a priced row that has the columns of `lifted` beside its costs."""
    costs: bool = False
    """It looks at what a call cost."""
    lifted: dict[str, str] = field(default_factory=dict)
    """What of it is to be worked out over the ledger row: name -> SQL."""


def condition(trees: Sequence[Function], engine: Engine, dimensions: Mapping[str, str]) -> Condition:
    """The SQL of some filters, all of which must hold.

    Args:
        trees: the filters.
        engine: whose words to use.
        dimensions: SQL of the value of each dimension over a ledger row.

    Raises:
        FilterError: a function, field or value that the ledger cannot answer; the message says what it can.
    """
    made = Condition(costs=any(each.kind == "money" for tree in trees for each in _fields(tree)))
    writer = _Writer(engine, Metadata(engine, dimensions), made)
    made.sql = _joined("AND", map(writer.condition, trees))
    return made


def _fields(term: Term) -> list[Field]:
    if isinstance(term, Name):
        return [FIELDS[term.name]] if term.name in FIELDS else []
    terms = term.arguments if isinstance(term, Function) else term.items if isinstance(term, Items) else ()
    return [found for each in terms for found in _fields(each)]


@dataclass(frozen=True)
class _Writer:
    engine: Engine
    metadata: Metadata
    made: Condition

    def condition(self, term: Term) -> str:
        if not isinstance(term, Function):
            wrong('a function such as eq(run_type, "llm") should stand here', term.at)
        if term.name == "and":
            return self._all(term)
        if term.name == "or":
            return _joined("OR", map(self.condition, _some(term)))
        if term.name == "not":
            if len(term.arguments) != 1:
                wrong("not takes one condition", term.at)
            return f"(NOT {self.condition(term.arguments[0])})"
        return self._leaf(term)

    def _all(self, term: Function) -> str:
        """All of some conditions. A test of metadata keys, and those of values beside it, are of one pair."""
        every = _some(term)
        keys = [each for each in every if _is_of(each, "metadata_key") and each.name in ("eq", "in")]
        values = [each for each in every if _is_of(each, "metadata_value")]
        if not (keys and values):
            return _joined("AND", map(self.condition, every))
        rest = [each for each in every if each not in keys and each not in values]
        return _joined("AND", [*self._pairs(keys, values, term), *map(self.condition, rest)])

    def _pairs(self, keys: Sequence[Function], values: Sequence[Function], term: Function) -> list[str]:
        if len(keys) == 1:
            return [self._pair(keys[0], values)]
        if len(keys) != len(values):
            wrong(
                "it cannot be told which metadata_value belongs to which metadata_key: give each pair an and(...) of "
                "its own",
                term.at,
            )
        return [self._pair(key, [value]) for key, value in zip(keys, values, strict=True)]

    def _pair(self, key: Function, values: Sequence[Function]) -> str:
        names = _texts(key, *_KEYS)
        tests = [
            _joined("AND", (self._text_test(value, f"({self.metadata.text(name)})") for value in values))
            for name in names
        ]
        has = [self.metadata.has(name) for name in names]
        return self._lift(_joined("OR", (f"({a} AND {b})" for a, b in zip(has, tests, strict=True))))

    def _leaf(self, term: Function) -> str:
        if term.name not in EVERY_FUNCTION:
            wrong(
                f"there is no function {term.name}.{nearest(term.name, EVERY_FUNCTION)} "
                f"There is: {', '.join(EVERY_FUNCTION)}",
                term.at,
            )
        if len(term.arguments) != 2 or not isinstance(name := term.arguments[0], Name):
            wrong(f"{term.name} takes a field and a value", term.at)
        if name.name == "metadata":
            return self._lift(self._holds(term))
        if name.name == "metadata_key":
            return self._lift(self._has_key(term))
        if name.name == "metadata_value":
            wrong("metadata_value needs its metadata_key beside it, in the same and(...)", term.at)
        if name.name not in FIELDS:
            wrong(
                f"the ledger has no {name.name} of a run.{nearest(name.name, EVERY_FIELD)} "
                f"It has: {', '.join(EVERY_FIELD)}",
                name.at,
            )
        found = FIELDS[name.name]
        _check_function(term, name.name, _FUNCTIONS[found.kind])
        test = self._test(term, found)
        return test if found.kind == "money" else self._lift(test)

    def _lift(self, sql: str) -> str:
        if not self.made.costs:
            return sql
        name = f"test_{len(self.made.lifted)}"
        self.made.lifted[name] = sql
        return name

    def _test(self, term: Function, found: Field) -> str:
        value = term.arguments[1]
        if isinstance(value, Literal) and value.value is None:
            return _null_test(term, self._sql(found))
        if found.kind == "texts":
            return self.engine.contains(found.sql, _text(value, "text"))
        if found.kind == "text":
            return self._text_test(term, found.sql)
        if found.kind == "id":
            return self._one_of(term, found.sql, [each for text in _listed(term) for each in ids.meant(text)])
        if found.kind == "word":
            return self._one_of(term, f"lower({found.sql})", [text.lower() for text in _listed(term)])
        if found.kind == "flag":
            return _flag_test(term, found.sql)
        return _compared(term, self._sql(found), [_number(each, found) for each in _items(term)])

    def _sql(self, found: Field) -> str:
        if found.kind == "time":
            return started(self.engine) if found.sql == "started_at" else ended(self.engine)
        return found.sql

    def _text_test(self, term: Function, sql: str) -> str:
        _check_function(term, _subject(term), _FUNCTIONS["text"])
        if term.name == "like":
            pattern = self.engine.literal(_text(term.arguments[1], "pattern, with % for anything"))
            return f"coalesce({sql} LIKE {pattern}, false)"
        return self._one_of(term, sql, _listed(term))

    def _one_of(self, term: Function, sql: str, texts: Sequence[str]) -> str:
        listed = ", ".join(map(self.engine.literal, texts))
        is_one = f"coalesce({sql} IN ({listed}), false)" if texts else "false"
        return f"(NOT {is_one})" if term.name in ("neq", "nin") else is_one

    def _has_key(self, term: Function) -> str:
        any_of = _joined("OR", map(self.metadata.has, _texts(term, *_KEYS)))
        return f"(NOT {any_of})" if term.name in ("neq", "nin") else any_of

    def _holds(self, term: Function) -> str:
        """Whether the metadata has all pairs of an object, as has(metadata, '{"feature": "chat"}') asks."""
        _check_function(term, "metadata", ("has",))
        value = term.arguments[1]
        pairs = _object(_text(value, "JSON object"), value.at)
        return _joined(
            "AND",
            (
                f"coalesce(({self.metadata.text(key)}) = {self.engine.literal(text)}, false)"
                for key, text in pairs
            ),
        )


def _joined(word: str, tests: Iterable[str]) -> str:
    return f"({f' {word} '.join(tests) or ('true' if word == 'AND' else 'false')})"


def _some(term: Function) -> tuple[Function, ...]:
    """The conditions that `and` and `or` are given."""
    if not term.arguments:
        wrong(f"{term.name} takes conditions", term.at)
    for each in term.arguments:
        if not isinstance(each, Function):
            wrong(f"{term.name} takes conditions", each.at)
    return tuple(each for each in term.arguments if isinstance(each, Function))


def _is_of(term: Term, name: str) -> bool:
    return isinstance(term, Function) and len(term.arguments) == 2 and _subject(term) == name


def _subject(term: Function) -> str:
    first = term.arguments[0]
    return first.name if isinstance(first, Name) else ""


def _check_function(term: Function, name: str, known: Sequence[str]) -> None:
    if term.name not in known:
        wrong(f"{term.name} cannot be asked of {name}; {', '.join(known)} can", term.at)


def _items(term: Function) -> list[Literal]:
    """The values that a field is compared with: one, or those of a list."""
    value = term.arguments[1]
    if term.name in _LISTS:
        if not isinstance(value, Items):
            wrong(f'{term.name} takes a list, such as ["a", "b"]', value.at)
        found: Sequence[Term] = value.items
    else:
        found = (value,)
    return [each if isinstance(each, Literal) else _no_value(each) for each in found]


def _no_value(term: Term) -> NoReturn:
    wrong("a text, a number, true, false or null should stand here", term.at)


def _listed(term: Function) -> list[str]:
    return [_text(each, "text") for each in _items(term)]


def _texts(term: Function, name: str, known: Sequence[str]) -> list[str]:
    _check_function(term, name, known)
    return _listed(term)


def _text(term: Term, what: str) -> str:
    """A text; of a number or a flag that of its JSON, for metadata is compared as text."""
    value = term.value if isinstance(term, Literal) else None
    if value is None:
        wrong(f"a {what} should stand here", term.at)
    return value if isinstance(value, str) else _as_text(value)


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, Decimal) else str(value)


def _null_test(term: Function, sql: str) -> str:
    _check_function(term, "null", _EQUAL)
    return f"({sql}) IS {'NOT ' if term.name == 'neq' else ''}NULL"


def _flag_test(term: Function, sql: str) -> str:
    value = _items(term)[0]
    if not isinstance(value.value, bool):
        wrong("true or false should stand here", value.at)
    return sql if value.value == (term.name == "eq") else f"(NOT {sql})"


def _compared(term: Function, sql: str, numbers: Sequence[str]) -> str:
    if term.name in _LISTS:
        is_one = f"coalesce({sql} IN ({', '.join(numbers)}), false)" if numbers else "false"
        return f"(NOT {is_one})" if term.name == "nin" else is_one
    otherwise = "true" if term.name == "neq" else "false"
    return f"coalesce({sql} {_COMPARES[term.name]} {numbers[0]}, {otherwise})"


def _number(literal: Literal, found: Field) -> str:
    """A value in the units of a column (tokens, milliseconds, microseconds since the epoch, 1e-24 dollars), as SQL."""
    if found.kind == "time":
        return str(_micros(literal))
    number = _duration(literal) if found.kind == "seconds" else _plain_number(literal)
    if number.copy_abs() > LARGEST:
        wrong("the number is too large", literal.at)
    if found.kind == "money":
        number = number.scaleb(MONEY_DIGITS, _EXACT)
    _, digits, exponent = number.as_tuple()
    if int(exponent) < (0 if found.kind == "money" else -12) or len(digits) + int(exponent) > 38:
        wrong("the number has too many digits", literal.at)
    return f"CAST({number:f} AS DECIMAL(38, {max(0, -int(exponent))}))"


def _plain_number(literal: Literal) -> Decimal:
    value = literal.value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        wrong("a number should stand here", literal.at)
    return Decimal(value).normalize(_EXACT)


def _duration(literal: Literal) -> Decimal:
    """Milliseconds, of `"5s"`, `"1.5m"`, or a number of seconds."""
    value = literal.value
    if not isinstance(value, str):
        return _EXACT.multiply(_plain_number(literal), Decimal(1_000)).normalize(_EXACT)
    match = _LENGTH.fullmatch(value)
    if match is None:
        wrong('a length of time such as "5s" or "200ms", or seconds, should stand here', literal.at)
    return _EXACT.multiply(Decimal(match[1]), Decimal(_UNITS[match[2]])).normalize(_EXACT)


def _micros(literal: Literal) -> int:
    value = literal.value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        wrong('a time such as "2026-11-01T00:00:00Z" should stand here', literal.at)
    return micros(moment)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; without a zone, UTC is meant."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _object(text: str, at: int) -> list[tuple[str, str]]:
    """The pairs of a JSON object of scalars, their values as text."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found:
        wrong('the text should be a JSON object with a pair, such as \'{"feature": "chat"}\'', at)
    for key, value in found.items():
        if value is None or isinstance(value, (list, dict)):
            wrong(
                f"metadata holds texts, numbers and flags only; {key[:40]!r} is asked for something else", at
            )
    return [(key, value if isinstance(value, str) else _as_text(value)) for key, value in found.items()]


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)
