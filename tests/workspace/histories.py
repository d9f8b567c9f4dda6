"""A ledger of two months with ten models, and price books in which their rates are altered."""

import atexit
import csv
import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from whyspend import registry
from whyspend.config import load
from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger
from whyspend.ledger import prices as kept
from whyspend.model import Batch, Call, Table
from whyspend.pricing.book import HEADER
from whyspend.pricing.book import load as loaded
from whyspend.workspace import Workspace
from whyspend.workspace.prices import BOOK_FILES
from whyspend.workspace.updating import Comparison, compare, take

MODELS = (
    "gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano",
    "o1", "o3-mini",
)  # fmt: skip
"""Of OpenAI."""

UNUSED = "gpt-4-32k"
"""In the price books, but not in the ledger."""

OUTPUT = 1_000_000
"""Tokens of each call: a change of its rate by $1 per million is a change by $1."""

NOW = datetime(2025, 4, 3, 12, tzinfo=UTC)
"""The months are February and March 2025, long over whenever the tests run."""


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def call(
    number: str, started: str, model: str = "gpt-4o", feature: str | None = "chat", **more: object
) -> Call:
    made: dict[str, object] = {
        "source": "prod", "project": "p", "call_id": number, "trace_id": number, "provider": "openai",
        "model_requested": model, "output_tokens": OUTPUT, "completion_total": OUTPUT, "usage_source": "server",
        "dimensions": (feature,), "attributed": ("call",), "started_at": micros(started),
    }  # fmt: skip
    return Call(**{**made, **more})  # type: ignore[arg-type]


def history() -> list[Call]:
    """Each model once in February and twice in March, and one model without a price."""
    days = ("2025-02-11 10:00", "2025-03-01 00:30", "2025-03-31 23:30")
    priced = [
        call(f"{model}-{day}", day, model, "rag" if day == days[1] else "chat")
        for model in MODELS
        for day in days
    ]
    return [*priced, call("unknown", "2025-03-05 10:00", "made-up")]


def publish(
    root: Path,
    calls: Sequence[Call],
    upto: str = "2025-04-02",
    since: str = "2025-01-01",
    book: Path | None = None,
) -> None:
    """Bring calls into a ledger; the first time, with its price book."""
    engine = connect(threads=1)
    writer = Ledger(root).writer(engine, "prod", ("feature",))
    writer.add(Batch(calls=calls))
    writer.commit({"upto:p": micros(upto), "from:p": micros(since)})
    engine.close()
    book = book or SMALL
    kept.keep_first(root, book, BOOK_FILES, loaded(book).id)


def workspace(folder: Path, settings: str = "", now: datetime = NOW) -> Workspace:
    """A workspace with these settings beside the ledger `ledger` of a folder."""
    path = folder / "whyspend.toml"
    if "dimensions" not in settings:
        settings = f'dimensions = ["feature"]\n{settings}'
    path.write_text(f'ledger = "ledger"\n{settings}', encoding="utf-8")
    return Workspace(load(path, {}), now=now)


def altered(folder: Path, percent: Mapping[str, int]) -> Path:
    """A price book of eleven models, in which the output of these costs so many percent."""
    folder.mkdir()
    models = [*MODELS, UNUSED]
    tables: dict[str, list[Sequence[object]]] = {
        "rates": [
            HEADER,
            *(_rate(model, 10 + at, percent.get(model, 100)) for at, model in enumerate(models)),
        ],
        "names": [("provider", "name", "model", "kind"), *(("openai", m, m, "exact") for m in models)],
        "providers": [("provider", "fallbacks"), ("openai", "")],
        "unpriced": [("provider", "model", "reason")],
        "sources": [("source", "version"), ("genai-prices", "0.2.3")],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


def _rate(model: str, usd: int, percent: int) -> list[object]:
    """$1 per million of input and so much of output, since ever."""
    cells = {
        "price": f"openai/{model}", "input_tokens": 1_000_000, "output_tokens": usd * 10_000 * percent,
        "source": "genai-prices", "basis": "undated",
    }  # fmt: skip
    return [cells.get(name, "") for name in HEADER]


TEN = {model: 110 + number for number, model in enumerate(MODELS)}
"""Ten altered rates."""

SMALL = altered(Path(tempfile.mkdtemp(prefix="whyspend-tests-")) / "book", {})
"""Nothing altered. It is read in an instant, and so many ledgers can have one."""
atexit.register(shutil.rmtree, SMALL.parent)

MARCH = ("2025-03-01", "2025-03-31")
APRIL = ("2025-04-01", "2025-04-30")


def asked(place: Workspace, days: tuple[str, str] = MARCH, **options: Any) -> Table:
    return place.ask("report", place.window(*days), **options)


def cost(place: Workspace, days: tuple[str, str] = MARCH, **options: Any) -> Decimal:
    total = asked(place, days, **options).total["cost_usd"]
    assert isinstance(total, Decimal)
    return total


def written(answer: Table, form: str) -> bytes:
    out = io.BytesIO()
    registry.load("formats", form).write(answer, out)
    return out.getvalue()


def updated(place: Workspace, book: Path) -> Comparison:
    found = compare(place, book)
    take(place, found)
    return found


def rows(answer: Table) -> list[dict[str, Any]]:
    return [dict(zip((c.name for c in answer.columns), row, strict=True)) for row in answer.rows]


def corrections(place: Workspace, **options: Any) -> list[dict[str, Any]]:
    """The rows of April that cost something: it has no calls of its own."""
    return [row for row in rows(asked(place, APRIL, **options)) if row["cost_usd"]]


def rate(model: str, folder: Path = SMALL) -> Decimal:
    """Dollars of one call of OUTPUT tokens."""
    return Decimal(loaded(folder).rates(f"openai/{model}")[-1].rates["output_tokens"] * OUTPUT).scaleb(-12)


def difference(book: Path) -> Decimal:
    """By how much March becomes dearer: each model twice."""
    return sum((2 * (rate(model, book) - rate(model)) for model in MODELS), Decimal(0))
