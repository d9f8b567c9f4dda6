"""Which places are named: only those that moved, all of them that moved, and no cell twice."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from bench import localise
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whyspend.causes._ripple import numbered
from whyspend.causes.segments import Axis, Line, lines

Row = tuple[tuple[str | None, ...], float, dict[str, float]]
"""A cell: its values, the dollars before, what each driver added."""


def axes_of(names: Sequence[str], places: Sequence[tuple[str | None, ...]]) -> list[Axis]:
    axes = []
    for name, column in zip(names, zip(*places, strict=True), strict=True):
        values = tuple(dict.fromkeys(column))
        axes.append(Axis(name, np.array([values.index(value) for value in column], np.int64), values))
    return axes


def named(
    names: Sequence[str],
    rows: Sequence[Row],
    *,
    relevant: Mapping[str, NDArray[np.bool_]] | None = None,
    across: Mapping[str, Sequence[str]] | None = None,
    most: int = 6,
) -> list[Line]:
    drivers = sorted({driver for _, _, amounts in rows for driver in amounts})
    amounts = {driver: np.array([row[2].get(driver, 0.0) for row in rows]) for driver in drivers}
    before = np.array([cost for _, cost, _ in rows])
    after = before + np.sum(list(amounts.values()), axis=0)
    axes = axes_of(names, [place for place, _, _ in rows])
    return lines(axes, before, after, amounts, relevant=relevant, across=across, most=most)


def said(found: Sequence[Line]) -> list[tuple[str, dict[str, str | None], float]]:
    return [(line.driver, dict(line.terms), round(line.amount, 6)) for line in found]


WHERE = ("feature", "customer_id")


def test_a_cause_at_one_customer_of_one_feature_names_both() -> None:
    rows: list[Row] = [
        (("search", "acme"), 10, {"prompt_size": 10}),
        (("search", "bolt"), 10, {}),
        (("chat", "acme"), 10, {}),
    ]
    assert said(named(WHERE, rows)) == [("prompt_size", {"feature": "search", "customer_id": "acme"}, 10)]


def test_the_shorter_place_is_named_where_both_select_the_same_cells() -> None:
    rows: list[Row] = [(("search", "acme"), 10, {"prompt_size": 10}), (("search", "bolt"), 10, {})]
    rows.append((("chat", "bolt"), 10, {}))
    assert said(named(WHERE, rows)) == [("prompt_size", {"customer_id": "acme"}, 10)]


def test_the_shorter_place_is_named_where_both_select_nearly_the_same_cells() -> None:
    rows: list[Row] = [
        (("search", "acme"), 100, {"prompt_size": 50}),
        (("chat", "acme"), 1, {}),
        (("search", "bolt"), 100, {}),
        (("chat", "bolt"), 100, {}),
    ]
    assert said(named(WHERE, rows)) == [("prompt_size", {"customer_id": "acme"}, 50)]


def test_a_feature_whose_customers_all_moved_is_named_and_not_its_biggest_customer() -> None:
    rows: list[Row] = [
        ((feature, customer), cost, {"output_length": cost * 0.7} if feature == "extract" else {})
        for feature, (customer, cost) in product(
            ("extract", "chat", "triage"), (("acme", 900), ("bolt", 50), ("cogs", 20), ("dyne", 5))
        )
    ]
    assert said(named(WHERE, rows)) == [("output_length", {"feature": "extract"}, 975 * 0.7)]


def test_a_segment_that_merely_moved_with_the_whole_is_not_blamed() -> None:
    rows: list[Row] = [
        ((feature, customer), cost, {"list_price": cost * -0.2})
        for (feature, cost), customer in product(
            (("chat", 5000.0), ("search", 10.0)), ("acme", "bolt", "cogs")
        )
    ]
    found = named(WHERE, rows)
    assert said(found) == [("list_price", {}, -3006)]
    assert found[0].cells.all()


def test_the_rest_of_a_driver_is_everywhere_else() -> None:
    """acme tripled, all others grew by a tenth: two lines that share no cell."""
    rows: list[Row] = [
        ((feature, customer), 100, {"requests": 200 if customer == "acme" else 10})
        for feature, customer in product(("chat", "search", "triage"), ("acme", "bolt", "cogs", "dyne"))
    ]
    found = named(WHERE, rows)
    assert said(found) == [("requests", {"customer_id": "acme"}, 600), ("requests", {}, 90)]
    assert not (found[0].cells & found[1].cells).any()


def test_lines_of_opposite_sign_are_not_netted_away() -> None:
    """The bill moved by $10; both causes are named, and a $50 move (2.5 % of $1,990) is not worth a line."""
    rows: list[Row] = [
        (("chat", "acme"), 2000, {"requests": 1000}),
        (("search", "bolt"), 2000, {"requests": -990}),
        (("triage", "cogs"), 500, {"requests": 50}),
        (("extract", "dyne"), 500, {}),
    ]
    assert said(named(WHERE, rows)) == [
        ("requests", {"feature": "chat"}, 1000),
        ("requests", {"feature": "search"}, -990),
    ]


def test_a_driver_that_only_redistributes_is_netted_first() -> None:
    """The switch costs $213 more; it is no +544 of one model and no -331 of another."""
    rows: list[Row] = [
        (("chat", "acme", "big"), 400, {"model_switch": -331}),
        (("chat", "acme", "rival"), 0, {"model_switch": 544}),
        (("search", "acme", "big"), 400, {}),
        (("search", "bolt", "rival"), 400, {}),
    ]
    names = (*WHERE, "model")
    found = named(names, rows, across={"model_switch": ("model",)})
    assert said(found) == [("model_switch", {"feature": "chat"}, 213)]
    assert found[0].cells.tolist() == [True, True, False, False]
    assert {"model"} <= {axis for line in named(names, rows) for axis, _ in line.terms}


def test_cost_that_a_driver_cannot_move_does_not_speak_against_a_place() -> None:
    """Output is most of the cost; longer prompts leave it as it is."""
    rows: list[Row] = [
        (
            (feature, customer, kind),
            cost,
            {"prompt_size": 5.0} if (feature, kind) == ("chat", "input") else {},
        )
        for feature, customer, (kind, cost) in product(
            ("chat", "search", "triage"), ("acme", "bolt", "cogs"), (("input", 10.0), ("output", 90.0))
        )
    ]
    kinds = np.array([place[2] == "input" for place, _, _ in rows])
    names = (*WHERE, "kind")
    assert said(named(names, rows, relevant={"prompt_size": kinds})) == [
        ("prompt_size", {"feature": "chat"}, 15)
    ]
    assert said(named(names, rows)) == [("prompt_size", {"feature": "chat", "kind": "input"}, 15)]


@pytest.mark.parametrize("names", [("env", "call_site"), ("call_site", "env")])
def test_of_two_names_for_the_cells_that_are_left_the_tighter_is_told(names: tuple[str, ...]) -> None:
    """Step 2 in production and in staging went opposite ways: the second line is staging, and not `step 2` again."""
    rows: list[Row] = [
        (tuple({"env": env, "call_site": site}[name] for name in names), cost, {"calls": moved})
        for env, site, cost, moved in (
            ("prod", "1", 500, 0),
            ("prod", "2", 200, -150),
            ("stage", "2", 300, 250),
        )
    ]
    assert ("calls", {"env": "stage"}, 250) in said(named(names, rows))


@pytest.mark.parametrize("names", [("feature", "call_site", "model"), ("call_site", "feature", "model")])
def test_among_equal_places_the_first_axis_is_named(names: tuple[str, ...]) -> None:
    rows: list[Row] = [
        ((site, site, model), 10, {"retries": moved})
        for (site, moved), model in product((("a", 5.0), ("b", 0.0)), ("x", "y"))
    ]
    assert said(named(names, rows)) == [("retries", {names[0]: "a"}, 10)]


def test_a_new_and_a_retired_feature_are_named() -> None:
    rows: list[Row] = [
        (("deep", "acme"), 0, {"new_feature": 30}),
        (("deep", "bolt"), 0, {"new_feature": 70}),
        (("old", "acme"), 60, {"retired_feature": -60}),
        (("chat", "acme"), 500, {}),
        (("chat", "bolt"), 500, {}),
    ]
    assert said(named(WHERE, rows)) == [
        ("new_feature", {"feature": "deep"}, 100),
        ("retired_feature", {"feature": "old"}, -60),
    ]


def test_calls_that_do_not_say_their_feature_are_a_place() -> None:
    rows: list[Row] = [((None, "acme"), 10, {"requests": 9}), (("chat", "acme"), 10, {})]
    assert said(named(WHERE, rows)) == [("requests", {"feature": None}, 9)]


def many(*moves: float) -> list[Row]:
    return [
        *(((f"f{at}", "acme"), 1000, {"requests": move}) for at, move in enumerate(moves)),
        (("still", "acme"), 50_000, {}),
    ]


def test_at_most_six_lines_or_as_many_as_asked_for() -> None:
    rows = many(900, 800, 700, 600, 500, 400, 300)
    assert [line.amount for line in named(WHERE, rows)] == [900, 800, 700, 600, 500, 400]
    assert [line.amount for line in named(WHERE, rows, most=2)] == [900, 800]


def test_a_part_that_went_against_the_whole_is_not_netted_away_in_it() -> None:
    """Everything fell by a tenth, but chat grew: without chat `everywhere` fell by $270."""
    rows: list[Row] = [
        ((feature, customer), 300, {"requests": 20 if feature == "chat" else -30})
        for feature, customer in product(("chat", "search", "triage", "extract"), ("acme", "bolt", "cogs"))
    ]
    assert said(named(WHERE, rows)) == [("requests", {}, -270), ("requests", {"feature": "chat"}, 60)]


def test_a_small_part_that_moved_many_times_as_far_is_a_cause_of_its_own() -> None:
    """All of search grew by a fifth, its staging to fifteen times."""
    rows: list[Row] = [
        ((feature, customer, env), cost, {"requests": move})
        for customer in ("acme", "bolt", "cogs")
        for feature, env, cost, move in (
            ("search", "prod", 1000, 200),
            ("search", "staging", 10, 140),
            ("chat", "prod", 1000, 0),
            ("chat", "staging", 10, 0),
        )
    ]
    assert said(named((*WHERE, "env"), rows)) == [
        ("requests", {"feature": "search"}, 600),
        ("requests", {"feature": "search", "env": "staging"}, 420),
    ]


def test_a_place_of_which_one_part_was_hit_harder_is_one_line() -> None:
    """Both steps of triage retry, one twice as often: a cause of triage."""
    rows: list[Row] = [
        (("triage", "plan"), 500, {"retries": 500}),
        (("triage", "act"), 240, {"retries": 120}),
        (("chat", "plan"), 900, {}),
        (("chat", "act"), 900, {}),
    ]
    found = named(("feature", "call_site"), rows)
    assert said(found) == [("retries", {"feature": "triage"}, 620)]
    assert found[0].cells.tolist() == [True, True, False, False]


def test_what_began_from_nothing_is_one_place_although_a_little_of_it_is_another_drivers() -> None:
    """Reasoning at both steps of triage; at one a fifth of what it costs now is said to be the price."""
    rows: list[Row] = [
        (("triage", "plan"), 0, {"reasoning": 800, "price": 200}),
        (("triage", "act"), 0, {"reasoning": 700}),
        (("chat", "plan"), 900, {}),
        (("chat", "act"), 900, {}),
    ]
    found = named(("feature", "call_site"), rows)
    assert ("reasoning", {"feature": "triage"}, 1500) in said(found)


def test_a_place_with_less_than_three_hundredths_has_no_line() -> None:
    assert [line.amount for line in named(WHERE, many(980, 20))] == [980]


def test_without_cells_axes_or_change_there_is_no_place_to_name() -> None:
    nothing = np.zeros(0)
    assert lines([], nothing, nothing, {"requests": nothing}) == []
    assert lines([Axis("feature", np.zeros(0, np.int64), ())], nothing, nothing, {}) == []
    assert named(WHERE, [(("chat", "acme"), 10, {"requests": 0.0})]) == []
    one = np.array([5.0])
    assert [(line.terms, line.amount) for line in lines([], one, one * 2, {"requests": one})] == [((), 5.0)]


def test_planted_causes_are_found_under_drift() -> None:
    """Twenty worlds of 2,880 cells in which everything drifts by 4 %: three causes, and nothing else is named first."""
    for seed in range(20):
        chance = np.random.default_rng(seed)
        places = list(product("abcdefgh", ("prod", "staging"), [f"c{at}" for at in range(15)], "123", "xyzw"))
        axes = axes_of(("feature", "env", "customer_id", "call_site", "model"), places)
        before = chance.pareto(1.5, len(places)) + 0.5
        feature, env, customer, *_ = (np.array(column) for column in zip(*places, strict=True))
        drift = {
            driver: before * chance.normal(0, 0.04, len(places)) for driver in ("requests", "output", "price")
        }
        planted = {
            "requests": np.where(customer == "c3", before * 1.5, 0),
            "output": np.where(feature == "b", before * 0.9, 0),
            "price": np.where((feature == "e") & (env == "staging"), before * 2, 0),
        }
        amounts = {driver: drift[driver] + planted[driver] for driver in drift}
        found = lines(axes, before, before + np.sum(list(amounts.values()), axis=0), amounts)
        assert {(line.driver, line.terms) for line in found[:3]} == {
            ("requests", (("customer_id", "c3"),)),
            ("output", (("feature", "b"),)),
            ("price", (("feature", "e"), ("env", "staging"))),
        }


@st.composite
def worlds(draw: st.DrawFn) -> list[Row]:
    places = draw(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None]), st.sampled_from("1234")),
            min_size=1,
            max_size=25,
            unique=True,
        )
    )
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))

    def dollars(least: float, most: float) -> float:
        return float(chance.choice([0.0, chance.uniform(least, most)], p=[0.2, 0.8]))

    return [
        (place, dollars(0, 1000), {"requests": dollars(-500, 500), "calls": dollars(-500, 500)})
        for place in places
    ]


NAMES = ("feature", "env", "site")
ACROSS = {"calls": ("site",)}


def total(rows: Sequence[Row], driver: str, cells: NDArray[np.bool_]) -> float:
    return sum(row[2][driver] for row, own in zip(rows, cells, strict=True) if own)


@given(worlds())
def test_lines_of_a_driver_share_no_cell_and_with_the_rest_they_are_the_whole(rows: list[Row]) -> None:
    every = np.ones(len(rows), np.bool_)
    left = {"requests": every.copy(), "calls": every.copy()}
    found = named(NAMES, rows, across=ACROSS)
    for line in found:
        holds = [all(place[NAMES.index(axis)] == value for axis, value in line.terms) for place, _, _ in rows]
        assert not (line.cells & ~(np.array(holds) & left[line.driver])).any()
        assert len(dict(line.terms)) == len(line.terms)
        assert line.amount == pytest.approx(total(rows, line.driver, line.cells), abs=1e-6)
        left[line.driver] &= ~line.cells
    for driver, rest in left.items():
        of_lines = sum(line.amount for line in found if line.driver == driver)
        assert of_lines + total(rows, driver, rest) == pytest.approx(total(rows, driver, every), abs=1e-6)


@given(worlds())
def test_a_line_is_worth_reading_and_uses_no_axis_that_its_driver_redistributes_over(rows: list[Row]) -> None:
    found = named(NAMES, rows, across=ACROSS)
    assert len(found) <= 6
    assert all(line.amount for line in found)
    assert all(dict(line.terms).keys() <= {"feature", "env"} for line in found if line.driver == "calls")
    assert all(len(line.terms) <= 2 for line in found)


@given(worlds(), st.permutations(range(25)))
def test_the_order_of_the_cells_is_irrelevant(rows: list[Row], order: list[int]) -> None:
    shuffled = [rows[at] for at in order if at < len(rows)]
    assert said(named(NAMES, shuffled, across=ACROSS)) == said(named(NAMES, rows, across=ACROSS))


@given(worlds(), st.permutations([1, 2]))
def test_the_order_of_the_axes_after_the_owner_only_decides_between_names_of_the_same_cells(
    rows: list[Row], order: list[int]
) -> None:
    turned: list[Row] = [
        ((place[0], *(place[at] for at in order)), cost, amounts) for place, cost, amounts in rows
    ]
    names = (NAMES[0], *(NAMES[at] for at in order))
    one, other = named(NAMES, rows), named(names, turned)
    assert [(line.driver, round(line.amount, 6)) for line in one] == [
        (line.driver, round(line.amount, 6)) for line in other
    ]


@given(worlds(), st.sampled_from([2.0**-40, 2.0**20]))
def test_other_money_names_the_same_places(rows: list[Row], rate: float) -> None:
    changed: list[Row] = [
        (place, cost * rate, {driver: move * rate for driver, move in amounts.items()})
        for place, cost, amounts in rows
    ]
    assert [line.terms for line in named(NAMES, changed)] == [line.terms for line in named(NAMES, rows)]


def test_more_combinations_than_an_integer_can_number_are_told_apart() -> None:
    """Nine axes of 500 values are 2e24 combinations; 1,000 occur."""
    chance = np.random.default_rng(5)
    codes = [chance.integers(0, 500, 1000) for _ in range(9)]
    for column in codes:
        column[0] = 499
    group, first = numbered(codes, 1000)
    assert len(first) == 1000
    assert sorted(group.tolist()) == list(range(1000))
    ordered = [tuple(int(column[cell]) for column in codes) for cell in first]
    assert ordered == sorted(ordered)


def leaves(moved: Mapping[tuple[str, ...], float]) -> localise.Case:
    """512 leaves that miss their forecast by up to 4 %; the actual value of the given places falls by a share."""
    chance = np.random.default_rng(3)
    values = tuple(tuple(f"{axis}{at}" for at in range(8)) for axis in "abc")
    places = list(product(*values))
    forecast = chance.pareto(1, len(places)) + 1
    actual = forecast * chance.uniform(0.96, 1.04, len(places))
    for at, place in enumerate(places):
        for terms, share in moved.items():
            if set(terms) <= set(place):
                actual[at] = forecast[at] * (1 - share)
    codes = tuple(axis.codes for axis in axes_of("abc", places))
    causes = frozenset("&".join(f"{term[0]}={term}" for term in terms) for terms in moved)
    return localise.Case(("a", "b", "c"), values, codes, forecast, actual, causes)


def test_the_public_measure_finds_sets_of_one_two_and_three_terms() -> None:
    case = leaves({("a1",): 0.3, ("a2", "b3"): 0.5, ("a4", "b5", "c6"): 0.8})
    assert localise.localised(case) == {"a=a1", "a=a2&b=b3", "a=a4&b=b5&c=c6"}


def test_the_public_measure_names_nothing_where_there_is_only_noise() -> None:
    score = localise.scored(iter([leaves({}), leaves({("b2",): 0.4})]))
    assert (score.hits, score.wrong, score.missed, score.f1) == (1, 0, 0, 1.0)


def test_the_public_measure_reads_the_generators_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = leaves({("b2", "c3"): 0.6})
    lines_of_file = ["c,a,b,real,predict"]
    for at in range(len(case.actual)):
        a, b, c = (values[codes[at]] for values, codes in zip(case.values, case.codes, strict=True))
        lines_of_file.append(f"{c},{a},{b},{case.actual[at]},{case.forecast[at]}")
    (tmp_path / "123456.csv").write_text("\n".join(lines_of_file))
    (tmp_path / "injection_info.csv").write_text("timestamp,set,noise_level\n123456,c=c3&b=b2,0.04\n")
    assert localise.main([str(tmp_path), "--cases", "1-30"]) == 0
    assert capsys.readouterr().out.startswith(
        "1 cases: P 1.000  R 1.000  F1 1.000  (1 found, 0 wrong, 0 missed;"
    )
    assert localise.main([str(tmp_path)]) == 2
    assert "has 1 cases, none of them 31-100" in capsys.readouterr().err


def test_the_public_measure_says_when_its_set_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert localise.main([str(tmp_path / "L")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "generate a set first" in told
