"""LangSmith's filter language: from text to a tree and back, and from a tree to the calls that it selects."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.collector.reading.filters import answerable, trees
from tests.collector.reading.ledgers import PROJECTS, Answers
from tests.loopback.langsmith_filter import holds

from whyspend.collector.reading import ids
from whyspend.collector.reading.filters import (
    DEEPEST,
    FilterError,
    Function,
    Items,
    Literal,
    Name,
    parse,
    printed,
)
from whyspend.errors import UsageError

EVERYTHING = {
    "project_ids": [ids.of_project(name) for name in PROJECTS],
    "page_size": 1000,
    "min_start_time": "2026-10-01T00:00:00Z",
    "max_start_time": "2026-12-01T00:00:00Z",
}

DOCUMENTED = (
    'eq(run_type, "llm")',
    'and(eq(run_type, "llm"), gt(latency, 5))',
    'and(gt(latency, "5s"), lt(total_tokens, 100000))',
    'or(eq(run_type, "llm"), eq(run_type, "embedding"), eq(metadata_key, "usage_metadata"))',
    "eq(metadata_key, 'feature')",
    "neq(metadata_key, 'feature')",
    "and(eq(metadata_key,'feature'), eq(metadata_value,'chat'))",
    "in(metadata_key, ['feature', 'env'])",
    'has(metadata, \'{"feature": "chat"}\')',
    'has(tags, "beta")',
    "neq(error, null)",
    'eq(status, "error")',
    "eq(is_root, true)",
    'like(name, "%OpenAI%")',
    'lt(start_time, "2026-11-01T00:00:00.000000Z")',
    'and(gte(start_time, "2026-10-31T00:00:00+00:00"), eq(error, null))',
    "not(has(tags, 'beta'))",
)
"""Of LangSmith's documentation and of what its SDKs send."""


@given(trees())
def test_a_tree_that_is_written_down_is_read_as_the_same_tree(tree: Function) -> None:
    assert parse(printed(tree)) == tree


@given(st.text(alphabet="()[],'\"eqand metadata_1.5-Ee\\\n\0é"))
def test_any_text_is_a_filter_or_is_refused_with_one_line(text: str) -> None:
    try:
        parse(text)
    except FilterError as error:
        assert "\n" not in str(error)


def test_terms_are_read_as_they_stand() -> None:
    tree = parse("and(gt(a, -1.50), in(b, [true, null, 'it''s', \"\"]), has(c, '{\"k\": \"v\"}'),)")
    assert tree == Function("and", (
        Function("gt", (Name("a"), Literal(Decimal("-1.50")))),
        Function("in", (Name("b"), Items((Literal(True), Literal(None), Literal("it's"), Literal(""))))),
        Function("has", (Name("c"), Literal('{"k": "v"}'))),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it ends too early (character 1)"),
        ("   ", "it ends too early (character 4)"),
        ('eq(name, "x"', "it ends where ',' should be (character 13)"),
        ('eq(name "x")', "'\"x\"' stands where ',' should be (character 9)"),
        ('eq(name, "x")) ', "')' stands where the end should be (character 14)"),
        ("eq(name, 'x)", 'nothing can begin with "\'x)" (character 10)'),
        ("eq(name, 12ab)", "nothing can begin with '12ab)' (character 10)"),
        ("eq(,)", "a value is missing before ',' (character 4)"),
        ("not(" * (DEEPEST + 2), f"it is nested more than {DEEPEST} deep (character {4 * DEEPEST + 5})"),
        ("name", "A filter is a function of a field"),
        ("x" * 100_001, "100,001 characters"),
    ],
)
def test_what_is_no_filter_is_refused_at_its_place(text: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('search("hello")', "there is no function search"),
        ('eq(feedback_key, "score")', "the ledger has no feedback_key of a run"),
        ('eq(nmae, "x")', "Did you mean 'name'?"),
        ('equals(name, "x")', "There is: eq, neq"),
        ('gt(name, "x")', "gt cannot be asked of name; eq, neq, in, nin, like can"),
        ('eq(tags, "x")', "eq cannot be asked of tags; has can"),
        ('eq(total_tokens, "12")', "a number should stand here (character 18)"),
        ("gt(total_tokens, 1e40)", "the number is too large"),
        ("gt(total_cost, 1e-25)", "the number has too many digits"),
        ('gt(start_time, "yesterday")', 'a time such as "2026-11-01T00:00:00Z" should stand here'),
        ('gt(latency, "5 s")', "a length of time"),
        ('eq(is_root, "true")', "true or false should stand here"),
        ("eq(name, 'x', 'y')", "eq takes a field and a value"),
        ("eq('x', name)", "eq takes a field and a value"),
        ("and()", "and takes conditions"),
        ("and(name)", "and takes conditions (character 5)"),
        ("not(eq(name, 'x'), eq(name, 'y'))", "not takes one condition"),
        ("in(name, 'x')", "in takes a list"),
        ("gt(latency, null)", "gt cannot be asked of null"),
        ("eq(metadata_value, 'x')", "metadata_value needs its metadata_key beside it"),
        ("has(metadata, 'x')", "should be a JSON object"),
        ("has(metadata, '{\"a\": {}}')", "'a' is asked for something else"),
        ("has(metadata, '{}')", "should be a JSON object"),
        (
            "and(eq(metadata_key, 'a'), eq(metadata_key, 'b'), eq(metadata_value, 'c'))",
            "which metadata_value belongs to which metadata_key",
        ),
    ],
)
def test_what_the_ledger_cannot_answer_is_refused_never_passed_over(
    asked: Answers, text: str, why: str
) -> None:
    with pytest.raises(UsageError) as refused:
        asked.v1(filter=text)
    assert why in str(refused.value)


