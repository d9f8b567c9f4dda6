"""A tag that lands late, or gets lost, is no change of spend."""

from whyspend.causes.cells import Calls, Cells, Usage
from whyspend.causes.decompose import Changes, decompose

DOLLAR = 10**24
MODEL = "openai|gpt-4o"


def cells(*rows: tuple[tuple[str | None, ...], str | None, tuple[int, int], tuple[int, int]]) -> Cells:
    """Ten days each; of each row its place, site, calls, and dollars; a request a call, 1,000 tokens each."""
    calls = [Calls(place, site, False, MODEL, made, made, made) for place, site, made, _ in rows]
    usage = [
        Usage(
            at,
            0,
            "",
            "input_tokens",
            (made[0] * 1_000, made[1] * 1_000),
            (cost[0] * DOLLAR, cost[1] * DOLLAR),
            (cost[0] * DOLLAR, cost[1] * DOLLAR),
        )
        for at, (_, _, made, cost) in enumerate(rows)
    ]
    return Cells(("feature", "env"), (10, 10), calls, usage)


def dollars(changes: Changes) -> dict[tuple[str | None, str], int]:
    """What each driver moved each owner by, in whole dollars."""
    sums: dict[tuple[str | None, str], int] = {}
    for leaf in changes.leaves:
        for driver, amount in leaf.amounts.items():
            key = changes.cells.calls[leaf.at].place[0], str(driver)
            sums[key] = sums.get(key, 0) + amount
    return {key: round(amount / DOLLAR) for key, amount in sums.items() if round(amount / DOLLAR)}


def test_a_tag_that_lands_between_the_windows_moves_the_spend_and_explains_the_rest() -> None:
    found = dollars(
        decompose(
            cells(
                ((None, None), "draft", (400, 0), (40, 0)),
                (("email-drafts", None), "draft", (0, 500), (0, 50)),
            )
        )
    )
    assert found == {
        (None, "retagged"): -40,
        ("email-drafts", "retagged"): 40,
        ("email-drafts", "requests"): 10,
    }


def test_a_tag_that_gets_lost_is_the_same_backwards() -> None:
    found = dollars(
        decompose(
            cells(
                (("email-drafts", None), "draft", (500, 0), (50, 0)),
                ((None, None), "draft", (0, 400), (0, 40)),
            )
        )
    )
    assert found == {
        (None, "retagged"): 40,
        ("email-drafts", "retagged"): -40,
        ("email-drafts", "requests"): -10,
    }


def test_a_tag_that_lands_in_the_middle_of_the_window_moves_as_much_as_it_took() -> None:
    changes = decompose(
        cells(
            ((None, None), "draft", (400, 100), (40, 10)),
            (("email-drafts", None), "draft", (0, 300), (0, 30)),
        )
    )
    assert dollars(changes) == {(None, "retagged"): -30, ("email-drafts", "retagged"): 30}
    assert sum(changes.drivers().values()) == 0


def test_one_site_may_turn_out_to_be_several_features() -> None:
    found = dollars(
        decompose(
            cells(
                ((None, None), "llm", (300, 0), (30, 0)),
                (("chat", None), "llm", (0, 200), (0, 20)),
                (("search", None), "llm", (0, 100), (0, 10)),
            )
        )
    )
    assert found == {(None, "retagged"): -30, ("chat", "retagged"): 20, ("search", "retagged"): 10}


def test_a_second_dimension_may_land_alone() -> None:
    found = dollars(
        decompose(
            cells((("chat", None), "llm", (100, 0), (10, 0)), (("chat", "prod"), "llm", (0, 100), (0, 12)))
        )
    )
    assert found == {("chat", "list_price"): 2}


def test_a_new_feature_at_a_site_of_its_own_is_new() -> None:
    found = dollars(
        decompose(
            cells(((None, None), "old", (400, 400), (40, 40)), (("chat", None), "new", (0, 100), (0, 10)))
        )
    )
    assert found == {("chat", "new_feature"): 10}


def test_untagged_calls_that_stop_while_another_feature_grows_elsewhere_are_not_moved() -> None:
    found = dollars(
        decompose(
            cells(((None, None), "old", (400, 0), (40, 0)), (("chat", None), "other", (100, 500), (10, 50)))
        )
    )
    assert found == {(None, "retired_feature"): -40, ("chat", "requests"): 40}


def test_calls_without_a_known_site_are_never_moved() -> None:
    found = dollars(
        decompose(cells(((None, None), None, (400, 0), (40, 0)), (("chat", None), None, (0, 400), (0, 40))))
    )
    assert found == {(None, "retired_feature"): -40, ("chat", "new_feature"): 40}
