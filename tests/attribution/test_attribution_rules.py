import pytest
from tests.attribution.reference import DIMENSIONS, Row, attributed, on_duckdb

from whyspend.attribution import Condition, Rule, expressions, faults
from whyspend.engines.duckdb import DuckDB
from whyspend.errors import ConfigError
from whyspend.model import COLUMNS


def feature_of(
    engine: DuckDB, row: Row, *rules: Rule, aliases: dict[str, str] | None = None
) -> tuple[object, object]:
    """Value and origin of `feature`, checked against the reference."""
    folds = {"feature": aliases or {}}
    [found] = on_duckdb(engine, expressions(DIMENSIONS, rules, folds, engine), [row])
    assert found[:2] == attributed(row, "feature", rules, folds)
    return found[0], found[1]


def to(feature: str, **when: Condition) -> Rule:
    return Rule(when=when, set={"feature": feature})


def test_without_rules_and_aliases_a_dimension_is_its_bare_column(engine: DuckDB) -> None:
    rule = Rule(when={"project": "p"}, set={"env": "ci"})
    found = expressions(DIMENSIONS, [rule], {"env": {"prd": "production"}}, engine)
    assert found["feature"] == ('"feature"', '"feature_from"')
    assert list(found) == ["feature", "env"]


def test_a_rule_owns_what_nobody_else_owns(engine: DuckDB) -> None:
    assert feature_of(engine, {"project": "nightly"}, to("evals", project="nightly")) == ("evals", "rule")
    assert feature_of(engine, {"project": "Nightly"}, to("evals", project="nightly")) == (None, None)
    assert feature_of(engine, {}, to("evals", project="nightly")) == (None, None)


@pytest.mark.parametrize("origin", ["call", "ancestor", "root", "environment"])
def test_what_a_call_says_beats_every_rule(engine: DuckDB, origin: str) -> None:
    row = {"project": "nightly", "feature": "search", "feature_from": origin}
    assert feature_of(engine, row, to("evals", project="nightly")) == ("search", origin)


def test_the_first_rule_that_matches_wins_for_each_dimension(engine: DuckDB) -> None:
    rules = [
        Rule(when={"project": "p"}, set={"env": "ci"}),
        Rule(when={"project": "p"}, set={"feature": "first", "env": "late"}),
        Rule(when={"project": "p"}, set={"feature": "second"}),
    ]
    [found] = on_duckdb(engine, expressions(DIMENSIONS, rules, {}, engine), [{"project": "p"}])
    assert found == ("first", "rule", "ci", "rule")


def test_all_conditions_of_a_rule_must_hold(engine: DuckDB) -> None:
    rule = to("x", project="p", name="n")
    assert feature_of(engine, {"project": "p", "name": "n"}, rule) == ("x", "rule")
    assert feature_of(engine, {"project": "p"}, rule) == (None, None)


@pytest.mark.parametrize(
    ("row", "condition"),
    [
        ({"project": "b"}, {"project": ["a", "b"]}),
        ({"project": "prod-chat"}, {"project": "prod-*"}),
        ({"project": "prod-1"}, {"project": "prod-?"}),
        ({"project": "100%_!"}, {"project": "100%_!*"}),
        ({"project": "back\\slash"}, {"project": "back\\*"}),
        ({"project": "Support bot"}, {"project": "re:^Support"}),
        ({"project": "a Support"}, {"project": ["x", "y*", "re:port$"]}),
        ({"model_answered": "gpt-4o-2024", "model_requested": "gpt-4o"}, {"model": "gpt-4o-2024"}),
        ({"model_requested": "gpt-4o"}, {"model": "gpt-4o"}),
        ({"tags": ["batch", "eval"]}, {"tags": "eval"}),
        ({"tags": ["batch", "eval-7"]}, {"tags": ["no", "eval-*"]}),
        ({"tags": ["batch", "eval-7"]}, {"tags": "re:^eval-[0-9]$"}),
        ({"metadata": '{"team": "cx"}'}, {"metadata.team": ["cx", "cx-eu"]}),
        ({"metadata": '{"a.b": "x", "a": {"b": "no"}}'}, {"metadata.a.b": "x"}),
        ({"metadata": '{"batch": true}'}, {"metadata.batch": "true"}),
        (
            {"metadata": '{"$": "x", "/": "y", "*": "z"}'},
            {"metadata.$": "x", "metadata./": "y", "metadata.*": "z"},
        ),
        ({"env": "ci", "env_from": "call"}, {"env": "ci"}),
    ],
)
def test_a_condition_that_holds(engine: DuckDB, row: Row, condition: dict[str, Condition]) -> None:
    assert feature_of(engine, row, Rule(when=condition, set={"feature": "x"})) == ("x", "rule")


