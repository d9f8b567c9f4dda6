"""Which months can be closed, in which time zone, and how they are opened again."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.workspace.histories import (
    asked,
    call,
    corrections,
    cost,
    difference,
    history,
    micros,
    publish,
    rate,
    updated,
    workspace,
)

from whyspend.errors import LedgerError, UsageError
from whyspend.workspace import Workspace
from whyspend.workspace.closing import close, month, reopen, reopening

# Reopening


def test_a_reopened_month_costs_what_it_costs_today_and_has_no_adjustments(
    place: Workspace, dearer: Path
) -> None:
    before = cost(place)
    close(place, "2025-03")
    updated(place, dearer)
    found = reopening(place, "2025-03")
    assert Decimal(found.adjusted).scaleb(-24) == difference(dearer)
    reopen(place, found)
    assert cost(place) == before + difference(dearer)
    assert corrections(place) == []
    close(place, "2025-03")
    assert cost(place) == before + difference(dearer)


def test_a_month_whose_corrections_stand_in_a_closed_month_is_not_reopened(
    tmp_path: Path, place: Workspace, dearer: Path
) -> None:
    close(place, "2025-03")
    updated(place, dearer)
    publish(place.ledger.root, [call("may", "2025-05-02 10:00")], upto="2025-05-03")
    later = workspace(tmp_path, now=datetime.fromisoformat("2025-05-03T12:00:00+00:00"))
    close(later, "2025-04")
    with pytest.raises(UsageError, match="2025-04 is closed and holds corrections of 2025-03"):
        reopening(later, "2025-03")


def test_what_is_not_closed_cannot_be_reopened(place: Workspace) -> None:
    with pytest.raises(UsageError, match=r"2025-03 is not closed\. Closed: none"):
        reopening(place, "2025-03")


# What cannot be closed


def test_a_month_that_is_not_over_is_not_closed(place: Workspace) -> None:
    for name in ("2025-04", "2025-05", "2199-12"):
        with pytest.raises(UsageError, match="is not over"):
            close(place, name)


def test_a_month_is_closed_once(place: Workspace) -> None:
    close(place, "2025-03")
    with pytest.raises(UsageError, match="closed already, since 2025-04-03"):
        close(place, "2025-03")


@pytest.mark.parametrize(
    "name", ["2025-13", "2025-3", "25-03", "", "march", "2025-03-01", "0001-01", "9999-12"]
)
def test_what_is_no_month_is_said_to_be_none(place: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match=r"is not a month|is not between"):
        close(place, name)


def test_a_month_that_is_not_whole_is_closed_only_by_force(tmp_path: Path) -> None:
    publish(tmp_path / "ledger", history(), upto="2025-03-31 12:00", since="2025-03-02")
    place = workspace(tmp_path)
    with pytest.raises(
        UsageError, match="2025-03 is not whole: p of prod has been read only up to 2025-03-31 12:00"
    ):
        close(place, "2025-03")
    publish(tmp_path / "ledger", [], upto="2025-04-02", since="2025-03-02")
    with pytest.raises(UsageError, match="p of prod has been read only from 2025-03-02 00:00"):
        close(place, "2025-03")
    assert close(place, "2025-03", force=True).month.calls == 21


def test_an_empty_ledger_has_no_month_to_close(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the ledger is empty"):
        close(workspace(tmp_path), "2025-03")


# Time zones


def test_a_month_begins_and_ends_in_the_configured_time_zone_also_where_the_clocks_change() -> None:
    march = month("2025-03", "Europe/Berlin")
    assert (march.start, march.end) == (micros("2025-02-28 23:00"), micros("2025-03-31 22:00"))
    october = month("2026-10", "Europe/Berlin")
    assert (october.start, october.end) == (micros("2026-09-30 22:00"), micros("2026-10-31 23:00"))


def test_a_month_closed_in_berlin_freezes_the_calls_of_its_local_days(tmp_path: Path, dearer: Path) -> None:
    edges = ("2025-02-28 22:59", "2025-02-28 23:00", "2025-03-31 21:59", "2025-03-31 22:00")
    publish(
        tmp_path / "ledger", [call(f"{n}", f"{at}:59" if n % 2 == 0 else at) for n, at in enumerate(edges)]
    )
    place = workspace(tmp_path, 'timezone = "Europe/Berlin"\n')
    assert close(place, "2025-03").month.calls == 2
    found = updated(place, dearer)
    assert {(effect.month, effect.after.calls) for effect in found.effects} == {
        ("2025-02", 1),
        ("2025-04", 1),
    }
    assert cost(place) == 2 * rate("gpt-4o")
    days = ("2025-02-01", "2025-04-30")
    corrected = 2 * (rate("gpt-4o", dearer) - rate("gpt-4o"))
    assert cost(place, days) == 2 * rate("gpt-4o") + 2 * rate("gpt-4o", dearer) + corrected


def test_months_of_two_time_zones_do_not_overlap(tmp_path: Path, place: Workspace) -> None:
    close(place, "2025-03")
    new_york = workspace(tmp_path, 'timezone = "America/New_York"\n')
    with pytest.raises(UsageError, match="overlaps with 2025-03, which was closed in UTC"):
        close(new_york, "2025-02")
    berlin = workspace(tmp_path, 'timezone = "Europe/Berlin"\n')
    assert close(berlin, "2025-02").month.end == micros("2025-02-28 23:00")


@pytest.mark.parametrize(
    "harm",
    [
        {"discounts": [{"percent": "NaN"}]}, {"prices": [{"model": "m", "input": "-4"}]}, {"prices": [{"no": "model"}]},
        {"free_quotas": [{"provider": "openai", "unit": "x; drop", "amount": 3}]},
        {"book": {"id": "x", "folder": "0123456789abcdef", "sha256": "0"}},
    ],
)  # fmt: skip
def test_a_month_whose_frozen_prices_cannot_be_read_is_one_line_and_can_be_reopened(
    place: Workspace, harm: dict[str, object]
) -> None:
    before = cost(place)
    closed = close(place, "2025-03").month
    path = place.ledger.root / "prices" / "prices.json"
    content = json.loads(path.read_bytes())
    content["closed"][0] |= harm
    path.write_text(json.dumps(content), encoding="utf-8")
    broken = Workspace(place.config, now=place.now)
    with pytest.raises(LedgerError) as caught:
        asked(broken)
    assert "\n" not in str(caught.value)
    found = reopening(broken, "2025-03")
    assert found.month.usd == closed.usd
    assert ("free_quotas" in harm) == (found.frozen is not None)
    reopen(broken, found)
    assert cost(Workspace(place.config, now=place.now)) == before
