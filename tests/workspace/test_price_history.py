"""History that cannot move by accident: snapshots, closed months, adjustments."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.workspace.histories import (
    APRIL,
    MODELS,
    SMALL,
    altered,
    asked,
    call,
    corrections,
    cost,
    difference,
    history,
    micros,
    publish,
    rate,
    rows,
    updated,
    workspace,
    written,
)

from whyspend.errors import ConfigError, LedgerError
from whyspend.ledger import prices as kept
from whyspend.ledger.prices import Closed
from whyspend.pricing.book import DATA, load
from whyspend.pricing.plan import Basis
from whyspend.workspace import Workspace
from whyspend.workspace.closing import close
from whyspend.workspace.prices import keep_first
from whyspend.workspace.updating import compare, take

# The snapshot


def test_a_ledger_keeps_the_book_of_its_first_pull_whatever_the_package_brings_later(
    place: Workspace, dearer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cost(place)
    monkeypatch.setattr("whyspend.workspace.prices.DATA", dearer)
    assert cost(place) == before
    keep_first(place.ledger.root)
    assert cost(place) == before


def test_a_ledger_without_a_book_of_its_own_uses_that_of_the_package_and_a_report_writes_nothing(
    place: Workspace, monkeypatch: pytest.MonkeyPatch, dearer: Path
) -> None:
    before, root = cost(place), place.ledger.root
    shutil.rmtree(root / "prices")
    monkeypatch.setattr("whyspend.workspace.prices.DATA", SMALL)
    assert cost(place) == before
    monkeypatch.setattr("whyspend.workspace.prices.DATA", dearer)
    assert cost(place) == before + difference(dearer)
    assert not (root / "prices").exists()


def test_the_users_own_prices_act_at_once_on_open_months(tmp_path: Path, place: Workspace) -> None:
    entry = '[[prices]]\nprovider = "openai"\nmodel = "gpt-4o"\ninput = 1\noutput = 100\n'
    assert cost(workspace(tmp_path, entry)) == cost(place) + 2 * (100 - rate("gpt-4o"))


def test_a_note_says_when_the_package_knows_prices_that_the_ledger_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = altered(tmp_path / "older", {})
    table = (older / "rates.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    lines = [line for line in table if not line.startswith("openai/gpt-4o,")]
    (older / "rates.csv").write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr("whyspend.workspace.prices.DATA", SMALL)
    publish(tmp_path / "ledger", history(), book=older)
    place = workspace(tmp_path)
    said = [note for note in asked(place).notes if "whyspend prices update" in note]
    assert len(said) == 1
    assert "knows prices for an unpriced model" in said[0]
    before = cost(place)
    found = updated(place, SMALL)
    assert {effect.newly_priced for effect in found.effects} == {1, 2}
    assert cost(place) == before + 2 * rate("gpt-4o")
    assert not [note for note in asked(place).notes if "whyspend prices update" in note]


# Closed months


def test_an_open_month_shows_the_difference_of_ten_altered_rates(place: Workspace, dearer: Path) -> None:
    before = cost(place)
    found = updated(place, dearer)
    assert len(found.changes) == 10
    assert {change.bucket for change in found.changes} == {"output_tokens"}
    assert cost(place) - before == difference(dearer)
    by_month = {effect.month: 0 for effect in found.effects}
    for effect in found.effects:
        by_month[effect.month] += effect.units
    march, february = Decimal(by_month["2025-03"]).scaleb(-24), Decimal(by_month["2025-02"]).scaleb(-24)
    assert (march, 2 * february) == (difference(dearer), difference(dearer))


@pytest.mark.parametrize("by", [("feature",), ("model",), ("day", "provider"), ("month",)])
def test_a_closed_month_is_the_same_to_the_last_digit_whatever_book_comes(
    place: Workspace, dearer: Path, by: tuple[str, ...]
) -> None:
    close(place, "2025-03")
    before = asked(place, by=by)
    found = updated(place, dearer)
    assert found.corrections.adjustments
    after = asked(place, by=by)
    assert after == before
    for form in ("csv", "json", "text", "markdown"):
        assert written(after, form) == written(before, form)


def test_what_a_later_book_changes_for_a_closed_month_is_booked_on_the_day_of_the_update(
    place: Workspace, dearer: Path
) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    by = ("provider", "model", "feature", "day")
    answer = asked(place, APRIL, by=by)
    assert answer.total["cost_usd"] == difference(dearer)
    assert {(row["provider"], row["feature"], row["day"], row["calls"]) for row in rows(answer)} == {
        ("openai", "(adjustment)", date(2025, 4, 3), 0)
    }
    assert {row["model"]: row["cost_usd"] for row in rows(answer)} == {
        model: 2 * (rate(model, dearer) - rate(model)) for model in MODELS
    }
    first = next(note for note in answer.notes if note.startswith("Adjustment"))
    assert "2025-03: openai/" in first
    assert "output_tokens $" in first
    assert " -> $" in first


def test_adjustments_are_neither_calls_nor_dollars_without_an_owner(place: Workspace, dearer: Path) -> None:
    publish(place.ledger.root, [call("april", "2025-04-01 10:00")])
    close(place, "2025-03")
    updated(place, dearer)
    answer = asked(place, APRIL)
    trust = answer.trust
    assert [trust.calls, trust.tagged_usd, trust.priced] == [1, 1, 1]
    assert answer.total["cost_usd"] == rate("gpt-4o", dearer) + difference(dearer)
    assert sum(row["cost_usd"] for row in rows(answer)) == answer.total["cost_usd"]
    assert answer.total["calls"] == answer.total["requests"] == 1


@pytest.mark.parametrize(
    ("where", "models"),
    [
        (("model=gpt-4o",), 1), (("model=gpt-4o*", "provider=openai"), 2), (("model!=gpt-4o",), 9),
        (("provider=anthropic",), 0), (("feature=chat",), 0), (("model=gpt-4o", "feature=chat"), 0),
    ],
)  # fmt: skip
def test_adjustments_are_in_answers_that_ask_for_their_model_and_for_nothing_of_a_call(
    place: Workspace, dearer: Path, where: tuple[str, ...], models: int
) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    assert len(corrections(place, by=("model",), where=where)) == models


@pytest.mark.parametrize("basis", [Basis("recorded"), Basis("at", micros("2025-03-05"))])
def test_other_bases_than_then_know_no_adjustments_and_no_frozen_prices(
    place: Workspace, dearer: Path, basis: Basis
) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    assert corrections(place, basis=basis) == []
    if basis.kind == "at":
        assert cost(place, basis=basis) == cost(place) + difference(dearer)


def test_the_same_difference_is_never_booked_twice(place: Workspace, tmp_path: Path, dearer: Path) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    again = compare(place, dearer)
    assert not again.changes_the_past
    assert not again.is_new
    dearest = altered(tmp_path / "dearest", dict.fromkeys(MODELS, 200))
    updated(place, dearest)
    assert cost(place, APRIL) == difference(dearest)
    updated(place, SMALL)
    assert corrections(place) == []  # the adjustments add up to nothing again
    held = kept.read(place.ledger.root)
    assert held is not None
    assert len(held.adjustments) == 30


def test_calls_that_come_late_are_priced_as_the_closed_month_and_a_note_counts_them(
    place: Workspace, dearer: Path
) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    before = cost(place)
    publish(place.ledger.root, [call("late", "2025-03-20 10:00"), call("later", "2025-04-02 10:00")])
    assert cost(place) == before + rate("gpt-4o")
    note = "1 call of 2025-03 came after it was closed; they are priced as it was priced then."
    assert note in asked(place).notes
    assert note not in asked(place, APRIL).notes
    updated(place, dearer)
    late = rate("gpt-4o", dearer) - rate("gpt-4o")
    assert cost(place, APRIL) == difference(dearer) + late + rate("gpt-4o", dearer)


def test_an_edit_of_the_users_prices_and_discounts_leaves_a_closed_month_and_is_booked_by_the_next_update(
    tmp_path: Path, place: Workspace
) -> None:
    before = cost(place)
    february = cost(place, ("2025-02-01", "2025-02-28"))
    close(place, "2025-03")
    edited = workspace(tmp_path, '[[discounts]]\nprovider = "openai"\npercent = 10\n')
    assert cost(edited) == before
    assert cost(edited, ("2025-02-01", "2025-02-28")) == february * Decimal("0.9")
    found = updated(edited, SMALL)
    assert not found.effects
    assert cost(edited, APRIL) == -before / 10
    assert "[[discounts]]" in found.corrections.adjustments[0].reason


def test_closing_another_month_books_what_is_due_for_those_closed_before(
    tmp_path: Path, place: Workspace
) -> None:
    before = cost(place)
    close(place, "2025-03")
    edited = workspace(tmp_path, '[[discounts]]\nprovider = "openai"\npercent = 10\n')
    done = close(edited, "2025-02")
    assert len(done.booked) == 10
    assert cost(edited, APRIL) == -before / 10
    frozen = workspace(tmp_path)
    assert cost(frozen, ("2025-02-01", "2025-02-28")) == before / 2 * Decimal("0.9")


def test_a_month_closed_with_own_prices_discounts_and_quotas_keeps_them_after_they_are_gone(
    tmp_path: Path, place: Workspace
) -> None:
    settings = """
