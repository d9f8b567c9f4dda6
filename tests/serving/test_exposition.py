"""Metrics as Prometheus reads them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyspend.serving.exposition import LONGEST, Metric, label, metric, text


def test_a_page_has_each_metric_with_its_samples_and_all_digits() -> None:
    costs = [({"feature": "chat"}, Decimal("0.000000001230")), ({"feature": "x"}, Decimal("1E+3"))]
    page = text([Metric("a_usd", "gauge", "What it cost.", costs), metric("b_total", "counter", "Calls.", 7)])
    assert page == (
        "# HELP a_usd What it cost.\n# TYPE a_usd gauge\n"
        'a_usd{feature="chat"} 0.000000001230\na_usd{feature="x"} 1000\n'
        "# HELP b_total Calls.\n# TYPE b_total counter\nb_total 7\n"
    )


def test_a_metric_of_which_nothing_is_known_is_left_out() -> None:
    assert text([Metric("a", "gauge", "Nothing.", [])]) == "\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('a"b', 'a\\"b'),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a\\nb"),
        ('"} 1\nevil_total 9', '\\"} 1\\nevil_total 9'),
        ("\0\r\x1b[2J", "\ufffd\ufffd\ufffd[2J"),
        ("\u2028\u202e", "\ufffd\ufffd"),
        ("\ud83d", "\ufffd"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_hostile_name_stays_within_its_label(value: str, shown: str) -> None:
    page = text([Metric("a", "gauge", "A.", [({"name": label(value)}, 1)])])
    assert page.splitlines()[2:] == [f'a{{name="{shown}"}} 1']
    page.encode()


@given(st.text())
def test_whatever_a_name_is_its_sample_is_one_line(name: str) -> None:
    shown = label(name)
    assert len(shown) <= LONGEST
    assert text([Metric("a", "gauge", "A.", [({"name": shown}, 1)])]).count("\n") == 3
