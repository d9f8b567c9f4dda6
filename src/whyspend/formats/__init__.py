"""How an answer is written: each file is `write(table, out, **options)`; `_` files are shared.

A format that can put a digest on a page has `write_digest(digest, out, **options)`, too, and one that can write rows
that are no answer of a report `write_sheet(sheet, out, **options)`. What others need of them to write single values is
named here.
"""

from whyspend.formats._cells import (
    NUMBER_UNITS,
    display,
    for_people,
    instant,
    is_change,
    plain,
    speaks_for_itself,
    total_row,
)
from whyspend.formats._frame import spent, trust_line
from whyspend.spelling import exact, money, visible

__all__ = [
    "NUMBER_UNITS",
    "display",
    "exact",
    "for_people",
    "instant",
    "is_change",
    "money",
    "plain",
    "speaks_for_itself",
    "spent",
    "total_row",
    "trust_line",
    "visible",
]
