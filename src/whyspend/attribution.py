"""Who owns a call that does not say so itself: rules and aliases as SQL, one expression a dimension.

Nothing here touches the stored calls. The expressions are part of a view, so a new rule changes the past.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from whyspend.errors import ConfigError, nearest
from whyspend.model import COLUMNS

Condition = str | list[str]
"""A text, a glob (`*`, `?`), a regular expression (`re:...`), or a list of these of which any may match."""

LONGEST_VALUE = 256
"""Characters in a dimension's value; sources cut longer ones at the same length."""

_COLUMNS = tuple(
    column.name
    for column in COLUMNS
    if column.sql == "VARCHAR" and column.name not in ("metadata", "usage_raw")
)
"""What a condition can look at by name. On top come `model` (what answered, else what was asked for), `tags`,
`metadata.KEY` and the dimensions."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Gives an owner to calls without one: where all of `when` holds, the dimensions of `set` get a value."""

    when: Annotated[
        Mapping[str, Condition],
        Meta(
            description="What a call must look like, by column, dimension, `tags` or `metadata.KEY`. "
            "All conditions must hold. Each is a text, a glob (`*`, `?`), `re:` with a regular expression, "
            "or a list of these of which any may match."
        ),
    ]
    set: Annotated[
        Mapping[str, str],
        Meta(description="The value that each named dimension gets where the call has none."),
    ]


class SqlWords(Protocol):
    """What an engine says in its own dialect.

    `column`, `items` and `expression` are SQL already. Everything else is plain text of any content but NUL,
    which the engine must quote.
    """

    def identifier(self, name: str, /) -> str:
        """Quote the name of a column."""
        ...

    def literal(self, text: str, /) -> str:
        """Quote a text."""
        ...

    def json_text(self, column: str, key: str, /) -> str:
        """The value under a key of a JSON object as text, a string without its quotes.

        NULL where the object is NULL, the key is absent, or the value is null. The key is a name, not a path:
        `a.b`, `$`, `/x` and `*` are keys like any other.
        """
        ...

    def matches(self, expression: str, pattern: str, /) -> str:
        """True where a regular expression (case-sensitive, not anchored) is found in a text."""
        ...

    def contains(self, items: str, text: str, /) -> str:
        """True where a list of texts holds a text."""
        ...

    def any_item(self, items: str, condition: Callable[[str], str], /) -> str:
        """True where a condition holds for any item of a list of texts. It is given the SQL of the item."""
        ...