[[prices]]
provider = "openai"
model = "made-up"
input = 0.10
output = 0.30
from = 2025-03-01
[[discounts]]
provider = "openai"
model = "gpt-4*"
where = { feature = "rag" }
percent = 12.5
[[free_quotas]]
provider = "openai"
model = "o1"
unit = "output_tokens"
per = "month"
amount = 1500000
"""
    edited = workspace(tmp_path, settings)
    before = asked(edited, by=("feature", "model"))
    assert before.total["unpriced_calls"] == 0
    assert {row["model"] for row in rows(before) if row["feature"] == "(adjustment)"} == {"o1"}
    close(edited, "2025-03")
    closed = asked(edited, by=("feature", "model"))
    assert (closed.rows, closed.total) == (before.rows, before.total)
    assert asked(workspace(tmp_path), by=("feature", "model")) == closed


def test_a_frozen_discount_on_a_dimension_that_is_configured_no_longer_still_holds(
    tmp_path: Path, place: Workspace
) -> None:
    listed = cost(place)
    settings = 'dimensions = ["feature"]\n[[discounts]]\nwhere = { feature = "rag" }\npercent = 50\n'
    discounted = workspace(tmp_path, settings)
    close(discounted, "2025-03")
    assert cost(discounted) == listed * Decimal("0.75")
    assert cost(workspace(tmp_path, 'dimensions = ["team"]\n')) == listed * Decimal("0.75")


def test_the_first_pull_takes_the_price_book(tmp_path: Path) -> None:
    place = workspace(tmp_path, '[sources.demo]\ntype = "demo"\n')
    assert kept.read(place.ledger.root) is None
    for done in place.pull("demo", place.window("2026-11-20", "2026-11-20")):
        assert done.seen
    held = kept.read(place.ledger.root)
    assert held is not None
    assert held.book.id == load(DATA).id


def test_a_price_that_is_no_longer_known_is_not_booked_as_free(place: Workspace, tmp_path: Path) -> None:
    close(place, "2025-03")
    unknown = altered(tmp_path / "unknown", {})
    table = (unknown / "rates.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    lines = [line for line in table if not line.startswith("openai/gpt-4o,")]
    (unknown / "rates.csv").write_text("".join(lines), encoding="utf-8")
    found = updated(place, unknown)
    assert found.corrections.adjustments == ()
    assert [lost.model for lost in found.corrections.lost] == [("openai", "gpt-4o")]


def test_a_model_that_gets_its_first_price_later_is_booked_in_full(tmp_path: Path, place: Workspace) -> None:
    close(place, "2025-03")
    edited = workspace(
        tmp_path, '[[prices]]\nprovider = "openai"\nmodel = "made-up"\ninput = 0\noutput = 2\n'
    )
    (booked,) = updated(edited, SMALL).corrections.adjustments
    assert [booked.usd, booked.model] == [2, "made-up"]
    assert "closed as without a price" in booked.reason


def test_open_days_before_a_closed_month_do_not_move_its_change_either(
    place: Workspace, dearer: Path
) -> None:
    close(place, "2025-03")
    publish(place.ledger.root, [call("first", "2025-01-05 10:00")])
    before = asked(place)
    assert "change_usd" in before.total
    updated(place, dearer)
    assert asked(place) == before
    assert any("are priced as at closing" in note for note in before.notes)


# What goes wrong


def test_a_price_book_that_was_changed_on_disk_is_an_error_and_not_another_total(place: Workspace) -> None:
    held = kept.read(place.ledger.root)
    assert held is not None
    rates = place.ledger.root / "prices" / held.book.folder / "rates.csv"
    rates.write_bytes(rates.read_bytes().replace(b",11000000,", b",11000001,"))
    with pytest.raises(LedgerError, match="is missing or changed"):
        asked(place)


def test_prices_that_a_later_version_froze_are_refused_in_words(place: Workspace) -> None:
    close(place, "2025-03")
    held = kept.read(place.ledger.root)
    assert held is not None
    path = place.ledger.root / "prices" / "prices.json"
    body = path.read_text(encoding="utf-8")
    path.write_text(
        body.replace('"prices": []', '"prices": [{"model": "x", "per_page": 3}]'), encoding="utf-8"
    )
    with pytest.raises(LedgerError, match="that 2025-03 was closed with cannot be read by this version"):
        asked(place)


def test_an_entry_of_the_users_that_cannot_be_used_is_an_error_of_the_file(tmp_path: Path) -> None:
    publish(tmp_path / "ledger", history())
    entry = '[[prices]]\nprovider = "a"\nmodel = "b"\nsame_as = "openai/no-such-model"\n'
    with pytest.raises(ConfigError, match="no-such-model"):
        asked(workspace(tmp_path, entry))


def test_a_change_that_another_process_made_in_the_meantime_is_not_overwritten(
    place: Workspace, dearer: Path
) -> None:
    found = compare(place, dearer)
    close(place, "2025-03")
    with pytest.raises(LedgerError, match="changed by another whyspend in the meantime"):
        take(place, found)
    before = kept.read(place.ledger.root)
    assert before is not None
    assert isinstance(before.closed[0], Closed)
    assert before.book.id == load(SMALL).id


def test_the_label_of_a_closed_months_prices_does_not_move(place: Workspace, dearer: Path) -> None:
    close(place, "2025-03")
    label = asked(place).trust.price_book
    updated(place, dearer)
    assert asked(place).trust.price_book == label == load(SMALL).id
    assert asked(place, APRIL).trust.price_book == load(dearer).id


# Discounts and free quotas


def test_where_a_discount_applies_the_list_price_is_said_beside_the_cost(
    tmp_path: Path, place: Workspace
) -> None:
    listed = cost(place)
    settings = '[[discounts]]\nprovider = "openai"\nmodel = "gpt-4o"\nwhere = { feature = "rag" }\npercent = 12.345\n'
    answer = asked(workspace(tmp_path, settings), by=("feature", "model"))
    off = rate("gpt-4o") * Decimal("0.12345")
    assert answer.total["cost_usd"] == listed - off
    assert answer.total["list_cost_usd"] == listed
    assert f"List price ${listed:.2f}, discounts -${off:.2f}." in answer.notes
    cheaper = [row for row in rows(answer) if row["cost_usd"] != row["list_cost_usd"]]
    assert [(row["feature"], row["model"]) for row in cheaper if row["calls"]] == [("rag", "gpt-4o")]
    assert b"list_cost_usd" not in written(answer, "csv")
    assert b"list_cost_usd" in written(answer, "json")


def test_without_a_discount_that_applies_there_is_no_list_price(tmp_path: Path, place: Workspace) -> None:
    assert "list_cost_usd" not in asked(place).total
    settings = '[[discounts]]\nprovider = "openai"\npercent = 10\nto = 2025-03-01\n'
    answer = asked(workspace(tmp_path, settings))
    assert "list_cost_usd" not in answer.total
    assert not [note for note in answer.notes if "List price" in note]


def test_free_quotas_are_adjustments_of_their_day_and_only_where_calls_are_not_told_apart(
    tmp_path: Path, place: Workspace
) -> None:
    before = cost(place)
    settings = (
        '[[free_quotas]]\nprovider = "openai"\nmodel = "o1"\n'
        'unit = "output_tokens"\nper = "month"\namount = 1500000\n'
    )
    quota = workspace(tmp_path, settings)
    free = rate("o1") * Decimal("1.5")
    assert cost(quota) == before - free
    # The day's quota goes on where the days before left it, whatever days are asked for.
    assert cost(quota, ("2025-03-31", "2025-03-31")) == cost(place, ("2025-03-31", "2025-03-31")) - free / 3
    assert cost(quota, where=("model=o1",)) == cost(place, where=("model=o1",)) - free
    assert cost(quota, where=("feature=rag",)) == cost(place, where=("feature=rag",))
    by_day = {
        row["day"]: row["cost_usd"] for row in rows(asked(quota, by=("day", "feature"))) if not row["calls"]
    }
    assert by_day == {date(2025, 3, 1): -free * 2 / 3, date(2025, 3, 31): -free / 3}
