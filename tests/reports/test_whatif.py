"""`whatif` re-prices the same calls exactly: against each call alone, and by the laws that a re-pricing obeys."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from itertools import chain, combinations
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.ledgers import ANCHORS, PLAIN, PRICES, ledger, place
from tests.reports.reference import Question, World, value
from tests.reports.repriced import Different, bounded, costs, shapley
from tests.reports.spending import at, publish, spend
from tests.reports.spending import place as priced_place

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Table
from whyspend.pricing.plan import Basis
from whyspend.pricing.tokenizers import SAME, between
from whyspend.reports.whatif.effects import rounded, shares
from whyspend.workspace import Workspace
from whyspend.workspace.closing import close
from whyspend.workspace.windows import of_days

SWAPS = (
    ("gpt-4o", "openai", "gpt-4.1-mini"),
    ("gpt-*", "anthropic", "claude-sonnet-4-5"),  # more tokens of the same text, and a tier above 200,000
    ("claude-*", "openai", "gpt-5-mini"),
    ("*", "deepseek", "deepseek-v4-pro"),  # by the time of the day
    ("made-up-model", "google", "gemini-2.5-pro"),
    ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
    ("*", "perplexity", "sonar"),  # a price for each call
)
DISCOUNT = '[[discounts]]\nprovider = "openai"\npercent = 15\n'


def units(value: Any) -> int | None:
    return None if value is None else int(Decimal(value).scaleb(24, Context(prec=100)))


def figures(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def options(asked: Different) -> dict[str, Any]:
    given: dict[str, Any] = {"batch": asked.batch, "drop_retries": asked.retries}
    if asked.swap:
        old, provider, model = asked.swap
        given["swap"] = (f"{old}={provider}/{model}",)
    if asked.cache is not None:
        given["cache_hit"] = f"{float(asked.cache * 100):g}%"
    if asked.at is not None:
        given["prices_at"] = asked.at.isoformat()
    return given


def different(draw: Random) -> Different:
    while True:
        made = Different(
            swap=draw.choice((None, *SWAPS)),
            cache=draw.choice((None, None, Fraction(1), Fraction(4, 5), Fraction(3333, 10000))),
            batch=draw.random() < 0.4,
            retries=draw.random() < 0.3,
            at=draw.choice((None, None, date(2026, 11, 20), date(2026, 2, 1))),
        )
        if made.options:
            return made


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_every_figure_is_that_of_each_call_priced_alone(engine: DuckDB, seed: int) -> None:
    draw = Random(seed)
    anchor = draw.choice(list(ANCHORS))
    world, config = ledger(draw, anchor, draw.choice((1, 4, 9)), ruled=False)
    off = draw.choice((Fraction(1), Fraction(85, 100)))
    first, last = anchor.replace(day=1), anchor
    with TemporaryDirectory() as folder:
        where = place(Path(folder), engine, world.calls, config + (DISCOUNT if off < 1 else ""))
        for _ in range(3):
            asked = different(draw)
            question = Question(first, last, by=draw.choice((("feature",), ("model", "env"), ("day",))))
            answer = where.ask("whatif", of_days(first, last, "UTC"), by=question.by, **options(asked))
            calls = [call for call in world.calls if question.start <= call.started_at < question.end]
            check_rows(answer, world, question, calls, asked, off)
            check_effects(answer, calls, asked, off)


def check_rows(
    answer: Table, world: World, question: Question, calls: Sequence[Call], asked: Different, off: Fraction
) -> None:
    expected: dict[tuple[Any, ...], list[Call]] = {}
    for call in calls:
        own = tuple(str(value(world, call, key, "UTC")) for key in question.by)
        expected.setdefault(own, []).append(call)
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in figures(answer):
        own = tuple("None" if row[key] in ("untagged", "unknown") else str(row[key]) for key in question.by)
        found.setdefault(own, []).append(row)
    merged = {own: added(rows) for own, rows in found.items()}
    assert merged.keys() == {
        tuple("None" if part in ("untagged", "unknown") else part for part in own) for own in expected
    }
    for own, row in merged.items():
        group = [c for key, each in expected.items() for c in each if _same(key, own)]
        before = [costs(call, PRICES, asked, (), off) for call in group]
        after = [bounded(call, PRICES, asked, asked.options, off) for call in group]
        known = [each for each in before if each is not None]
        assert row["calls"] == len(group)
        assert row["cost_usd"] == (sum(known) if known else None)
        assert row["whatif_usd"] == (sum(each[0] for each in after if each[0] is not None) if known else None)
        for name, place_of in (("low_usd", 1), ("high_usd", 2)):
            near = sum((each[place_of] or Fraction(0)) for each in after)
            assert row[name] is None if not known else abs(row[name] - near) <= len(group) * 10**12


def _same(key: tuple[str, ...], own: tuple[str, ...]) -> bool:
    return tuple("None" if part in ("untagged", "unknown") else part for part in key) == own


def added(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows that are labelled alike (a name that is spelled like the sign for none) as one."""
    found: dict[str, Any] = {"calls": sum(row["calls"] for row in rows)}
    for name in ("cost_usd", "whatif_usd", "low_usd", "high_usd"):
        known = [units(row[name]) or 0 for row in rows if row[name] is not None]
        found[name] = sum(known) if known else None
    return found


