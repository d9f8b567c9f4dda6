"""A chart of each picture, with names that are as bad as names get."""

from datetime import date, timedelta
from decimal import Decimal

from whyspend.model import Cell, Chart, Picture, TableColumn

HOSTILE = (
    "<script>document.title='run'</script>",
    '"/><img src=x onerror=alert(1)>',
    "\x1b[31mred\x07\u202eevil\ud800]]>",
    "日本語の機能🚀 " + "x" * 200,
    "&lt;b&gt; &amp; {{7*7}}",
)
FIRST = date(2026, 11, 15)


def usd(*names: str) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(name, "usd") for name in names)


def _days(count: int) -> list[date]:
    return [FIRST + timedelta(n) for n in range(count)]


def _amount(number: int) -> Decimal:
    return Decimal(number % 7 * 3 + 1) + Decimal("0.000000000012")


NAME = TableColumn("feature", "text")
DAY = TableColumn("day", "date")

_stacked: tuple[tuple[Cell, ...], ...] = tuple(
    (day, *(_amount(n + part) for part in range(5))) for n, day in enumerate(_days(9))
)
_used: tuple[tuple[Cell, ...], ...] = tuple(
    (day, *((_amount(0) * n, None, None, None) if n < 5 else (None, _amount(1) * n, _amount(0) * n, _amount(2) * n)))
    for n, day in enumerate(_days(10))
)  # fmt: skip

SAMPLES: dict[Picture, Chart] = {
    "stacked_time": Chart(
        "stacked_time", "Spend", (DAY, *usd(*HOSTILE)), _stacked, by=("feature",), colors={HOSTILE[0]: 3}
    ),
    "ranked_change": Chart(
        "ranked_change",
        "Spend by feature",
        (NAME, *usd("cost_usd", "before_usd")),
        (
            *((name, _amount(n), _amount(n + 1)) for n, name in enumerate(HOSTILE)),
            ("gone", Decimal(0), None),
            ("untagged", None, Decimal(2)),
            ("(adjustment)", Decimal(-5), Decimal(0)),
        ),
        by=("feature",),
    ),
    "waterfall": Chart(
        "waterfall",
        "From then to now",
        (NAME, *usd("amount_usd")),
        (
            ("before", Decimal(100)),
            *((name, Decimal(n * 7 - 9)) for n, name in enumerate(HOSTILE)),
            ("now", Decimal(125)),
        ),
    ),
    "burn_down": Chart(
        "burn_down",
        HOSTILE[0],
        (DAY, *usd("used_usd", "expected_usd", "low_usd", "high_usd")),
        _used,
        marks=((HOSTILE[1], Decimal(60)),),
    ),
    "histogram": Chart(
        "histogram",
        "Cost per request",
        (*usd("from_usd", "to_usd"), TableColumn("requests", "requests")),
        tuple((Decimal(n) / 100, Decimal(n + 1) / 100, n * n) for n in range(12)),
        marks=(("p50", Decimal("0.04")), ("p99", Decimal("0.119"))),
    ),
    "price_steps": Chart(
        "price_steps",
        "Price of a model",
        (DAY, *usd("input", "output", HOSTILE[2])),
        tuple((day, Decimal(3 - n), Decimal(15 - 4 * n), None) for n, day in enumerate(_days(3))),
    ),
    "shares": Chart(
        "shares",
        "How owners were found",
        (NAME, *usd("tagged", "untagged", "(adjustment)")),
        tuple((name, _amount(n), _amount(n + 3), Decimal(-1)) for n, name in enumerate(HOSTILE)),
        colors={"tagged": 0},
    ),
}
