"""Digests to send: one as it is made, and any at all, hostile in every text."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st
from tests.alerts.hostile import texts

from whyspend.model import Chart, Table, TableColumn, Trust, Window
from whyspend.model.digest import Digest, Section

WINDOW = Window(
    date(2026, 11, 15),
    date(2026, 11, 21),
    "Europe/Berlin",
    datetime(2026, 11, 14, 23, tzinfo=UTC),
    datetime(2026, 11, 21, 23, tzinfo=UTC),
)
TRUST = Trust(
    6_256, Decimal("0.997"), Decimal("0.95"), Decimal("0.974"), Decimal(0), Decimal(0), None, "book@1/2"
)
COLUMNS = (
    TableColumn("feature", "text"),
    TableColumn("calls", "calls"),
    TableColumn("cost_usd", "usd"),
    TableColumn("change_usd", "usd"),
)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


def table(*names: str | None) -> Table:
    """A row for each name, dearest first, and their total."""
    costs = [Decimal("173.37054175") / 2**place for place in range(len(names))]
    rows = tuple((name, 100, cost, cost / 4) for name, cost in zip(names, costs, strict=True))
    day = TableColumn("day", "date")
    parts = tuple(TableColumn(str(name), "usd") for name in names)
    chart = Chart("stacked_time", "Spend by day", (day, *parts), ((WINDOW.since, *costs),))
    total = {"calls": 100 * len(names), "cost_usd": sum(costs, Decimal(0))}
    return Table("report", WINDOW, COLUMNS, rows, total, TRUST, charts=(chart,) if names else ())


def sentences(*texts: str) -> Table:
    """A numbered sentence for each text."""
    columns = (
        TableColumn("line", "place"),
        TableColumn("change_usd", "usd"),
        TableColumn("sentence", "sentence"),
    )
    rows = tuple((number, Decimal("-1.5"), text) for number, text in enumerate(texts, start=1))
    return Table("explain", WINDOW, columns, rows, {}, TRUST)


def digest(picture: bytes = PNG) -> Digest:
    """A digest as it is made."""
    return Digest(
        window=WINDOW,
        at=datetime(2026, 11, 22, 6, 17, tzinfo=UTC),
        headline=("$260.06 in these 7 days.", "2026-11 will probably end at $914.61.", "Next: look."),
        sections=(
            Section(
                "What was spent",
                table("agent-copilot", "rag-search"),
                ("200 calls.",),
                "whyspend report --top 6",
                picture=picture,
            ),
            Section(
                "Why it changed", sentences("agent-copilot: more calls"), ("It rose.",), "whyspend explain"
            ),
            Section(
                "Where the month will end",
                table("agent-copilot"),
                ("2026-11 will probably end at $914.61.",),
                "whyspend forecast",
                is_told=True,
            ),
        ),
        trust=TRUST,
        notes=("Unpriced: 3 calls.",),
        command="whyspend digest --since 2026-11-15 --until 2026-11-21",
    )


def digests() -> st.SearchStrategy[Digest]:
    """Any digest at all."""
    few = st.lists(texts, max_size=4)
    sections = st.builds(
        Section,
        title=texts,
        table=few.map(lambda names: table(*names)) | few.map(lambda names: sentences(*names)),
        sentences=few.map(tuple),
        command=texts,
        is_told=st.booleans(),
        picture=st.sampled_from([b"", PNG]),
    )
    return st.builds(
        Digest,
        window=st.just(WINDOW),
        at=st.datetimes(timezones=st.just(UTC)),
        headline=st.lists(texts, min_size=1, max_size=5).map(tuple),
        sections=st.lists(sections, max_size=6).map(tuple),
        trust=st.just(TRUST),
        notes=few.map(tuple),
        command=texts,
    )