def check_effects(answer: Table, calls: Sequence[Call], asked: Different, off: Fraction) -> None:
    values: dict[frozenset[str], Fraction] = {}
    for subset in chain.from_iterable(
        combinations(asked.options, size) for size in range(len(asked.options) + 1)
    ):
        each = (costs(call, PRICES, asked, subset, off) for call in calls)
        values[frozenset(subset)] = sum((cost for cost in each if cost is not None), Fraction(0))
    expected = shapley(values, asked.options)
    found = {str(row["option"]).split()[0].replace("-", "_"): units(row["change_usd"]) or 0
             for row in answer.details["effects"]}  # fmt: skip
    assert found.keys() == expected.keys()
    for option, effect in found.items():
        assert abs(effect - expected[option]) < 1
    assert sum(found.values()) == values[frozenset(asked.options)] - values[frozenset()]


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_a_model_swapped_to_itself_changes_nothing(engine: DuckDB, seed: int) -> None:
    draw = Random(seed)
    anchor = draw.choice(list(ANCHORS))
    world, config = ledger(draw, anchor, 6, ruled=False)
    names = sorted({call.model_requested for call in world.calls if call.model_requested})
    with TemporaryDirectory() as folder:
        where = place(Path(folder), engine, world.calls, config)
        known = [name for name in names if name not in ("made-up-model", "gpt-4o-audio-preview")]
        if not known:
            return
        answer = where.ask(
            "whatif", of_days(anchor.replace(day=1), anchor, "UTC"), swap=tuple(f"{n}={n}" for n in known)
        )
    for row in figures(answer):
        assert row["cost_usd"] == row["whatif_usd"] == row["low_usd"] == row["high_usd"]


@pytest.fixture
def desk(tmp_path: Path, engine: DuckDB) -> Workspace:
    return place(tmp_path, engine, [], PLAIN)


def call(number: int, model: str, tokens: int, **more: Any) -> Call:
    provider = "anthropic" if model.startswith("claude") else "openai"
    return Call(
        **{
            "source": "prod",
            "project": "p",
            "call_id": f"c{number}",
            "trace_id": f"t{number}",
            "call_site": "answer",
            "started_at": int(at("2026-11-10 10:00").timestamp()) * 1_000_000 + number,
            "provider": provider,
            "model_requested": model,
            "input_tokens": tokens,
            "prompt_total": tokens,
            "usage_source": "server",
            "dimensions": ("rag", "prod"),
            "attributed": ("call", "call"),
            **more,
        }
    )


def week(where: Workspace, **given: Any) -> Table:
    return where.ask("whatif", of_days(date(2026, 11, 8), date(2026, 11, 14), "UTC"), **given)


def test_a_swap_of_a_million_tokens_costs_what_the_price_lists_say(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, [call(1, "gpt-4o", 1_000_000, output_tokens=100_000)])
    answer = week(where, swap=("gpt-4o=gpt-4.1-mini",))
    assert (answer.total["cost_usd"], answer.total["whatif_usd"]) == (Decimal("3.5"), Decimal("0.56"))
    assert answer.total["change_usd"] == Decimal("-2.94")
    assert answer.total["share"] == Decimal("-0.84")
    assert answer.headline == "$3.50 -> $0.56 (-$2.94, -84.0 %).\nswap gpt-4o -> gpt-4.1-mini: -$2.94"
    assert any("Quality not considered" in note for note in answer.notes)
    assert "The same tokenizer counts for the old and the new model." in answer.notes


