"""Tables of prices on terminals of any width."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.shell import on_a_terminal, piped

from whyspend.cli.sheet import as_text
from whyspend.workspace.sheets import Column

LIST = ("prices", "list", "--all", "--provider", "google")
SHOW = ("prices", "show", "google/gemini-2.5-pro")


def table_of(text: str) -> list[str]:
    """The lines of the table, from its rule to the blank line below it."""
    lines = text.splitlines()
    rule = next(index for index, line in enumerate(lines) if line.startswith("──"))
    return lines[rule : lines.index("", rule)]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("args", [LIST, SHOW])
def test_a_table_of_prices_fits_the_terminal_and_names_what_it_leaves_out(
    home: Path, args: tuple[str, ...], width: int
) -> None:
    text = on_a_terminal(args, home, width=width).text
    assert max(map(len, table_of(text))) <= width
    whole = piped(args, home).text.splitlines()
    names = [name for name in next(line for line in whole if "input" in line.split()).split("  ") if name]
    said = " ".join(line.strip() for line in text.splitlines())
    hidden = re.search(r"The terminal is too narrow for: (.+?)\. JSON", said)
    left_out = hidden[1].split(", ") if hidden else []
    shown = text[: text.index("──")].split()
    assert {"input", "output"} <= {*shown, *left_out}
    assert all(
        name in left_out or all(part in shown for part in re.split("[_ ]", name)) or name in shown
        for name in map(str.strip, names)
    )


def test_no_rate_and_no_name_is_cut(home: Path) -> None:
    narrow = "\n".join(table_of(on_a_terminal(SHOW, home, width=80).text))
    assert "…" not in narrow
    rates = re.findall(r"\$[\d.]+", "\n".join(table_of(piped(SHOW, home).text)))
    assert {*re.findall(r"\$[\d.]+", narrow)} <= {*rates}
    assert "200,000 tokens" in narrow


def test_in_a_pipe_a_table_of_prices_is_as_wide_as_it_is(home: Path) -> None:
    header = piped(LIST, home).text.splitlines()[0]
    columns = "provider model context match input output cache_read cache_write tiers since source"
    assert " ".join(header.split()) == columns
    assert as_text([Column("a"), Column("b_c", "rate")], [("x" * 200, Decimal("0.5"))]).splitlines()[2] == (
        "x" * 200 + "  $0.50"
    )
