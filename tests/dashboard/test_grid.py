"""Cells of a page."""

import pytest

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
