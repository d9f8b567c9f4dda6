"""A rule as a line, as TOML, and back."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.reports.test_coverage_hostile import HOSTILE

from whyspend.attribution import Rule, matches
from whyspend.config.rules import Written, line_of, literal, parse, toml
from whyspend.engines.duckdb import DuckDB

DIMENSIONS = ("feature", "env", "user-tier")


@pytest.mark.parametrize(
    ("line", "when", "owners", "comment"),
    [
        ("when project=a set feature=b", {"project": "a"}, {"feature": "b"}, ""),
        ("when project=a,env=ci set feature=b", {"project": "a", "env": "ci"}, {"feature": "b"}, ""),
        (
            "when project=a and metadata.team='x y|z*' set feature=b and user-tier=pro",
            {"project": "a", "metadata.team": ["x y", "z*"]},
            {"feature": "b", "user-tier": "pro"},
            "",
        ),
        ("when name='re:^(a|b)$' set feature=c", {"name": "re:^(a|b)$"}, {"feature": "c"}, ""),
        ("when project=a=b set feature=c#d", {"project": "a=b"}, {"feature": "c#d"}, ""),
        ("when project='a and b' set feature='set it'", {"project": "a and b"}, {"feature": "set it"}, ""),
        ("when name='# x' set feature=y  # don't ask", {"name": "# x"}, {"feature": "y"}, "don't ask"),
    ],
)
def test_a_line_is_read_as_a_shell_reads_it(
    line: str, when: dict[str, object], owners: dict[str, str], comment: str
) -> None:
    read = parse(line, DIMENSIONS)
    assert (dict(read.rule.when), dict(read.rule.set), read.comment) == (when, owners, comment)
    assert parse(line_of(read.rule), DIMENSIONS).rule == read.rule
    entry = toml(read)
    assert tomllib.loads(entry)["attribution"] == [{"when": when, "set": owners}]
    assert entry.startswith(f"# {comment}\n[[attribution]]" if comment else "[[attribution]]")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(NAMES, NAMES)
@example("re:x|y,z=1", "\x00\r\n")
def test_a_name_as_a_condition_says_itself_on_a_line_and_in_toml(name: str, other: str) -> None:
    rule = Rule(when={"project": literal(name), "name": literal(other)}, set={"feature": "f"})
    assert parse(line_of(rule), DIMENSIONS).rule == rule
    held = tomllib.loads(toml(Written(rule)))["attribution"][0]
    assert held == {"when": dict(rule.when), "set": dict(rule.set)}


@pytest.mark.parametrize("name", [*HOSTILE, "%", "_", "100%_!\\", "[a-c]", "^$", "ß", "é"])
def test_a_name_as_a_condition_holds_for_that_name(name: str, engine: DuckDB) -> None:
    rule = Rule(when={"project": literal(name)}, set={"feature": "f"})
    sql = f"SELECT {matches(rule, engine)} FROM (SELECT {engine.literal(name)} AS project)"
    assert engine.rows(sql) == [(True,)]