def test_a_context_tier_of_the_new_model_is_applied_call_by_call_not_to_the_mean(
    tmp_path: Path, engine: DuckDB
) -> None:
    # One prompt above 200,000 tokens among nine short ones: the mean is far below.
    calls = [call(n, "gpt-4o", 10_000) for n in range(9)] + [call(9, "gpt-4o", 250_000)]
    answer = week(place(tmp_path, engine, calls), swap=("gpt-4o=google/gemini-2.5-pro",))
    assert answer.total["whatif_usd"] == Decimal("1.25") * 9 / 100 + Decimal("2.50") * 25 / 100


def test_more_tokens_can_lift_a_prompt_over_a_tier(tmp_path: Path, engine: DuckDB) -> None:
    answer = week(
        place(tmp_path, engine, [call(1, "gpt-4o", 160_000)]), swap=("gpt-4o=anthropic/claude-sonnet-4-5",)
    )
    assert answer.total["whatif_usd"] == Decimal("0.48")  # at $3
    assert answer.total["low_usd"] == Decimal("0.36")  # 120,000 tokens
    assert answer.total["high_usd"] == Decimal("1.2768")  # 212,800 tokens at $6


def test_the_tokens_of_both_models_at_one_call_site_are_better_than_a_rule_of_thumb(
    tmp_path: Path, engine: DuckDB
) -> None:
    calls = [call(n, "gpt-4o", 1_000) for n in range(40)]
    calls += [call(100 + n, "claude-sonnet-4-6", 1_220) for n in range(40)]
    answer = week(place(tmp_path, engine, calls), swap=("gpt-4o=anthropic/claude-sonnet-4-6",), by=("model",))
    swapped = next(row for row in figures(answer) if row["model"] == "gpt-4o")
    assert swapped["low_usd"] == swapped["high_usd"] == swapped["whatif_usd"] * Decimal("1.22")
    assert any("1.22 times as many (measured in these days at 1 call site" in note for note in answer.notes)


def test_reads_are_raised_only_where_they_are_less_and_writes_bound_them_from_above(
    tmp_path: Path, engine: DuckDB
) -> None:
    less = call(1, "claude-sonnet-4-5", 8_000, cache_read_tokens=2_000, prompt_total=10_000)
    more = call(2, "claude-sonnet-4-5", 1_000, cache_read_tokens=9_000, prompt_total=10_000)
    answer = week(place(tmp_path, engine, [less, more]), cache_hit="80%")
    held = Decimal("0.0057")  # the second: 1,000 at $3 and 9,000 at $0.30
    assert answer.total["whatif_usd"] == Decimal("0.0084") + held  # 2,000 at $3, 8,000 at $0.30
    assert answer.total["high_usd"] == Decimal("0.0099") + held  # and the 2,000 written, at $3.75
    assert any("together 55.0 % was read, and 85.0 % would be" in note for note in answer.notes)


def test_batches_are_priced_by_the_book_and_calls_without_such_a_price_stay_and_are_named(
    tmp_path: Path, engine: DuckDB
) -> None:
    calls = [
        call(1, "gpt-4o", 1_000_000),
        call(2, "gpt-4o", 1_000_000, price_context="service_tier=priority"),
        call(3, "gpt-4o", 1_000_000, price_context="processing=batch"),
        call(4, "sonar", 1_000_000, provider="perplexity"),
    ]
    answer = week(place(tmp_path, engine, calls), batch=True, by=("model",))
    rows = {row["model"]: row for row in figures(answer)}
    assert rows["gpt-4o"]["whatif_usd"] == Decimal("1.25") * 3
    assert rows["sonar"]["whatif_usd"] == rows["sonar"]["cost_usd"]
    assert (
        "Left as they are by batch: 1 call, perplexity/sonar: no batch price is known for perplexity/sonar."
        in answer.notes
    )


def test_failed_calls_are_taken_out_and_those_that_were_repeated_are_counted(
    tmp_path: Path, engine: DuckDB
) -> None:
    calls = [
        call(1, "gpt-4o", 1_000_000, status="error", trace_id="t"),
        call(2, "gpt-4o", 1_000_000, trace_id="t"),
        call(3, "gpt-4o", 1_000_000, status="error"),
    ]
    answer = week(place(tmp_path, engine, calls), drop_retries=True)
    assert (answer.total["calls"], answer.total["whatif_usd"]) == (3, Decimal("2.5"))
    assert any(
        note.startswith("Without 2 calls that failed; 1 of them were repeated") for note in answer.notes
    )


