"""What `coverage` says: sums that hold for every dimension, places with fitting advice, rules on trial."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.reports import ledgers
from tests.reports.ledgers import PLAIN, place

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Cell, Table
from whyspend.reports.coverage.amounts import dollars
from whyspend.workspace import Workspace
from whyspend.workspace.windows import of_days

DAY = date(2026, 11, 20)
WEEK = of_days(date(2026, 11, 15), date(2026, 11, 21), "UTC")

Made = Callable[..., Workspace]


def call(number: int, feature: str | None = None, found: str | None = "call", **facts: Any) -> Call:
    """A call of gpt-4o that costs 1,000,000 x $2.50 / million = $2.50."""
    began = datetime(2026, 11, 20, 10, number // 60, number % 60, tzinfo=UTC)
    usual: dict[str, Any] = {
        "source": "prod",
        "project": "chat",
        "call_id": f"run-{number}",
        "trace_id": f"trace-{number}",
        "started_at": int(began.timestamp()) * 1_000_000,
        "provider": "openai",
        "model_requested": "gpt-4o",
        "input_tokens": 1_000_000,
        "prompt_total": 1_000_000,
        "usage_source": "server",
        "root_name": "answer",
        "name": "ChatOpenAI",
        "call_site": "answer / ChatOpenAI",
        "dimensions": (feature, None),
        "attributed": (found if feature else None, None),
    }
    return Call(**usual | facts)


@pytest.fixture
def made(engine: DuckDB, tmp_path: Path) -> Made:
    """A workspace with a ledger of some calls."""

    def workspace(calls: Sequence[Call], config: str = PLAIN) -> Workspace:
        return place(tmp_path, engine, calls, config)

    return workspace


def cells(answer: Table) -> list[dict[str, Cell]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def added(rows: Sequence[dict[str, Cell]], column: str) -> Decimal:
    return sum((Decimal(str(row[column])) for row in rows if row[column] is not None), Decimal(0))


def fix_of(answer: Table) -> str:
    (row,) = [row for row in cells(answer) if row["fix"]]
    return str(row["fix"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("top", [0, 2])
def test_the_rows_of_each_dimension_add_up_to_the_report_s_total(made: Made, seed: int, top: int) -> None:
    draw = Random(seed)
    anchor = draw.choice(list(ledgers.ANCHORS))
    world, config = ledgers.ledger(draw, anchor, 40, ruled=seed % 2 == 1)
    where = made(world.calls, config)
    window = of_days(anchor, date.fromordinal(anchor.toordinal() + 2), draw.choice(ledgers.ZONES))
    filters = draw.choice(((), ("model=gpt-4o*",), ("feature!=rag",)))
    report = where.ask("report", window, where=filters)
    answer = where.ask("coverage", window, where=filters, top=top)
    for dimension in ledgers.DIMENSIONS:
        rows = [row for row in cells(answer) if row["dimension"] == dimension]
        tokens = Decimal(0)
        for name in ("input_tokens", "output_tokens"):
            tokens += Decimal(str(report.total[name]))
        assert added(rows, "calls") == report.total["calls"]
        assert added(rows, "cost_usd") == (report.total["cost_usd"] or 0)
        assert added(rows, "unpriced_calls") == report.total["unpriced_calls"]
        assert added(rows, "tokens") == tokens


def test_each_way_to_an_owner_has_its_row(made: Made) -> None:
    calls = [
        call(1, "a", "call"),
        call(2, "a", "ancestor"),
        call(3, "a", "root"),
        call(4, "a", "environment"),
        call(5, project="nightly"),
        call(6),
        call(7, model_requested="nobody-knows"),
    ]
    config = PLAIN + '[[attribution]]\nwhen = { project = "nightly" }\nset = { feature = "evals" }\n'
    answer = made(calls, config).ask("coverage", WEEK)
    rows = [row for row in cells(answer) if row["dimension"] == "feature"]
    assert [(row["owner"], row["calls"], row["cost_usd"], row["unpriced_calls"]) for row in rows] == [
        ("tagged", 1, Decimal("2.5"), 0),
        ("inherited", 2, Decimal(5), 0),
        ("environment", 1, Decimal("2.5"), 0),
        ("by rule", 1, Decimal("2.5"), 0),
        ("untagged", 1, Decimal("2.5"), 0),
        ("untagged", 1, None, 1),
    ]
    assert answer.headline == (
        "feature: $2.50 (16.7 % of dollars) and 2 calls, 1 of them without a price, have no owner, in 2 places."
    )
    assert any("nobody-knows" in note for note in answer.notes)


def test_the_dearest_places_come_first_and_the_rest_is_added_up(made: Made) -> None:
    calls = [call(at, root_name=f"r{at}", call_site=f"r{at} / x", input_tokens=at) for at in range(1, 6)]
    rows = [row for row in cells(made(calls).ask("coverage", WEEK, top=2)) if row["owner"] == "untagged"]
    assert [(row["project"], row["root_name"], row["calls"]) for row in rows[:3]] == [
        ("chat", "r5", 1),
        ("chat", "r4", 1),
        ("(others)", "", 3),
    ]


def test_each_place_is_looked_at_on_the_last_day_on_which_it_was_seen(made: Made) -> None:
    earlier = 86_400 * 1_000_000
    calls = [call(1), call(2, root_name="old", metadata='{"feature_id": "x"}')]
    calls += [call(3, root_name="older"), call(4, metadata='{"Feature": "gone"}')]
    for at, days in ((1, 1), (2, 3), (3, 1)):
        calls[at].started_at -= days * earlier
    answer = made(calls).ask("coverage", WEEK)
    rows = {row["root_name"]: row for row in cells(answer) if row["fix"]}
    assert [(name, row["calls"], row["sample_run"]) for name, row in sorted(rows.items(), key=str)] == [
        ("answer", 2, "run-1"),
        ("old", 1, "run-2"),
        ("older", 1, "run-3"),
    ]
    assert str(rows["answer"]["fix"]).startswith("No metadata at all")
    assert "feature_id=x" in str(rows["old"]["fix"])


# The advice that fits


def test_a_place_without_any_metadata_is_told_to_wrap_the_call(made: Made) -> None:
    answer = made([call(1)]).ask("coverage", WEEK)
    assert fix_of(answer) == 'No metadata at all. Wrap it: with whyspend.feature("answer").'


def test_the_proposed_name_is_spelled_like_a_value_that_exists(made: Made) -> None:
    answer = made([call(1, root_name="RAG Search"), call(2, "rag_search")]).ask("coverage", WEEK)
    assert fix_of(answer).endswith('with whyspend.feature("rag_search").')


@pytest.mark.parametrize("key", ["Feature", "feature_name", "FEATURE", "app.feature", "featureId"])
def test_a_key_that_is_spelled_otherwise_is_named(made: Made, key: str) -> None:
    calls = [call(1, metadata='{"x": "y"}'), call(2, metadata=f'{{"{key}": "search"}}')]
    fix = fix_of(made(calls).ask("coverage", WEEK))
    assert fix == f"It is spelled otherwise: the runs carry {key}=search. Name the key feature."


def test_a_value_under_another_key_is_named(made: Made) -> None:
    calls = [call(1, metadata='{"component": "Rag Search"}'), call(2, "rag-search")]
    fix = fix_of(made(calls).ask("coverage", WEEK))
    assert fix == "The runs carry component=Rag Search, a value of feature: name that key feature."


def test_calls_that_lost_their_owner_in_a_thread_are_told_so(made: Made) -> None:
    calls = [call(1, "a", trace_id="t"), call(2, trace_id="t"), call(3, trace_id="t")]
    fix = fix_of(made(calls).ask("coverage", WEEK))
    assert fix == (
        "Lost in a thread: in a trace of 2026-11-20 other calls say feature=a. "
        "Use langsmith.ContextThreadPoolExecutor, or tag the root run."
    )


def test_calls_below_a_tagged_root_that_did_not_inherit_are_told_so(made: Made) -> None:
    calls = [call(1, "a", "root", trace_id="t"), call(2, trace_id="t")]
    assert "The root of the trace says feature=a" in fix_of(made(calls).ask("coverage", WEEK))


def test_a_conversation_that_is_tagged_in_part_is_told_so(made: Made) -> None:
    calls = [call(1, "a", thread_id="talk"), call(2, thread_id="talk")]
    fix = fix_of(made(calls).ask("coverage", WEEK))
    assert fix.startswith("Tagged in part: other requests of the same thread say feature=a.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("environment", "Only the process is tagged. Set LANGSMITH_FEATURE for it"),
        ("root", "Metadata is on the runs above only, without feature."),
        ("ancestor", "Metadata is on the runs above only, without feature."),
        ("call", 'The runs carry metadata, without feature. Add "feature": "answer" to it.'),
    ],
)
def test_where_other_dimensions_come_from_decides_the_advice(made: Made, found: str, said: str) -> None:
    calls = [call(1, dimensions=(None, "ci"), attributed=(None, found))]
    assert said in fix_of(made(calls).ask("coverage", WEEK))


def test_what_a_run_says_of_itself_names_its_makers_first(made: Made) -> None:
    metadata = '{"a": 1, "b": 2, "region": "eu", "team": "growth"}'
    (row,) = [row for row in cells(made([call(1, metadata=metadata)]).ask("coverage", WEEK)) if row["fix"]]
    assert row["carries"] == "team=growth, a=1, b=2"


def test_another_dimension_can_be_asked_for(made: Made) -> None:
    answer = made([call(1, "a")]).ask("coverage", WEEK, dimension="env")
    assert fix_of(answer).endswith('Add "env": "VALUE" to it.')
    assert made([]).ask("coverage", WEEK, dimension="env", suggest=True).rows == ()
    bare = made([call(2, project="bare")]).ask("coverage", WEEK, dimension="env", where=("project=bare",))
    assert fix_of(bare) == 'No metadata at all. Wrap it: with whyspend.feature("NAME", env="VALUE").'
    with pytest.raises(UsageError, match=r"'featre' is not a dimension\. Did you mean 'feature'"):
        made([]).ask("coverage", WEEK, dimension="featre")


# Spelling variants


def test_values_that_differ_only_in_spelling_are_folded_by_the_toml_that_is_shown(made: Made) -> None:
    calls = [call(1, "rag-search"), call(2, "rag-search"), call(3, "RAG search"), call(4, "rag_search")]
    calls += [call(5, "chat"), call(6, "chats")]
    answer = made(calls).ask("coverage", WEEK)
    said = "Spelling variants of feature: rag-search $5.00, RAG search $2.50, rag_search $2.50."
    at = answer.notes.index(said)
    toml = "\n".join(answer.notes[at + 2 : at + 5])
    assert toml == '[aliases.feature]\n"RAG search" = "rag-search"\nrag_search = "rag-search"'
    table = made([]).ask("coverage", WEEK, variants=True)
    assert [(row["value"], row["folds_into"], row["cost_usd"]) for row in cells(table)] == [
        ("rag-search", "rag-search", Decimal(5)),
        ("RAG search", "rag-search", Decimal("2.5")),
        ("rag_search", "rag-search", Decimal("2.5")),
    ]
    folded = made([], f"{PLAIN}{toml}\n")
    assert not [note for note in folded.ask("coverage", WEEK).notes if "Spelling" in note]
    assert [row["calls"] for row in cells(folded.ask("report", WEEK)) if row["feature"] == "rag-search"] == [
        4
    ]


# Rules on trial, and proposed


def test_a_rule_on_trial_shows_dollars_by_old_and_new_owner(made: Made) -> None:
    calls = [call(1), call(2), call(3, "a"), call(4, project="other")]
    where = made(calls)
    answer = where.ask("coverage", WEEK, try_="when project=chat set feature=b,env=ci")
    assert [
        (row["dimension"], row["owner"], row["new_owner"], row["calls"], row["cost_usd"], row["sample_run"])
        for row in cells(answer)
    ] == [
        ("env", "untagged", "ci", 3, Decimal("7.5"), "run-3"),
        ("feature", "untagged", "b", 2, Decimal(5), "run-2"),
        ("feature", "a", "a", 1, Decimal("2.5"), "run-3"),
    ]
    assert answer.total["cost_usd"] == Decimal("7.5")
    assert answer.headline.splitlines()[:2] == [
        "feature: $5.00 and 2 calls would get an owner; 1 call that it matches have an owner and keep it.",
        "Owned dollars of feature: 25.0 % now, 75.0 % with the rule.",
    ]


def test_what_a_trial_says_is_what_the_rule_then_does(made: Made) -> None:
    line = "when root_name='re:^Sup' and project='chat|agents' set feature=support"
    draw = Random(5)
    world, _ = ledgers.ledger(draw, date(2026, 10, 14), 60, ruled=False)
    window = of_days(date(2026, 10, 9), date(2026, 10, 17), "UTC")
    before = made(world.calls)
    tried = before.ask("coverage", window, try_=line)
    moved = {row["new_owner"]: row["cost_usd"] for row in cells(tried) if row["owner"] != row["new_owner"]}
    toml = "\n".join(note for note in tried.notes if re.match(r"\[\[attribution|when = |set = ", note))
    total = before.ask("report", window).total
    after = made([], f"{PLAIN}{toml}\n").ask("report", window)
    assert after.total == total
    assert {row["feature"]: row["cost_usd"] for row in cells(after) if row["feature"] == "support"} == moved


def test_a_rule_that_moves_nothing_says_so(made: Made) -> None:
    where = made([call(1, "a")])
    assert "feature: the rule moves nothing in these days: it matches no call." in (
        where.ask("coverage", WEEK, try_="when project=nope set feature=b").headline
    )
    assert "feature: the rule moves nothing in these days: all 1 call that it matches have an owner." in (
        where.ask("coverage", WEEK, try_="when project=chat set feature=b").headline
    )


def test_the_proposed_owner_is_the_one_that_calls_of_the_same_place_carry(made: Made) -> None:
    calls = [call(at, "b") for at in range(9)] + [call(9, "a"), call(10), call(11)]
    (row,) = cells(made(calls).ask("coverage", WEEK, suggest=True))
    assert (row["rule"], row["purity"], row["cost_usd"]) == (
        "when root_name=answer set feature=b",
        Decimal("0.9"),
        Decimal(5),
    )


def test_a_project_without_any_owner_is_one_rule(made: Made) -> None:
    calls = [
        call(1, project="nightly-eval"),
        call(2, project="nightly-eval", root_name="judge"),
        call(3, "a"),
    ]
    (row,) = cells(made(calls).ask("coverage", WEEK, suggest=True))
    assert (row["rule"], row["calls"]) == ("when project=nightly-eval set feature=nightly-eval", 2)


def test_where_neighbours_disagree_the_call_site_decides_or_nothing_is_proposed(made: Made) -> None:
    calls = [call(1, "a"), call(2, "b"), call(3, call_site="answer / judge / ChatOpenAI")]
    calls += [call(4, "b", call_site="answer / judge / ChatOpenAI")]
    (row,) = cells(made(calls).ask("coverage", WEEK, suggest=True))
    assert row["rule"] == "when project=chat and 'call_site=answer / judge / ChatOpenAI' set feature=b"
    none = made([call(5)]).ask("coverage", WEEK, suggest=True, where=("call_site=answer / ChatOpenAI",))
    assert none.rows == ()
    assert any("No rule tells these calls from others" in note for note in none.notes)


@pytest.mark.parametrize(
    "name",
    [
        "a|b",
        "re:^x",
        "two words",
        "it's",
        'a"b',
        "star*",
        "x,y=z",
        "tab\there",
        "# no",
        "日本語",
        "set",
        "a\\b",
    ],
)
def test_a_proposed_rule_for_any_name_takes_just_the_calls_that_it_says(made: Made, name: str) -> None:
    calls = [call(1, root_name=name), call(2, "a", root_name="other"), call(3, root_name=f"{name}x")]
    where = made(calls, PLAIN)
    rows = cells(where.ask("coverage", WEEK, suggest=True))
    assert {row["calls"] for row in rows} == {1}
    for row in rows:
        tried = where.ask("coverage", WEEK, try_=str(row["rule"]))
        assert [(each["calls"], each["new_owner"]) for each in cells(tried)] == [(1, row["value"])]


def test_a_value_that_no_line_can_say_is_not_proposed(made: Made) -> None:
    answer = made([call(1, "a,env=b"), call(2)]).ask("coverage", WEEK, suggest=True)
    assert answer.rows == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("project=x set feature=y", "A rule reads: when KEY=VALUE set DIMENSION=VALUE"),
        ("when project=x", "A rule reads"),
        ("when project=x set", "'set' is empty"),
        ("when set feature=y", "'when' is empty"),
        ("when project set feature=y", "'project' is not key=value"),
        ("when project='x set feature=y", "a quote that does not end"),
        ("when projct=x set feature=y", "Did you mean 'project'"),
        ("when project=x set featre=y", "Did you mean 'feature'"),
        ("when project='re:(' set feature=y", "regular expression"),
        ("when project=x project=y set feature=y", "twice"),
        ("when project=\ud800 set feature=y", "not UTF-8"),
    ],
)
def test_a_rule_that_cannot_be_read_says_what_to_write(made: Made, line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made([]).ask("coverage", WEEK, try_=line)


def test_questions_of_their_own_do_not_mix(made: Made) -> None:
    with pytest.raises(UsageError, match="questions of their own"):
        made([]).ask("coverage", WEEK, suggest=True, variants=True)
    with pytest.raises(UsageError, match="less than 0"):
        made([]).ask("coverage", WEEK, top=-1)


def test_money_that_is_no_call_stands_in_a_row_of_its_own(made: Made) -> None:
    search: dict[str, Any] = {
        "provider": "google_genai",
        "model_requested": "gemini-2.5-flash",
        "web_searches": 100,
    }
    config = PLAIN + (
        '[[free_quotas]]\nprovider = "google"\nmodel = "gemini-2.5-*"\nunit = "web_searches"\nper = "day"\n'
        "amount = 60\n"
    )
    where = made([call(1, "a", **search), call(2, **search)], config)
    total = where.ask("report", WEEK).total["cost_usd"]
    answer = where.ask("coverage", WEEK)
    for dimension in ("feature", "env"):
        rows = [row for row in cells(answer) if row["dimension"] == dimension]
        assert added([row for row in rows if row["owner"] == "(adjustment)"], "cost_usd") < 0
        assert added(rows, "cost_usd") == total
    assert answer.total["cost_usd"] == total


def test_dollars_in_a_sentence_are_spelled_as_in_a_cell() -> None:
    assert [dollars(units) for units in (None, 0, 68 * 10**17, 125 * 10**22)] == [
        "an unknown amount", "$0.00", "$0.0000068", "$1.25",
    ]  # fmt: skip
