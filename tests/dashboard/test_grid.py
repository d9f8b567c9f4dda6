"""Cells of a page, and the columns that fold away on a phone."""

import pytest

from whyspend.dashboard.folding import folded
from whyspend.dashboard.grid import plain_grid
from whyspend.model import TableColumn


@pytest.mark.parametrize(
    ("held", "leads"),
    [
        ("https://smith.example/o/1/r/2?trace_id=2", True),
        ("http://[", False),
        ("http://", False),
        ("javascript:alert(1)", False),
        ("//evil.example", False),
    ],
)
def test_only_a_web_address_becomes_a_link(held: str, leads: bool) -> None:
    (((cell,),),) = (plain_grid([TableColumn("link", "url")], [[held]]).rows,)
    assert (cell.link, cell.text) == ((held, "open") if leads else ("", held))


def left(**columns: tuple[str, str]) -> list[str]:
    """The names of the columns that a phone shows, of columns as `name=(unit, its widest cell)`."""
    made = [TableColumn(name, unit, derived=name.endswith("_derived")) for name, (unit, _) in columns.items()]
    less = folded(made, [[cell] for _, cell in columns.values()])
    return [column.name for at, column in enumerate(made) if at not in less]


def test_a_table_that_fits_a_phone_is_shown_whole() -> None:
    assert left(feature=("text", "rag"), calls=("calls", "12"), cost_usd=("usd", "$1.20")) == [
        "feature",
        "calls",
        "cost_usd",
    ]
    assert left() == []


def test_a_phone_shows_names_and_money_then_the_change_before_counts_and_tokens() -> None:
    assert left(
        feature=("text", "agent-copilot"),
        env=("text", "production"),
        calls=("calls", "3,568"),
        input_tokens=("tokens", "180,913,198"),
        cost_usd=("usd", "$173.37"),
        share=("share", "69.5 %"),
        change_usd=("usd", "+$34.17"),
        unpriced_calls=("calls", "9"),
    ) == ["feature", "env", "cost_usd", "share", "change_usd"]


def test_dollars_are_there_however_many_names_there_are() -> None:
    names = {f"key_{n}": ("text", "a name of some length") for n in range(9)}
    shown = left(**names, cost_usd=("usd", "$1,234.56"))
    assert shown[0] == "key_0"
    assert shown[-1] == "cost_usd"
    assert len(shown) < len(names)


def test_one_end_of_an_interval_is_not_shown_without_the_other() -> None:
    ends = dict.fromkeys(("low_80_usd", "high_80_usd", "low_95_usd", "high_95_usd"), ("usd", "$1,234.56"))
    shown = left(
        feature=("text", "rag"), spent_usd=("usd", "$1,234.56"), forecast_usd=("usd", "$2,345.67"), **ends
    )
    assert shown == ["feature", "spent_usd", "forecast_usd", "low_80_usd", "high_80_usd"]
    narrow = left(
        feature=("text", "agent-copilot"),
        spent_usd=("usd", "$123,456.78"),
        forecast_usd=("usd", "$234,567.89"),
        **ends,
    )
    assert narrow == ["feature", "spent_usd", "forecast_usd"]