@pytest.mark.parametrize(
    ("row", "condition"),
    [
        ({}, {"project": "*"}),
        ({"project": "prodXchat"}, {"project": "prod_cha*"}),
        ({"project": "100"}, {"project": "1%?"}),
        ({"project": "prod-12"}, {"project": "prod-?"}),
        ({"model_answered": "gpt-4o-2024", "model_requested": "gpt-4o"}, {"model": "gpt-4o"}),
        ({"tags": []}, {"tags": "*"}),
        ({"tags": None}, {"tags": ["a", "b*"]}),
        ({"metadata": '{"team": null}'}, {"metadata.team": "*"}),
        ({"metadata": None}, {"metadata.team": "*"}),
        ({"metadata": '{"$": "x"}'}, {"metadata.$.a": "re:."}),
    ],
)
def test_a_condition_that_does_not_hold(engine: DuckDB, row: Row, condition: dict[str, Condition]) -> None:
    assert feature_of(engine, row, Rule(when=condition, set={"feature": "x"})) == (None, None)


def test_a_condition_sees_the_stored_value_and_not_what_another_rule_sets(engine: DuckDB) -> None:
    rules = [Rule(when={"project": "p"}, set={"env": "ci"}), to("evals", env="ci")]
    assert feature_of(engine, {"project": "p"}, *rules) == (None, None)


def test_aliases_fold_spellings_of_calls_and_of_rules(engine: DuckDB) -> None:
    folds = {"rag_search": "rag-search", "RAG": "rag-search", "rag/search": "other"}
    stored = {"feature": "RAG", "feature_from": "root"}
    assert feature_of(engine, stored, aliases=folds) == ("rag-search", "root")
    by_rule = to("rag_search", project="p")
    assert feature_of(engine, {"project": "p"}, by_rule, aliases=folds) == ("rag-search", "rule")
    assert feature_of(engine, {"feature": "rag", "feature_from": "call"}, by_rule, aliases=folds) == (
        "rag",
        "call",
    )


def test_every_text_column_of_the_ledger_can_be_a_condition() -> None:
    texts = {column.name for column in COLUMNS if column.sql == "VARCHAR"} - {"metadata", "usage_raw"}
    assert {"project", "name", "root_name", "provider", "call_site", "kind", "release"} <= texts
    for name in (*texts, "model", "tags", "metadata.team", *DIMENSIONS):
        assert not list(faults(Rule(when={name: "x"}, set={"feature": "x"}), DIMENSIONS))


@pytest.mark.parametrize(
    ("rule", "place", "said"),
    [
        (Rule(when={"projct": "p"}, set={"feature": "x"}), ("when", "projct"), "Did you mean 'project'?"),
        (Rule(when={"team": "p"}, set={"feature": "x"}), ("when", "team"), '"metadata.KEY"'),
        (Rule(when={"metadata": "p"}, set={"feature": "x"}), ("when", "metadata"), '"metadata.KEY"'),
        (Rule(when={"input_tokens": "1"}, set={"feature": "x"}), ("when", "input_tokens"), "cannot look at"),
        (Rule(when={"project": "p"}, set={"featur": "x"}), ("set", "featur"), "Did you mean 'feature'?"),
        (Rule(when={"project": "p"}, set={"feature": " "}), ("set", "feature"), "empty"),
        (Rule(when={"project": "p"}, set={"feature": "x" * 257}), ("set", "feature"), "256"),
        (Rule(when={"project": "p"}, set={}), ("set",), "do nothing"),
        (Rule(when={}, set={"feature": "x"}), ("when",), 'project = "*"'),
        (Rule(when={"project": []}, set={"feature": "x"}), ("when", "project"), "never match"),
        (Rule(when={"project": "a\0"}, set={"feature": "x"}), ("when", "project"), "NUL"),
        (
            Rule(when={"project": ["ok", "re:("]}, set={"feature": "x"}),
            ("when", "project"),
            "regular expression",
        ),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_with_the_way_out(
    engine: DuckDB, rule: Rule, place: tuple[str, ...], said: str
) -> None:
    [(found, message)] = faults(rule, DIMENSIONS)
    assert found == place
    assert said in message
    assert "\n" not in message
    with pytest.raises(ConfigError, match=r"^Attribution rule 1: "):
        expressions(DIMENSIONS, [rule], {}, engine)


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"featur": {"a": "b"}}, "Did you mean 'feature'?"),
        ({"feature": {"a": ""}}, "empty"),
        ({"feature": {"a": "b", "b": "c"}}, "Name the final value"),
        ({"feature": {"a\0": "b"}}, "NUL"),
    ],
)
def test_an_alias_that_cannot_be_used_is_named(
    engine: DuckDB, aliases: dict[str, dict[str, str]], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        expressions(DIMENSIONS, [], aliases, engine)
    assert said in str(caught.value)
