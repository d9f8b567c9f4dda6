"""A bill whose names are as hostile as they may be: Parquet and JSON give every one back as it came, in every row."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bills.test_reconcile_bill import FIRST, Capture, call
from tests.reports.ledgers import place
from tests.reports.test_coverage_hostile import HOSTILE

from whyspend.cli import run
from whyspend.engines.duckdb import DuckDB, connect

BILLED = [f"billed {name}" for name in HOSTILE] + list(HOSTILE)
TRACED = [f"traced {name}" for name in HOSTILE]


@pytest.fixture(scope="module")
def engine() -> Any:
    opened = connect(threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, engine: DuckDB) -> Path:
    folder = tmp_path_factory.mktemp("hostile bill")
    place(folder, engine, [call(at, FIRST, "openai", name, (7, 0, 0)) for at, name in enumerate(TRACED)])
    lines = [
        {"BilledCost": "0.25", "BillingCurrency": "USD", "ChargePeriodStart": "2026-10-01T00:00:00Z",
         "ProviderName": provider, "x_Model": name, "SkuMeter": f"Input Tokens {name}"}
        for provider in ("OpenAI", *(f"seller {name}" for name in HOSTILE))
        for name in BILLED
    ]  # fmt: skip
    (folder / "bill.json").write_text(json.dumps(lines))
    return folder


def answered(home: Path, capfd: Capture, form: str) -> Path:
    file = home / f"answer.{form}"
    arguments = ("--config", str(home / "whyspend.toml"), "--bill", str(home / "bill.json"))
    code = run(["reconcile", *arguments, "--by", "provider,model", "--format", form, "-o", str(file)])
    assert code == 1, capfd.readouterr().err
    return file


def named() -> set[tuple[str, str]]:
    sold = {(f"seller {name}".lower(), model) for name in HOSTILE for model in BILLED}
    return {(seller.strip(), model.strip()) for seller, model in sold} | {
        ("openai", model.strip()) for model in (*BILLED, *TRACED)
    }


def test_json_gives_every_name_of_a_bill_back(home: Path, capfd: Capture) -> None:
    text = answered(home, capfd, "json").read_text()
    assert not [sign for sign in ("\x1b", "\x00", "\u202e", "\u2066", "\x07") if sign in text]
    rows = json.loads(text, parse_float=Decimal)["rows"]
    assert {(row["provider"], row["model"]) for row in rows} == named()
    assert len(rows) == len(named())
    assert {row["billed_usd"] for row in rows if row["model"] in TRACED} == {0}


def test_parquet_gives_every_name_of_a_bill_back(home: Path, engine: DuckDB, capfd: Capture) -> None:
    file = engine.literal(str(answered(home, capfd, "parquet")))
    rows = engine.rows(
        f"SELECT provider, model, CAST(billed_usd AS VARCHAR), CAST(traced_tokens AS BIGINT) FROM read_parquet({file})"
    )
    assert {(provider, model) for provider, model, *_ in rows} == named()
    assert len(rows) == len(named())
    told = json.loads(answered(home, capfd, "json").read_text(), parse_float=Decimal)["rows"]
    assert [(row["provider"], row["model"], row["billed_usd"], row["traced_tokens"]) for row in told] == [
        (provider, model, Decimal(usd), tokens) for provider, model, usd, tokens in rows
    ]