def faults(rule: Rule, dimensions: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with a rule: the place within it, such as `("when", "projct")`, and a message."""
    if not rule.when:
        yield ("when",), "'when' is empty. To take every call, write project = \"*\"."
    if not rule.set:
        yield ("set",), "'set' is empty, so the rule would do nothing. Name a dimension and its value."
    for name, condition in rule.when.items():
        message = _subject_fault(name, dimensions) or _condition_fault(name, condition)
        if message:
            yield ("when", name), message
    for name, value in rule.set.items():
        message = dimension_fault(name, dimensions) or _value_fault(name, value)
        if message:
            yield ("set", name), message


def alias_faults(spellings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the aliases of one dimension: the spelling, and a message."""
    for spelling, value in spellings.items():
        if "\0" in spelling:
            yield spelling, f"the alias {spelling!r} holds a NUL character."
        elif message := _value_fault(spelling, value):
            yield spelling, message
        elif value in spellings:
            yield spelling, f"{spelling!r} is folded into {value!r}, itself an alias. Name the final value."


def dimension_fault(name: str, dimensions: Sequence[str]) -> str | None:
    """Say why a name is no dimension, with the nearest that is; None if it is one."""
    if name in dimensions:
        return None
    return f"{name!r} is not a dimension.{nearest(name, dimensions)} Configured: {', '.join(dimensions)}."


def expressions(
    dimensions: Sequence[str],
    rules: Sequence[Rule],
    aliases: Mapping[str, Mapping[str, str]],
    words: SqlWords,
) -> dict[str, tuple[str, str]]:
    """Return for each dimension the SQL of its value and of where it came from, over the ledger's columns.

    A value that the call has (from itself, an ancestor, its root or its process) always stays. Where it is
    NULL, the first rule that matches and sets the dimension gives the value, and `rule` as its origin.
    Aliases fold spellings afterwards, also those of rules. Both are NULL for a call that nobody owns.
    Without rules and aliases both are bare columns. Conditions on a dimension see the stored value, before
    any rule or alias.

    Raises:
        ConfigError: a rule or alias that cannot be used.
    """
    _refuse_faults(dimensions, rules, aliases)
    conditions = [(rule, _rule_condition(rule, words)) for rule in rules]
    return {
        dimension: _expression(
            dimension,
            [(sql, rule.set[dimension]) for rule, sql in conditions if dimension in rule.set],
            aliases.get(dimension, {}),
            words,
        )
        for dimension in dimensions
    }


def matches(rule: Rule, words: SqlWords) -> str:
    """The SQL of whether a call looks as a rule wants it, owned or not; NULL counts as no."""
    return _rule_condition(rule, words)


def _refuse_faults(
    dimensions: Sequence[str], rules: Sequence[Rule], aliases: Mapping[str, Mapping[str, str]]
) -> None:
    for number, rule in enumerate(rules, 1):
        for _, message in faults(rule, dimensions):
            raise ConfigError(f"Attribution rule {number}: {message}")
    for dimension, spellings in aliases.items():
        if unknown := dimension_fault(dimension, dimensions):
            raise ConfigError(f"Aliases: {unknown}")
        for _, message in alias_faults(spellings):
            raise ConfigError(f"Aliases of {dimension}: {message}")


def _expression(
    dimension: str, ruled: Sequence[tuple[str, str]], spellings: Mapping[str, str], words: SqlWords
) -> tuple[str, str]:
    stored, origin = words.identifier(dimension), words.identifier(f"{dimension}_from")
    value = stored
    if ruled:
        # A rule's value is known now, so its alias is folded here, once, and not for every call.
        cases = " ".join(f"WHEN {sql} THEN {words.literal(spellings.get(to, to))}" for sql, to in ruled)
        value = f"coalesce({stored}, CASE {cases} END)"
        any_rule, by_rule = " OR ".join(sql for sql, _ in ruled), words.literal("rule")
        origin = f"CASE WHEN {stored} IS NOT NULL THEN {origin} WHEN {any_rule} THEN {by_rule} END"
    if spellings:
        value = f"CASE {_folds(stored, spellings, words)} ELSE {value} END"
    return value, origin


def _folds(stored: str, spellings: Mapping[str, str], words: SqlWords) -> str:
    variants: dict[str, list[str]] = {}
    for spelling, value in spellings.items():
        variants.setdefault(value, []).append(words.literal(spelling))
    return " ".join(
        f"WHEN {stored} IN ({', '.join(folded)}) THEN {words.literal(value)}"
        for value, folded in variants.items()
    )


def _rule_condition(rule: Rule, words: SqlWords) -> str:
    return "(" + " AND ".join(_condition(name, wanted, words) for name, wanted in rule.when.items()) + ")"


def _condition(name: str, condition: Condition, words: SqlWords) -> str:
    wanted = _listed(condition)
    if name == "tags":
        return _any_tag(wanted, words)
    if name == "model":
        answered, requested = words.identifier("model_answered"), words.identifier("model_requested")
        return _holds(f"coalesce({answered}, {requested})", wanted, words)
    if name.startswith("metadata."):
        key = name.removeprefix("metadata.")
        return _holds(words.json_text(words.identifier("metadata"), key), wanted, words)
    return _holds(words.identifier(name), wanted, words)


def _any_tag(wanted: Sequence[str], words: SqlWords) -> str:
    tags = words.identifier("tags")
    patterns = [text for text in wanted if _is_pattern(text)]
    tests = [words.contains(tags, text) for text in wanted if not _is_pattern(text)]
    if patterns:
        tests.append(words.any_item(tags, lambda tag: _holds(tag, patterns, words)))
    return f"({' OR '.join(tests)})"


def _holds(subject: str, wanted: Sequence[str], words: SqlWords) -> str:
    """True where the subject is any of the wanted; NULL, which no CASE follows, where there is no subject."""
    equal = [words.literal(text) for text in wanted if not _is_pattern(text)]
    tests = [f"{subject} IN ({', '.join(equal)})"] if equal else []
    for text in wanted:
        if text.startswith("re:"):
            tests.append(words.matches(subject, text.removeprefix("re:")))
        elif _is_pattern(text):
            tests.append(_like(subject, text, words))
    return f"({' OR '.join(tests)})"


def _listed(condition: Condition) -> list[str]:
    return [condition] if isinstance(condition, str) else condition


def _is_pattern(text: str) -> bool:
    return text.startswith("re:") or "*" in text or "?" in text


def _like(subject: str, glob: str, words: SqlWords) -> str:
    like = re.sub(r"[!%_]", r"!\g<0>", glob).translate({ord("*"): "%", ord("?"): "_"})
    # Without ESCAPE, DuckDB makes a fast prefix scan of `prefix%`. A backslash needs it: Spark's own escape.
    escape = f" ESCAPE {words.literal('!')}" if "!" in like or "\\" in like else ""
    return f"{subject} LIKE {words.literal(like)}{escape}"


def _subject_fault(name: str, dimensions: Sequence[str]) -> str | None:
    known = [*_COLUMNS, "model", "tags", *dimensions]
    if name in known:
        return None
    if name in ("metadata", "metadata."):
        return 'which metadata? Write "metadata.KEY" in quotes: a bare dot makes a table.'
    if name.startswith("metadata."):
        return f"the key {name!r} holds a NUL character." if "\0" in name else None
    if name in {column.name for column in COLUMNS}:
        return f"a rule cannot look at {name!r}. It can look at {', '.join(known)}, metadata.KEY."
    hint = nearest(name, known) or ' A key of the run\'s metadata is written "metadata.KEY".'
    return f"{name!r} is not a column of the ledger.{hint}"


def _condition_fault(name: str, condition: Condition) -> str | None:
    if not condition:
        return f"the condition on {name!r} is empty, so the rule could never match."
    for text in _listed(condition):
        if not text or "\0" in text:
            return f"a condition on {name!r} is empty, or holds a NUL character."
        if text.startswith("re:") and (message := _pattern_fault(text.removeprefix("re:"))):
            return f"the regular expression for {name!r} cannot be used: {message}"
    return None


def _value_fault(name: str, value: str) -> str | None:
    if not value or value != value.strip():
        return f"the value for {name!r} is empty, or has blanks around it."
    if len(value) > LONGEST_VALUE or "\0" in value:
        return f"the value for {name!r} is longer than {LONGEST_VALUE} characters, or holds a NUL character."
    return None


# Only what RE2 (DuckDB, ClickHouse), Rust (DataFusion) and Java (Spark) all read alike: a rule must give the
# same answer on every engine, and must fail here with a message, not in the middle of a report.
_PORTABLE = re.compile(
    r"""(?: \(\?[ims]{1,3}\) )?                                          # flags, at the start only
    (?: \\[dDwWsSbBAnrtfv] | \\x[0-9a-fA-F]{2} | \\[!-/:-@\[-`{-~\ ]    # escapes
      | \[\^?(?: \\[dDwWsSnrtfv] | \\x[0-9a-fA-F]{2} | \\[!-/:-@\[-`{-~\ ]
              | (?!&&|\|\||~~|--)[^\[\]\\] )+\]                          # a class
      | \((?: \?: | \?P<[A-Za-z_][A-Za-z0-9_]*> | (?!\?) ) | \)          # groups
      | (?: [*+?] | \{[0-9]{1,4}(?:,[0-9]{0,4})?\} )\??(?![*+?{])        # repetition, itself not repeated
      | [^\\\[\](){}*+?]
    )*""",
    re.VERBOSE | re.DOTALL,
)
_COUNT = re.compile(r"(\)?)\{([0-9]+)(?:,([0-9]*))?\}")
_LONGEST_PATTERN = 1000
_MOST_REPEATS = 1000


def _pattern_fault(pattern: str) -> str | None:
    if not pattern or len(pattern) > _LONGEST_PATTERN:
        return f"it is empty, or longer than {_LONGEST_PATTERN} characters."
    if not _PORTABLE.fullmatch(pattern):
        return (
            "it uses what not every engine understands, such as look-around, back-references, possessive or "
            "atomic groups, nested or POSIX classes, or a brace that is neither a count nor written \\{."
        )
    if _repeats(pattern) > _MOST_REPEATS:
        return f"it repeats something more than {_MOST_REPEATS} times."
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{error}."
    return None


def _repeats(pattern: str) -> int:
    """What counted repetition can unfold to, at most: RE2 stops at 1,000, also where counts are nested.

    `[0-9a-f]{8}(-[0-9a-f]{4}){3}` is (8 + 4) times 3 = 36.
    """
    counts = _COUNT.findall(re.sub(r"\\.", "", pattern, flags=re.DOTALL))
    plain = sum(int(most or least) for group, least, most in counts if not group)
    return max(plain, 1) * math.prod(max(int(most or least), 1) for group, least, most in counts if group)