@pytest.fixture(scope="module")
def runs(asked: Answers) -> list[dict[str, Any]]:
    return asked.every()


def rows_of(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs as the plain evaluation has them."""
    return [
        run | {"metadata": run["extra"]["metadata"], "latency": _latency(run), **_costs(run)} for run in runs
    ]


def _latency(run: dict[str, Any]) -> Decimal | None:
    if run["end_time"] is None:
        return None
    took = datetime.fromisoformat(run["end_time"]) - datetime.fromisoformat(run["start_time"])
    return Decimal(took.days * 86_400 + took.seconds) + Decimal(took.microseconds).scaleb(-6)


def _costs(run: dict[str, Any]) -> dict[str, Decimal | None]:
    names = ("total_cost", "prompt_cost", "completion_cost")
    return {name: None if run[name] is None else Decimal(run[name]) for name in names}


def selected(asked: Answers, tree: Function) -> list[str]:
    return [run["id"] for run in asked.v2(**EVERYTHING, filter=printed(tree))["runs"]]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_a_documented_filter_selects_what_it_says(
    asked: Answers, runs: list[dict[str, Any]], text: str
) -> None:
    tree = parse(text)
    assert selected(asked, tree) == [row["id"] for row in rows_of(runs) if holds(tree, row)]
    assert 0 < len(selected(asked, tree)) < len(runs) or "usage_metadata" in text or "start_time" in text


def test_a_filter_selects_what_a_plain_evaluation_of_each_run_selects(
    asked: Answers, runs: list[dict[str, Any]]
) -> None:
    rows = rows_of(runs)

    @examples(max_examples=100)
    @given(answerable(runs))
    def check(tree: Function) -> None:
        assert selected(asked, tree) == [row["id"] for row in rows if holds(tree, row)]

    check()


def test_keys_and_values_of_several_pairs_go_together_in_their_order(asked: Answers) -> None:
    flat = (
        "and(eq(metadata_key, 'env'), eq(metadata_value, 'prod'), "
        "eq(metadata_key, 'region'), eq(metadata_value, 'eu'))"
    )
    nested = (
        "and(and(eq(metadata_key, 'env'), eq(metadata_value, 'prod')), "
        "and(eq(metadata_key, 'region'), eq(metadata_value, 'eu')))"
    )
    found = selected(asked, parse(flat))
    assert found == selected(asked, parse(nested))
    assert found


@given(st.text(max_size=30))
@examples(max_examples=30)
def test_hostile_text_is_only_ever_a_value(asked: Answers, text: str) -> None:
    for tree in (
        Function("eq", (Name("name"), Literal(text))),
        Function("like", (Name("name"), Literal(text))),
        Function("eq", (Name("metadata_key"), Literal(text))),
        Function("and", (Function("eq", (Name("metadata_key"), Literal(text))),
                         Function("eq", (Name("metadata_value"), Literal(text))))),
    ):  # fmt: skip
        assert len(selected(asked, tree)) < 240 or set(text) <= set("%_")


def test_no_id_and_no_project_is_no_run(asked: Answers) -> None:
    assert asked.v1(limit=1)["runs"]
    assert asked.v1(id=[])["runs"] == []
    assert asked.v1(session=[])["runs"] == []
