"""Names, tags and rules are written by strangers: no text may change what a statement is."""

import json
from typing import Any

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.attribution.reference import DIMENSIONS, Row, attributed, on_duckdb

from whyspend.attribution import Rule, expressions, faults
from whyspend.engines.duckdb import DuckDB

# Few letters, so that texts meet; the rest is what SQL, LIKE, JSON, globs and lambdas make something of.
hostile = st.text("a_%?*'", min_size=1, max_size=2) | st.text(
    "ab'\"!%_\\*?;-$/~.\n é", min_size=1, max_size=4
)
value = hostile.filter(lambda text: text == text.strip())
escaped = hostile.map(
    lambda text: "".join(f"\\{sign}" if sign in "!%_\\*?;-$/~.'\"" else sign for sign in text)
)
pattern = st.one_of(
    escaped, escaped.map("^".__add__), st.sampled_from(["[ab]+", "a|b", "^[^a]", "(?i)A", "."])
)
wanted = st.one_of(hostile, pattern.map("re:".__add__))
condition = st.one_of(wanted, st.lists(wanted, min_size=1, max_size=3))
subject = st.one_of(
    st.sampled_from(["project", "name", "model", "tags", "feature", "env"]),
    hostile.map("metadata.".__add__),
)
rule = st.builds(
    Rule,
    when=st.dictionaries(subject, condition, min_size=1, max_size=2),
    set=st.dictionaries(st.sampled_from(DIMENSIONS), value, min_size=1, max_size=2),
)
folds = st.dictionaries(hostile, value, max_size=3).map(
    lambda given: {spelling: final for spelling, final in given.items() if final not in given}
)
maybe = st.none() | hostile
row = st.fixed_dictionaries(
    {
        "project": hostile,
        "name": maybe,
        "model_answered": maybe,
        "model_requested": maybe,
        "metadata": st.none()
        | st.dictionaries(hostile, hostile | st.booleans() | st.integers(0, 9) | st.none(), max_size=3).map(
            json.dumps
        ),
        "tags": st.none() | st.lists(hostile, max_size=3),
        "feature": maybe,
        "env": maybe,
    }
).map(lambda given: given | {f"{name}_from": given[name] and "root" for name in DIMENSIONS})


@settings(max_examples=150, deadline=None)
@given(
    rules=st.lists(rule, max_size=4),
    aliases=st.fixed_dictionaries({"feature": folds, "env": folds}),
    rows=st.lists(row, min_size=1, max_size=8),
)
def test_the_sql_says_what_the_rules_say(
    engine: DuckDB, rules: list[Rule], aliases: dict[str, dict[str, str]], rows: list[Row]
) -> None:
    expected: list[tuple[Any, ...]] = [
        attributed(given, "feature", rules, aliases) + attributed(given, "env", rules, aliases)
        for given in rows
    ]
    assert on_duckdb(engine, expressions(DIMENSIONS, rules, aliases, engine), rows) == expected


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0*?"), min_size=1).filter(
        lambda text: not text.startswith("re:")
    ),
    key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)
def test_any_text_equals_itself_and_nothing_else(engine: DuckDB, text: str, key: str) -> None:
    rules = [Rule(when={"project": text, f"metadata.{key}": text, "tags": text}, set={"feature": "x"})]
    same = {"project": text, "metadata": json.dumps({key: text}), "tags": ["", text]}
    other = same | {"metadata": json.dumps({key: text + "'"})}
    found = on_duckdb(engine, expressions(["feature"], rules, {}, engine), [same, other])
    assert found == [("x", "rule"), (None, None)]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=256))
def test_any_value_comes_out_as_it_was_set(engine: DuckDB, text: str) -> None:
    assume(text == text.strip())
    rules = [Rule(when={"project": "*"}, set={"feature": text})]
    assert on_duckdb(engine, expressions(["feature"], rules, {}, engine), [{"project": "p"}]) == [
        (text, "rule")
    ]


parts = [
    "a",
    "b",
    "(",
    "(?:",
    "(?P<n>",
    "(?=",
    "(?i)",
    ")",
    "|",
    "[",
    "[^",
    "]",
    "-",
    "&&",
    "{2}",
    "{9,}",
    "{1,1000}",
]
parts += [
    "{,3}",
    "{",
    "}",
    "*",
    "+",
    "?",
    "\\d",
    "\\b",
    "\\Z",
    "\\1",
    "\\\\",
    "\\{",
    "\\n",
    "^",
    "$",
    ".",
    " ",
    "é",
    "#",
    "\n",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(parts), min_size=1, max_size=8).map("".join))
def test_a_pattern_that_is_accepted_runs_on_the_engine(engine: DuckDB, pattern: str) -> None:
    if not list(faults(Rule(when={"project": f"re:{pattern}"}, set={"feature": "x"}), ["feature"])):
        engine.rows(f"SELECT {engine.matches(engine.literal('ab'), pattern)}")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?=a)",
        r"(a)\1",
        r"\Z",
        "(?x)a",
        "a{1001}",
        "a*+",
        "(?>a)",
        "(?#x)",
        "(a{100}){100}",
        r"[\b]",
        "(?P=n)",
    ],
)
def test_a_pattern_that_the_engine_cannot_run_is_refused_before(engine: DuckDB, pattern: str) -> None:
    with pytest.raises(duckdb.Error):
        engine.rows(f"SELECT {engine.matches(engine.literal('ab'), pattern)}")
    assert list(faults(Rule(when={"project": f"re:{pattern}"}, set={"feature": "x"}), ["feature"]))


@pytest.mark.parametrize(
    "pattern",
    [
        "^Support",
        r"^(prod|stage)-[a-z0-9_.-]+$",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"(?i)eval\w*",
        r"gpt-4\.1(?:-mini)?",
        r"\d{4}-\d{2}-\d{2}",
    ],
)
def test_the_patterns_that_people_write_are_accepted(pattern: str) -> None:
    assert not list(faults(Rule(when={"project": f"re:{pattern}"}, set={"feature": "x"}), ["feature"]))


@pytest.mark.parametrize("pattern", ["(" * 500 + ")" * 500, "[[a]", "[a&&b]", "x" * 1001, "", "[z-a]"])
def test_a_pattern_that_is_no_use_gives_a_message_and_nothing_else(pattern: str) -> None:
    [(place, message)] = faults(Rule(when={"project": f"re:{pattern}"}, set={"feature": "x"}), ["feature"])
    assert place == ("when", "project")
    assert "\n" not in message
    assert len(message) < 400
