"""LangSmith's filter language, from text to a tree and back: `and(eq(run_type, "llm"), gt(total_tokens, 1000))`.

A text is in single or double quotes and knows no escape, as with LangSmith; a doubled quote within it stands for one
(there: an error). What functions and fields there are, is not decided here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NoReturn

from whyspend.errors import UsageError

LONGEST = 100_000
"""Characters: a list of 1,000 ids has 40,000."""

DEEPEST = 40
"""Brackets within brackets."""

_WORDS = {"true": True, "false": False, "null": None}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*')
    | (?P<number>-?\d{1,18}(?:\.\d{1,24})?(?:[eE][+-]?\d{1,2})?(?![\w.]))
    | (?P<word>[A-Za-z_]\w{0,63}(?!\w))
    | (?P<mark>[(),\[\]])
    )""",
    re.VERBOSE,
)

Value = str | int | Decimal | bool | None


class FilterError(UsageError):
    """Text that is no filter, or one that cannot be answered; the message names the place."""


@dataclass(frozen=True)
class Literal:
    """A value as it is written."""

    value: Value
    at: int = field(default=0, compare=False)
    """The character at which it begins, from 1."""


@dataclass(frozen=True)
class Name:
    """A bare word: a field of a run."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Items:
    """A list in square brackets."""

    items: "tuple[Term, ...]"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Function:
    """A function and what it is given."""

    name: str
    arguments: "tuple[Term, ...]"
    at: int = field(default=0, compare=False)


Term = Literal | Name | Items | Function


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


_END = ""


def parse(text: str) -> Function:
    """Read a filter.

    Raises:
        FilterError: it is none.
    """
    if len(text) > LONGEST:
        raise FilterError(f"The filter has {len(text):,} characters; it may have {LONGEST:,}.")
    reader = _Reader(_tokens(text))
    found = reader.term(0)
    reader.expect(_END)
    if not isinstance(found, Function):
        raise FilterError('A filter is a function of a field, such as eq(run_type, "llm").')
    return found


def printed(term: Term) -> str:
    """Write a tree down, so that it can be read again."""
    if isinstance(term, Function):
        return f"{term.name}({', '.join(map(printed, term.arguments))})"
    if isinstance(term, Items):
        return f"[{', '.join(map(printed, term.items))}]"
    return term.name if isinstance(term, Name) else _written(term.value)


def wrong(why: str, at: int) -> NoReturn:
    """Refuse a filter for what stands at a character.

    Raises:
        FilterError: always.
    """
    raise FilterError(f"The filter cannot be used: {why} (character {at}).")


def _written(value: Value) -> str:
    if isinstance(value, str):
        quote = "'" if '"' in value and "'" not in value else '"'
        return quote + value.replace(quote, quote * 2) + quote
    if value is None or isinstance(value, bool):
        return next(word for word, meant in _WORDS.items() if meant is value)
    return str(value)


def _tokens(text: str) -> Iterator[_Token]:
    at, length = 0, len(text.rstrip())
    while at < length:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            wrong(f"nothing can begin with {rest[:20]!r}", len(text) - len(rest) + 1)
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind) + 1)
        at = match.end()
    yield _Token("end", _END, len(text) + 1)


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: Iterator[_Token]) -> None:
        self._tokens = tokens
        self._next = next(tokens)

    def term(self, depth: int) -> Term:
        token = self._take()
        if depth > DEEPEST:
            wrong(f"it is nested more than {DEEPEST} deep", token.at)
        if token.kind == "text":
            quote = token.text[0]
            return Literal(token.text[1:-1].replace(quote * 2, quote), token.at)
        if token.kind == "number":
            number = Decimal(token.text)
            return Literal(int(number) if token.text.lstrip("-").isdigit() else number, token.at)
        if token.kind == "word":
            return self._word(token, depth)
        if token.text == "[":
            return Items(self._until("]", depth), token.at)
        wrong(f"a value is missing before {token.text!r}" if token.text else "it ends too early", token.at)

    def expect(self, text: str) -> None:
        token = self._take()
        if token.text != text or (text == _END and token.kind != "end"):
            said = f"{token.text[:20]!r} stands" if token.kind != "end" else "it ends"
            wrong(f"{said} where {repr(text) if text else 'the end'} should be", token.at)

    def _word(self, token: _Token, depth: int) -> Term:
        if self._next.text == "(" and self._next.kind == "mark":
            self._take()
            return Function(token.text, self._until(")", depth), token.at)
        if token.text in _WORDS:
            return Literal(_WORDS[token.text], token.at)
        return Name(token.text, token.at)

    def _until(self, end: str, depth: int) -> tuple[Term, ...]:
        """The terms up to a closing bracket; a comma may stand before it."""
        found: list[Term] = []
        while self._next.text != end or self._next.kind != "mark":
            found.append(self.term(depth + 1))
            if self._next.text != end:
                self.expect(",")
        self._take()
        return tuple(found)

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token
