"""Whole 1e-24 dollars as dollars: every digit, however many dollars there are."""

from hypothesis import given
from hypothesis import strategies as some

from whyspend.money import usd
from whyspend.spelling import exact


@given(some.integers(-(10**37), 10**37))
def test_no_digit_is_lost_of_any_amount_that_a_ledger_can_hold(units: int) -> None:
    assert exact(usd(units)) == _by_hand(units)


def _by_hand(units: int) -> str:
    digits = f"{abs(units):025}"
    whole, decimals = digits[:-24], digits[-24:].rstrip("0")
    return ("-" if units < 0 else "") + whole + (f".{decimals}" if decimals else "")


def test_what_is_unknown_stays_unknown() -> None:
    assert usd(None) is None
