"""Bills that a pull fetches: every page once, kept beside the calls, the same however often it is pulled."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bills.test_reconcile_bill import call
from tests.loopback.billing_server import ANTHROPIC, KEY, OPENAI, BillingServer
from tests.reports.ledgers import place

from whyspend.cli import run
from whyspend.engines.duckdb import connect
from whyspend.errors import LedgerError
from whyspend.ledger import bills
from whyspend.model import Bill, Billed

FIRST = date(2026, 10, 1)
DAYS = ("--since", "2026-10-01", "--until", "2026-10-31")
Capture = pytest.CaptureFixture[str]


def openai(usd: object, item: str = "gpt-4o, input") -> dict[str, Any]:
    amount = {"value": usd, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, "line_item": item}


def anthropic(cents: str) -> dict[str, Any]:
    return {"currency": "USD", "amount": cents, "model": "claude-haiku-4-5", "cost_type": "tokens",
            "token_type": "output_tokens", "description": "Claude Haiku 4.5 Usage - Output Tokens"}  # fmt: skip


@pytest.fixture
def server() -> Iterator[BillingServer]:
    made = BillingServer()
    with made:
        yield made


@pytest.fixture
def home(tmp_path: Path, server: BillingServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine = connect(threads=1)
    config = 'dimensions = ["feature", "env"]\n' + "".join(
        f'[sources.{name}]\ntype = "{name}_billing"\nendpoint = "{server.url}"\n'
        for name in ("openai", "anthropic")
    )
    seen = call(1, FIRST, "openai", "gpt-4o", (1_000_000, 0, 0))
    place(tmp_path, engine, [seen], config)
    engine.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_ADMIN_KEY", KEY)
    return tmp_path


def said(capfd: Capture, *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    out, err = capfd.readouterr()
    return code, out, err


def total(capfd: Capture, source: str) -> dict[str, Any]:
    code, out, err = said(capfd, "reconcile", source, "--format", "json")
    assert code in (0, 1), err
    found: dict[str, Any] = json.loads(out, parse_float=Decimal, parse_int=Decimal)["total"]
    return found


def test_a_month_comes_page_by_page_and_untraced_dollars_are_found(
    home: Path, server: BillingServer, capfd: Capture
) -> None:
    server.charges = {FIRST + timedelta(days=number): [openai("0.5000000000000000")] for number in range(31)}
    server.charges[FIRST].append(openai(2.25))
    server.faults = [429, 500]
    code, _, err = said(capfd, "pull", "openai", *DAYS)
    assert code == 0, err
    assert "read 32 lines of the bill" in err
    assert [query.get("page") for path, query in server.requests if path == OPENAI][2:] == [
        None, ["page_7"], ["page_14"], ["page_21"], ["page_28"],
    ]  # fmt: skip
    assert server.requests[-1][1]["group_by"] == ["line_item"]
    found = total(capfd, "openai")
    assert found["billed_usd"] == Decimal("17.75")
    assert found["untraced_usd"] == Decimal("15.25")  # all but $2.50 of the first day


def test_pulling_twice_changes_nothing_and_a_changed_day_is_replaced(
    home: Path, server: BillingServer, capfd: Capture
) -> None:
    server.charges = {FIRST: [anthropic("123.45")]}
    for _ in range(2):
        assert said(capfd, "pull", "anthropic", *DAYS)[0] == 0
        assert total(capfd, "anthropic")["billed_usd"] == Decimal("1.2345")
    server.charges = {FIRST: [anthropic("200")], FIRST + timedelta(days=1): [anthropic("0.5")]}
    assert said(capfd, "pull", "anthropic", *DAYS)[0] == 0
    assert total(capfd, "anthropic")["billed_usd"] == Decimal("2.005")
    assert {path for path, _ in server.requests} == {ANTHROPIC}
    assert server.requests[0][1]["group_by[]"] == ["description"]


def test_a_refused_key_is_one_line_without_the_key(
    home: Path, server: BillingServer, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-wrong-one")
    code, _, err = said(capfd, "pull", "openai", *DAYS)
    assert code == 3
    assert "OPENAI_ADMIN_KEY" in err
    assert "sk-admin-wrong-one" not in err
    monkeypatch.delenv("OPENAI_ADMIN_KEY")
    assert said(capfd, "pull", "openai", *DAYS)[0] == 2


def test_paging_that_leads_back_is_given_up(home: Path, server: BillingServer, capfd: Capture) -> None:
    server.loops = True
    code, _, err = said(capfd, "pull", "openai", *DAYS)
    assert code == 3
    assert "the same page again" in err


def test_a_page_that_says_more_and_not_where_is_never_taken_for_the_last(
    home: Path, server: BillingServer, capfd: Capture
) -> None:
    server.loses_the_way = True
    code, _, err = said(capfd, "pull", "openai", *DAYS)
    assert code == 3
    assert "more pages follow, and not where" in err
    assert said(capfd, "reconcile", "openai")[0] == 2, "nothing of it is kept"


def test_another_currency_leaves_what_is_held(home: Path, server: BillingServer, capfd: Capture) -> None:
    server.charges = {FIRST: [openai("3")]}
    assert said(capfd, "pull", "openai", *DAYS)[0] == 0
    server.charges = {FIRST: [{"amount": {"value": 1, "currency": "eur"}, "line_item": "x"}]}
    code, _, err = said(capfd, "pull", "openai", *DAYS)
    assert code == 2
    assert "not in USD" in err
    assert total(capfd, "openai")["billed_usd"] == 3


def test_a_bill_that_was_never_pulled_says_how(home: Path, capfd: Capture) -> None:
    code, _, err = said(capfd, "reconcile", "openai")
    assert code == 2
    assert "whyspend pull openai" in err


def test_days_that_a_later_pull_does_not_cover_stay_and_gaps_are_told(tmp_path: Path) -> None:
    def bill(first: int, last: int, usd: str) -> Bill:
        lines = tuple(
            Billed(date(2026, 10, day), "openai", None, None, Decimal(usd), None)
            for day in range(first, last + 1)
        )
        return Bill(lines, date(2026, 10, first), date(2026, 10, last))

    assert bills.keep(tmp_path, "a", bill(1, 3, "1"))
    assert bills.keep(tmp_path, "a", bill(3, 4, "2"))
    assert not bills.keep(tmp_path, "a", bill(3, 4, "2"))
    assert bills.keep(tmp_path, "a", bill(8, 8, "5"))
    held = bills.read(tmp_path, "a")
    assert held is not None
    assert [line.usd for line in held.lines] == [1, 1, 2, 2, 5]
    assert "lacks 3 of the days from 2026-10-01 to 2026-10-08" in held.notes[0]
    assert bills.read(tmp_path, "b") is None


def test_a_damaged_bill_is_named_and_never_half_read(tmp_path: Path) -> None:
    day = date(2026, 10, 1)
    bills.keep(tmp_path, "a", Bill((Billed(day, "openai", None, None, Decimal(1), None),), day, day))
    (file,) = (tmp_path / "bills").glob("*.json")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(LedgerError, match="Delete it and pull the bill again"):
        bills.read(tmp_path, "a")


def test_a_bill_of_a_later_whyspend_is_not_called_damaged(tmp_path: Path) -> None:
    day = date(2026, 10, 1)
    bills.keep(tmp_path, "a", Bill((Billed(day, "openai", None, None, Decimal(1), None),), day, day))
    (file,) = (tmp_path / "bills").glob("*.json")
    file.write_text('{"version": 2, "days": "in another form"}')
    with pytest.raises(LedgerError, match=r"written by a later whyspend .* Upgrade whyspend to read it"):
        bills.read(tmp_path, "a")
    assert [path.name for path in (tmp_path / "bills").iterdir()] == [file.name]
