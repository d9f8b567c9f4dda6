"""LangSmith's filter language, evaluated in plain Python: by the loopback LangSmith, and against the SQL of our own.

The text is read by the collector's parser; what it means is said here once more, run by run.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from whyspend.collector.reading.filters import FilterError, Function, Items, Literal, Name, Term, parse

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

BadFilterError = FilterError
"""Text that is no filter: the server answers 400."""

_TIMES = ("start_time", "end_time")
_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def compile_filter(text: str) -> Test:
    """A predicate over runs as the server keeps them (`metadata` a dict, times ISO text, costs Decimals)."""
    tree = parse(text)
    return lambda row: holds(tree, row)


def holds(term: Term, row: Row) -> bool:
    """Whether a filter holds for a run."""
    if not isinstance(term, Function):
        raise BadFilterError('a filter is a function such as eq(run_type, "llm")')
    if term.name == "and":
        return _all_hold([each for each in term.arguments if isinstance(each, Function)], row)
    if term.name == "or":
        return any(holds(each, row) for each in term.arguments)
    if term.name == "not":
        return not holds(term.arguments[0], row)
    return _leaf(term, row)


def _all_hold(terms: Sequence[Function], row: Row) -> bool:
    values = [each for each in terms if _field(each) == "metadata_value"]
    keys = [each for each in terms if values and _field(each) == "metadata_key" and each.name in ("eq", "in")]
    rest = [each for each in terms if each not in values and each not in keys]
    pairs = [(keys[0], values)] if len(keys) == 1 else [(k, [v]) for k, v in zip(keys, values, strict=True)]
    return all(_has_pair(key, tests, row) for key, tests in pairs if tests) and all(
        holds(each, row) for each in rest
    )


def _has_pair(key: Function, values: Sequence[Function], row: Row) -> bool:
    metadata = row["metadata"]
    asked = [text for text in _texts(key.arguments[1]) if text in metadata]
    return any(all(_compare(test, _scalar(metadata[each])) for test in values) for each in asked)


def _leaf(term: Function, row: Row) -> bool:
    field = _field(term)
    if field == "metadata_key":
        found = any(text in row["metadata"] for text in _texts(term.arguments[1]))
        return found != (term.name in ("neq", "nin"))
    if field == "metadata":
        pairs = json.loads(str(_value(term.arguments[1])))
        return all(_scalar(row["metadata"].get(key)) == _scalar(value) for key, value in pairs.items())
    if field not in row:
        raise BadFilterError(f"unknown field {field}")
    if term.name == "has":
        return _value(term.arguments[1]) in row[field]
    return _compare(term, row[field], field)


def _compare(term: Function, found: Any, field: str = "") -> bool:
    function, argument = term.name, term.arguments[1]
    if function == "like":
        pattern = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in str(_value(argument)))
        return found is not None and re.fullmatch(pattern, found, re.DOTALL) is not None
    items = argument.items if isinstance(argument, Items) else (argument,)
    wanted = [_meant(_value(each), field, found) for each in items]
    have = _read(found, field)
    if function in ("eq", "neq", "in", "nin"):
        return (have in wanted) != (function in ("neq", "nin"))
    if function not in _ORDER:
        raise BadFilterError(f"unknown function {function}")
    return have is not None and _ORDER[function](have, wanted[0])


def _read(found: Any, field: str) -> Any:
    if field in _TIMES and found is not None:
        moment = datetime.fromisoformat(found)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return found.lower() if field in ("run_type", "status") else found


def _meant(value: Any, field: str, found: Any) -> Any:
    """A value of a filter in the shape of what it is compared with."""
    if value is None:
        return None
    if field == "latency" and isinstance(value, str):
        amount = value.rstrip("smh")
        return Decimal(amount) * _UNITS[value[len(amount) :]]
    if field in (*_TIMES, "run_type", "status"):
        return _read(value, field)
    return _scalar(value) if isinstance(found, str) else value


def _scalar(value: Any) -> str | None:
    """A value of metadata, as text; of an object None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return repr(float(value))
    return None if value is None or isinstance(value, (dict, list)) else str(value)


def _texts(term: Term) -> list[str]:
    items = term.items if isinstance(term, Items) else (term,)
    return [str(_scalar(_value(each))) for each in items]


def _value(term: Term) -> Any:
    if not isinstance(term, Literal):
        raise BadFilterError("a value should stand here")
    return term.value


def _field(term: Function) -> str:
    first = term.arguments[0] if term.arguments else None
    return first.name if isinstance(first, Name) else ""
