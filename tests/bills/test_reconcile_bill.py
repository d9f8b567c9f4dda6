"""A bill against the ledger: what was billed and never seen is found to the cent, and nothing else is."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.reports.ledgers import place

from whyspend.cli import run
from whyspend.engines.duckdb import DuckDB, connect
from whyspend.model import Call

DATA = Path(__file__).parent.parent / "data" / "bills"
FIRST = date(2026, 10, 1)
Capture = pytest.CaptureFixture[str]

MODELS: dict[tuple[str, str], tuple[str, str, str]] = {
    ("openai", "gpt-4o"): ("2.5", "1.25", "10"),
    ("openai", "gpt-4o-mini-2024-07-18"): ("0.15", "0.075", "0.6"),
    ("anthropic", "claude-haiku-4-5"): ("1", "0.1", "5"),
}
"""USD per million: input, cached input, output."""
CLASSES = ("input", "cached input", "output")
COLUMNS = ("input_tokens", "cache_read_tokens", "output_tokens")


@pytest.fixture(scope="module")
def engine() -> Any:
    opened = connect(threads=1)
    yield opened
    opened.close()


def call(
    number: int, day: date, provider: str, model: str, counts: tuple[int, int, int], **other: Any
) -> Call:
    moment = datetime(day.year, day.month, day.day, number % 24, tzinfo=UTC)
    return Call(**{
        "source": "prod", "project": "p", "call_id": f"c{number}", "trace_id": f"t{number}",
        "started_at": int(moment.timestamp()) * 1_000_000, "provider": provider, "model_requested": model,
        **dict(zip(COLUMNS, counts, strict=True)),
        "prompt_total": counts[0] + counts[1], "completion_total": counts[2], "usage_source": "server",
        "dimensions": (None, None), "attributed": (None, None), **other,
    })  # fmt: skip


def cost(provider: str, model: str, counts: tuple[int, int, int]) -> list[Decimal]:
    rates = MODELS[provider, model]
    return [Decimal(rate) * count / 1_000_000 for rate, count in zip(rates, counts, strict=True)]


def openai_pages(billed: dict[tuple[date, str], list[Decimal]]) -> list[dict[str, Any]]:
    """A page a week, as the costs API sends them, grouped by line item."""
    pages = []
    for week in range(5):
        buckets = []
        for day in (FIRST + timedelta(days=number) for number in range(week * 7, min(week * 7 + 7, 31))):
            start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            results = [
                {"object": "organization.costs.result", "amount": {"value": f"{usd:.16f}", "currency": "usd"},
                 "line_item": f"{model}, {name}"}
                for (on, model), amounts in billed.items() if on == day
                for name, usd in zip(CLASSES, amounts, strict=True)
            ]  # fmt: skip
            buckets.append({"start_time": start, "end_time": start + 86_400, "results": results})
        pages.append({"object": "page", "data": buckets, "has_more": week < 4, "next_page": None})
    return pages


class Month:
    """A month of calls of which some were never traced, and the bill of all."""

    def __init__(self) -> None:
        draw = Random(3)
        self.calls: list[Call] = []
        self.billed: dict[tuple[date, str], list[Decimal]] = {}
        self.untraced = Decimal(0)
        self.whole = Decimal(0)
        for number in range(1_500):
            day = FIRST + timedelta(days=draw.randrange(31))
            provider, model = draw.choice(list(MODELS))
            counts = (draw.randrange(10**5), draw.randrange(10**4), draw.randrange(10**4))
            seen = draw.random() > 0.1
            if seen:
                self.calls.append(call(number, day, provider, model, counts))
            if provider == "openai":
                amounts = cost(provider, model, counts)
                held = self.billed.setdefault((day, model), [Decimal(0)] * 3)
                self.billed[day, model] = [a + b for a, b in zip(held, amounts, strict=True)]
                self.whole += sum(amounts)
                self.untraced += Decimal(0) if seen else sum(amounts, Decimal(0))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, engine: DuckDB) -> tuple[Month, Path]:
    made = Month()
    folder = tmp_path_factory.mktemp("month")
    place(folder, engine, made.calls)
    (folder / "bill.json").write_text("\n".join(map(json.dumps, openai_pages(made.billed))))
    return made, folder


def reconcile(folder: Path, capfd: Capture, *arguments: object) -> dict[str, Any]:
    code = run(
        ["reconcile", "--config", str(folder / "whyspend.toml"), "--format", "json", *map(str, arguments)]
    )
    out, err = capfd.readouterr()
    assert code in (0, 1), err
    return {**json.loads(out, parse_float=Decimal, parse_int=Decimal), "code": code}


def test_untraced_dollars_of_a_month_are_found_to_the_last_digit(
    month: tuple[Month, Path], capfd: Capture
) -> None:
    made, folder = month
    answer = reconcile(folder, capfd, "--bill", folder / "bill.json")
    total = answer["total"]
    assert total["billed_usd"] == made.whole
    assert total["untraced_usd"] == made.untraced > 1
    assert total["overcounted_usd"] == 0
    assert answer["code"] == 1
    assert {row["provider"] for row in answer["rows"]} == {"openai"}, "the bill says nothing of others"
    assert {row["model"] for row in answer["rows"]} == {"gpt-4o", "gpt-4o-mini"}
    assert answer["window"]["since"] == "2026-10-01"
    assert reconcile(folder, capfd, "--bill", folder / "bill.json", "--tolerance", "50%")["code"] == 0


@pytest.mark.parametrize(
    ("content", "days", "message"),
    [
        ("[]", (), "The bill holds no day"),
        ("BilledCost,BillingCurrency,ChargePeriodStart\n", (), "The bill holds no day"),
        (
            "BilledCost,BillingCurrency,ChargePeriodStart\n1,USD,2026-10-02\n",
            ("--since", "2026-10-05", "--until", "2026-10-06"),
            "The bill holds 2026-10-02 to 2026-10-02, and no day of 2026-10-05 to 2026-10-06",
        ),
    ],
)
def test_a_gate_that_compared_nothing_is_not_passed(
    month: tuple[Month, Path],
    tmp_path: Path,
    capfd: Capture,
    content: str,
    days: tuple[str, ...],
    message: str,
) -> None:
    bill = tmp_path / "bill"
    bill.write_text(content)
    code = run(["reconcile", "--config", str(month[1] / "whyspend.toml"), "--bill", str(bill), *days])
    out, err = capfd.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("by", ["day", "model", "token_class", "day,provider,model,token_class"])
def test_every_grouping_adds_up_to_the_same(month: tuple[Month, Path], capfd: Capture, by: str) -> None:
    made, folder = month
    answer = reconcile(folder, capfd, "--bill", folder / "bill.json", "--by", by)
    for row in (*answer["rows"], answer["total"]):
        assert row["billed_usd"] + row["overcounted_usd"] == row["traced_usd"] + row["untraced_usd"]
    assert sum(row["untraced_usd"] for row in answer["rows"]) == made.untraced


def test_what_was_seen_and_not_billed_does_not_hide_what_was_billed_and_not_seen(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    seen = call(1, FIRST, "openai", "gpt-4o", (1_000_000, 0, 0))
    place(tmp_path, engine, [seen])
    pages = openai_pages({(FIRST, "gpt-4o"): [Decimal("1.5"), Decimal(0), Decimal(4)]})
    (tmp_path / "bill.json").write_text(json.dumps(pages))
    total = reconcile(tmp_path, capfd, "--bill", tmp_path / "bill.json")["total"]
    assert (total["untraced_usd"], total["overcounted_usd"]) == (4, 1)


def test_a_bill_that_is_not_itemised_is_compared_by_the_day(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    place(tmp_path, engine, [call(1, FIRST, "openai", "gpt-4o", (1_000_000, 0, 100_000))])
    (tmp_path / "bill.csv").write_text(
        "start_time,end_time,amount_value,amount_currency,line_item\n1790812800,1790899200,5.00,usd,\n"
    )
    answer = reconcile(tmp_path, capfd, "--bill", tmp_path / "bill.csv")
    (row,) = answer["rows"]
    assert (row["model"], row["token_class"]) == ("(not named)", "(not named)")
    assert (row["billed_usd"], row["traced_usd"], row["untraced_usd"]) == (5, Decimal("3.5"), Decimal("1.5"))


def test_sampling_says_how_much_of_the_untraced_it_leaves_out(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    place(tmp_path, engine, [call(1, FIRST, "openai", "gpt-4o", (1_000_000, 0, 0), sample_rate=0.25)])
    pages = openai_pages({(FIRST, "gpt-4o"): [Decimal("11"), Decimal(0), Decimal(0)]})
    (tmp_path / "bill.json").write_text(json.dumps(pages))
    answer = reconcile(tmp_path, capfd, "--bill", tmp_path / "bill.json")
    assert answer["total"]["untraced_usd"] == Decimal("8.5")
    assert answer["total"]["sampled_away_usd"] == Decimal("7.5")  # $2.50 x (1 / 0.25 - 1)


@pytest.mark.parametrize(
    ("name", "billed"),
    [
        ("openai_costs_page.json", "3.0712925"),
        ("anthropic_cost_report.json", "42.10875"),
        ("openai_dashboard.csv", "4.59125"),
        ("anthropic_console.csv", "0.36"),
        ("focus_1_2.csv", "3.19"),
    ],
)
def test_of_the_samples_all_is_untraced_on_a_ledger_without_their_calls(
    tmp_path: Path, engine: DuckDB, capfd: Capture, name: str, billed: str
) -> None:
    place(tmp_path, engine, [call(1, date(2026, 11, 21), "mistral", "x", (1, 0, 0))])
    total = reconcile(tmp_path, capfd, "--bill", DATA / name)["total"]
    assert (total["billed_usd"], total["untraced_usd"]) == (Decimal(billed), Decimal(billed))


def test_a_usage_export_compares_tokens_and_claims_no_dollars(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    place(tmp_path, engine, [call(1, date(2026, 11, 21), "mistral", "x", (1, 0, 0))])
    answer = reconcile(tmp_path, capfd, "--bill", DATA / "openai_usage_page.json")
    assert answer["total"]["billed_usd"] is None
    assert answer["total"]["billed_tokens"] > 0


def test_what_one_side_does_not_name_is_nothing_there_and_not_unknown(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    calls = [
        call(1, FIRST, "openai", "gpt-4o", (1_000_000, 0, 0)),
        call(2, FIRST, "openai", "never-heard-of", (10, 0, 0)),
    ]
    place(tmp_path, engine, calls)
    pages = openai_pages({(FIRST, "gpt-4o-mini"): [Decimal(4), Decimal(0), Decimal(0)]})
    (tmp_path / "bill.json").write_text(json.dumps(pages))
    answer = reconcile(tmp_path, capfd, "--bill", tmp_path / "bill.json", "--by", "model")
    figures = (
        "billed_usd",
        "traced_usd",
        "untraced_usd",
        "overcounted_usd",
        "billed_tokens",
        "traced_tokens",
    )
    assert {row["model"]: tuple(row[name] for name in figures) for row in answer["rows"]} == {
        "gpt-4o-mini": (4, 0, 4, 0, None, 0),
        "gpt-4o": (0, Decimal("2.5"), 0, Decimal("2.5"), None, 1_000_000),
        "never-heard-of": (0, None, 0, 0, None, 10),
    }
    assert [answer["total"][name] for name in figures] == [
        4,
        Decimal("2.5"),
        4,
        Decimal("2.5"),
        None,
        1_000_010,
    ]


def test_a_bill_that_counts_tokens_counts_none_where_it_has_no_line(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    place(tmp_path, engine, [call(1, date(2026, 11, 21), "openai", "gpt-4o", (1_000_000, 0, 0))])
    answer = reconcile(tmp_path, capfd, "--bill", DATA / "openai_dashboard.csv", "--by", "model,token_class")
    (row,) = [row for row in answer["rows"] if (row["model"], row["token_class"]) == ("gpt-4o", "input")]
    assert (row["billed_usd"], row["billed_tokens"]) == (0, 0)


def test_a_usage_export_claims_no_dollars_for_calls_that_it_lacks_either(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    place(tmp_path, engine, [call(1, date(2026, 11, 22), "openai", "gpt-4o", (1_000_000, 0, 0))])
    answer = reconcile(tmp_path, capfd, "--bill", DATA / "openai_usage_page.json", "--by", "model")
    (row,) = [row for row in answer["rows"] if row["model"] == "gpt-4o"]
    for held in (row, answer["total"]):
        assert (held["billed_usd"], held["traced_usd"]) == (None, Decimal("2.5"))
        assert (held["untraced_usd"], held["overcounted_usd"], held["sampled_away_usd"]) == (None, None, None)
    assert (row["billed_tokens"], row["traced_tokens"]) == (0, 1_000_000)
    billed = answer["total"]["billed_tokens"]
    assert (
        "The bill counts tokens and has no dollars: none are called untraced or overcounted. "
        f"{billed:,} tokens billed, 1,000,000 traced: outside the tolerance of 5.00%."
    ) in answer["notes"]
    assert answer["code"] == 1, "a gate that compares no dollars compares tokens"
    within = reconcile(tmp_path, capfd, "--bill", DATA / "openai_usage_page.json", "--tolerance", "1000%")
    assert within["code"] == 0


@pytest.mark.parametrize(("tolerance", "shown"), [("0.001%", "0.001%"), ("5", "5.00%"), ("1e-20%", "1e-20%")])
def test_a_tolerance_is_said_with_all_its_digits(
    month: tuple[Month, Path], capfd: Capture, tolerance: str, shown: str
) -> None:
    bill = str(month[1] / "bill.json")
    code = run(
        ["reconcile", "--config", str(month[1] / "whyspend.toml"), "--bill", bill, "--tolerance", tolerance]
    )
    out, err = capfd.readouterr()
    assert code == 1
    assert f"outside the tolerance of {shown}." in " ".join(out.split())
    assert f"outside the tolerance of {shown}." in err


def test_hostile_names_in_a_bill_are_harmless(tmp_path: Path, engine: DuckDB, capfd: Capture) -> None:
    place(tmp_path, engine, [call(1, FIRST, "openai", "gpt-4o", (1, 0, 0))])
    evil = '=HYPERLINK("http://x")\x1b[31m\u202e<script>\x00' + "x" * 10_000
    pages = openai_pages({(FIRST, evil): [Decimal(1), Decimal(2), Decimal(3)]})
    (tmp_path / "bill.json").write_text(json.dumps(pages))
    for form in ("text", "csv", "markdown"):
        code = run(["reconcile", "--config", str(tmp_path / "whyspend.toml"), "--format", form,
                    "--bill", str(tmp_path / "bill.json")])  # fmt: skip
        out, err = capfd.readouterr()
        assert code == 1, err
        assert not [sign for sign in ("\x1b", "\x00", "\u202e") if sign in out]
        if form == "csv":
            cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
            assert not [cell for cell in cells if cell.startswith("=")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bill", "none.json"], "does not exist"),
        (["--bill", "whyspend.toml"], "columns of no known bill"),
        (["--bill", "bill.json", "--recorded"], "leave out SOURCE and --recorded"),
        (["--bill", "bill.json", "--where", "env=prod"], "leave out --where"),
        (["--bill", "bill.json", "--by", "feature"], "cannot be grouped by 'feature'"),
        (["--bill", "bill.json", "--timezone", "Europe/Berlin"], "--timezone UTC"),
    ],
)
def test_bad_usage_of_a_bill_is_one_clear_line(
    tmp_path: Path, engine: DuckDB, capfd: Capture, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    place(tmp_path, engine, [call(1, FIRST, "openai", "gpt-4o", (1, 0, 0))])
    (tmp_path / "bill.json").write_text(json.dumps(openai_pages({})))
    monkeypatch.chdir(tmp_path)
    code = run(["reconcile", *arguments])
    out, err = capfd.readouterr()
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_azure_bills_apart_from_openai_though_it_has_its_prices(
    tmp_path: Path, engine: DuckDB, capfd: Capture
) -> None:
    million = (1_000_000, 0, 0)
    ledger = [call(1, FIRST, "openai", "gpt-4o", million), call(2, FIRST, "azure_openai", "gpt-4o", million)]
    place(tmp_path, engine, ledger)
    row = {"BilledCost": "4", "BillingCurrency": "USD", "ChargePeriodStart": "2026-10-01T00:00:00Z",
           "ProviderName": "Microsoft", "x_Model": "gpt-4o", "SkuMeter": "Input Tokens"}  # fmt: skip
    (tmp_path / "focus.json").write_text(json.dumps([row]))
    (only,) = reconcile(tmp_path, capfd, "--bill", tmp_path / "focus.json")["rows"]
    assert (only["provider"], only["traced_usd"], only["untraced_usd"]) == (
        "azure",
        Decimal("2.5"),
        Decimal("1.5"),
    )
