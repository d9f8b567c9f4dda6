"""LangSmith's filter language, the documented part of it that whyspend uses, evaluated for real."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
Expression = Any  # a number, a text, a Name, a list of them, or (function, arguments)

_TOKEN = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|([(),\[\]]))""")


class BadFilterError(ValueError):
    """Text that is no filter: the server answers 400."""


class Name(str):
    """A bare word: a field of a run."""


def compile_filter(text: str) -> Callable[[Row], bool]:
    """A predicate over runs as the server keeps them (`metadata` a dict, `start_time` ISO text with a Z)."""
    tokens = _tokens(text)
    expression, rest = _parse(tokens)
    if rest:
        raise BadFilterError(f"text after the end of the filter: {rest}")
    return lambda row: _holds(expression, row)


def _tokens(text: str) -> list[Any]:
    found: list[Any] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFilterError(f"cannot read the filter at {text[at : at + 20]!r}")
        double, single, number, word, mark = match.groups()
        if mark:
            found.append(("mark", mark))
        elif word:
            found.append(Name(word))
        elif number:
            found.append(float(number))
        else:
            found.append(double if double is not None else single)
        at = match.end()
    return found


def _parse(tokens: list[Any]) -> tuple[Expression, list[Any]]:
    if not tokens:
        raise BadFilterError("the filter ends too early")
    head, rest = tokens[0], tokens[1:]
    if head == ("mark", "["):
        return _parse_list(rest, "]")
    if isinstance(head, Name) and rest and rest[0] == ("mark", "("):
        arguments, rest = _parse_list(rest[1:], ")")
        return (str(head), arguments), rest
    if isinstance(head, tuple):
        raise BadFilterError(f"unexpected {head[1]}")
    return head, rest


def _parse_list(tokens: list[Any], end: str) -> tuple[list[Expression], list[Any]]:
    items: list[Expression] = []
    while True:
        if tokens and tokens[0] == ("mark", end):
            return items, tokens[1:]
        item, tokens = _parse(tokens)
        items.append(item)
        if tokens and tokens[0] == ("mark", ","):
            tokens = tokens[1:]
        elif not tokens or tokens[0] != ("mark", end):
            raise BadFilterError("a list does not end")


def _holds(expression: Expression, row: Row) -> bool:
    if not isinstance(expression, tuple):
        raise BadFilterError('a filter is a function such as eq(run_type, "llm")')
    function, arguments = expression
    if function == "and":
        return all(_holds(each, row) for each in arguments)
    if function == "or":
        return any(_holds(each, row) for each in arguments)
    field, value = arguments
    return _compare(function, _values(field, row), value)


def _values(field: Name, row: Row) -> list[Any]:
    if field == "metadata_key":
        return list(row["metadata"])
    if field in ("run_type", "name", "status", "start_time", "trace_id", "id", "is_root"):
        return [row[field]]
    raise BadFilterError(f"unknown field {field}")


def _compare(function: str, values: list[Any], wanted: Any) -> bool:
    if function == "eq":
        return wanted in values
    if function == "neq":
        return wanted not in values
    if function == "in":
        return any(value in wanted for value in values)
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
    }
    if function not in compare:
        raise BadFilterError(f"unknown function {function}")
    return any(compare[function](value, wanted) for value in values)