def test_prices_at_a_day_within_an_unchanged_price_change_nothing(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, [call(1, "gpt-4o", 123_457)])
    same, older = week(where, prices_at="2025-06-01"), week(where, prices_at="2024-07-01")
    assert same.total["whatif_usd"] == same.total["cost_usd"]
    assert older.total["whatif_usd"] == older.total["cost_usd"] * 2  # type: ignore[operator]
    report = where.ask("report", of_days(date(2026, 11, 8), date(2026, 11, 14), "UTC"))
    assert report.total["cost_usd"] == same.total["cost_usd"]


def test_options_together_are_split_into_parts_that_add_up(tmp_path: Path, engine: DuckDB) -> None:
    calls = [call(n, "gpt-4o", 1_000_003 + n, status="error" if n % 5 == 0 else "success") for n in range(20)]
    answer = week(
        place(tmp_path, engine, calls),
        swap=("gpt-4o=gpt-4.1-mini", "gpt-5*=gpt-4.1-mini"),
        cache_hit="33.33%",
        batch=True,
        drop_retries=True,
        prices_at="2026-01-01",
    )
    effects = answer.details["effects"]
    assert [row["option"] for row in effects] == [
        "swap gpt-4o -> gpt-4.1-mini", "swap gpt-5* -> gpt-4.1-mini", "cache-hit 33.33%", "batch", "drop-retries",
        "prices-at 2026-01-01",
    ]  # fmt: skip
    assert sum(row["change_usd"] for row in effects) == answer.total["change_usd"]  # type: ignore[misc]
    printed = [Decimal(line.rpartition("$")[2]) for line in answer.headline.split("\n")[1:]]
    assert f"(-${sum(printed)}," in answer.headline
    assert (effects[1]["change_usd"], effects[5]["change_usd"]) == (0, 0)


def test_a_discount_goes_with_the_new_model_and_a_users_price_is_one(tmp_path: Path, engine: DuckDB) -> None:
    where = priced_place(tmp_path, engine, f"\n{DISCOUNT}", "2026-11-14 12:00")
    publish(where, [spend("2026-11-10 10:00", "4.00")])
    away = week(where, swap=("dollar-*=openai/gpt-4o",))
    assert away.total["whatif_usd"] == Decimal("4") * Decimal("2.5") * Decimal("0.85")
    assert week(where, swap=("dollar-1=dollar-2",)).total["change_usd"] == 0
    assert week(where, swap=("dollar-1=self/dollar-3",)).total["change_usd"] == 0


def test_a_closed_month_keeps_its_prices_in_every_way(tmp_path: Path, engine: DuckDB) -> None:
    where = priced_place(tmp_path, engine, "", "2026-12-05 12:00")
    publish(where, [spend("2026-11-10 10:00", "4.00")], since="2026-11-01", upto="2026-12-05 00:00")
    close(where, "2026-11")
    path = tmp_path / "whyspend.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("input = 1.00", "input = 3.00"), encoding="utf-8"
    )
    later = Workspace(load(path, {}), now=where.now)
    later.engine = engine
    same = week(later, swap=("dollar-1=dollar-2",))
    assert (same.total["cost_usd"], same.total["whatif_usd"]) == (4, 4)
    report = later.ask("report", of_days(date(2026, 11, 8), date(2026, 11, 14), "UTC"))
    assert report.total["cost_usd"] == 4
    assert week(later, swap=("dollar-*=openai/gpt-4o",)).total["whatif_usd"] == 10


def test_what_the_new_model_is_not_sold_at_is_its_standard_price_and_is_said(
    tmp_path: Path, engine: DuckDB
) -> None:
    calls = [
        call(1, "gpt-4o", 1_000_000, price_context="service_tier=priority"),
        call(2, "gpt-4o", 1_000_000),
    ]
    where = place(tmp_path, engine, calls)
    answer = week(where, swap=("gpt-4o=deepseek/deepseek-v4-pro",))
    alone = week(place(tmp_path / "other", engine, calls[1:]), swap=("gpt-4o=deepseek/deepseek-v4-pro",))
    assert answer.total["whatif_usd"] == 2 * alone.total["whatif_usd"]  # type: ignore[operator]
    assert (
        "At the standard price by swap gpt-4o -> deepseek/deepseek-v4-pro: 1 call, for deepseek/deepseek-v4-pro is "
        "not sold at service_tier=priority."
    ) in answer.notes


def test_a_model_is_for_its_snapshots_too(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, [call(1, "gpt-4o-2024-08-06", 1_000_000)])
    assert week(where, swap=("gpt-4o=gpt-4.1-mini",)).total["whatif_usd"] == Decimal("0.4")


def test_what_matches_nothing_says_so(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, [call(1, "gpt-4o", 1_000, price_context="processing=batch")])
    answer = week(where, swap=("gpt-4=gpt-4.1-mini",), batch=True, drop_retries=True)
    assert answer.total["change_usd"] == 0
    said = [note for note in answer.notes if note.startswith("Nothing changes by")]
    assert len(said) == 3
    assert said[0].endswith("no call of these days is of such a model. Did you mean 'gpt-4o'?")


def test_an_empty_ledger_says_what_to_do(desk: Workspace) -> None:
    answer = week(desk, batch=True, cache_hit="80%", swap=("*=gpt-4.1-mini",), drop_retries=True)
    assert (answer.rows, answer.headline) == ((), "")
    assert any(note.startswith("The ledger is empty.") for note in answer.notes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Say what is to be different"),
        ({"swap": ("gpt-4o=gpt-4.1-minni",)}, "Did you mean 'gpt-4.1-mini'"),
        ({"swap": ("gpt-4o=openai/gpt-4.1-minni",)}, "Did you mean 'openai/gpt-4.1-mini'"),
        ({"swap": ("gpt-4o",)}, "is not OLD=NEW"),
        ({"swap": ("=gpt-4o",)}, "is not OLD=NEW"),
        ({"cache_hit": "0.8"}, "can mean 0.8 % or 80%"),
        ({"cache_hit": "101%"}, "is no percentage"),
        ({"cache_hit": "1.234%"}, "is no percentage"),
        ({"cache_hit": "NaN"}, "is no percentage"),
        ({"prices_at": "yesterday"}, "--prices-at cannot be"),
        ({"batch": True, "by": ("low_usd",)}, "the answer has a column of that name"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(desk: Workspace, given: Any, said: str) -> None:
    with pytest.raises(UsageError) as error:
        week(desk, **given)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_recorded_costs_cannot_be_priced_in_another_way(desk: Workspace) -> None:
    with pytest.raises(UsageError, match="Leave out --prices recorded"):
        week(desk, batch=True, basis=Basis("recorded"))


# Parts


def test_the_value_of_an_option_is_that_of_the_worked_example() -> None:
    game = {frozenset(): 0, frozenset("s"): -10, frozenset("b"): -8, frozenset("sb"): -14}
    assert shares([("sb", game)]) == {"s": -8, "b": -6}


@given(st.lists(st.fractions(max_denominator=120), min_size=1, max_size=6), st.integers(1, 100))
def test_rounded_parts_add_up_and_none_is_a_step_away(parts: list[Fraction], step: int) -> None:
    named = dict(enumerate(parts))
    whole = round(sum(parts) / step) * step
    found = rounded(named, whole, step)
    assert sum(found.values()) == whole
    assert all(abs(found[name] - part) <= step for name, part in named.items())


def test_tokens_of_another_tokenizer_are_an_interval_and_of_the_same_one_are_the_same() -> None:
    assert between("openai/gpt-4o", "gpt-4.1-mini-2025-04-14") == SAME
    assert between("claude-3-5-sonnet-20241022", "anthropic/claude-sonnet-4-6") == SAME
    newer = between("claude-opus-4-6", "claude-opus-4-7")
    assert newer.low == 1 and newer.high == Fraction("1.42")
    back = between("claude-sonnet-5", "claude-sonnet-4-5")
    assert back.low == 1 / Fraction("1.42") and back.high == 1
    other = between("gpt-4o", "claude-sonnet-4-5")
    assert (other.low, other.high) == (Fraction("0.75"), Fraction("1.33")) and "rule of thumb" in other.source
    assert between("gemini-2.5-pro", "gemini-2.5-flash") == SAME
    assert between("llama-3.3-70b", "mistral-large").low < 1 < between("llama-3.3-70b", "mistral-large").high
