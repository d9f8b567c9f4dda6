"""How `explain` writes two figures beside each other."""

import pytest

from whyspend.causes.drivers import Driver
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.measuring import Measured
from whyspend.reports.explain.words import what


@pytest.mark.parametrize(
    ("driver", "before", "after", "said"),
    [
        ("cache_share", 0.898, 0.903, "cache hits rose from 89.8 % to 90.3 % of input tokens"),
        ("cache_share", 0.9, 0.9004, "cache hits rose from 90.00 % to 90.04 % of input tokens"),
        ("cache_share", 0.2, 0.9, "cache hits rose from 20 % to 90 % of input tokens"),
        ("requests", 412.2, 412.4, "more requests, from 412.2 to 412.4 a day"),
        ("requests", 5_120.0, 5_140.0, "more requests, from 5.12k to 5.14k a day"),
        ("requests", 3.0, 3.0, "more requests, from 3 to 3 a day"),
        ("prompt_size", 1.201e6, 1.202e6, "prompts grew from 1.201M to 1.202M input tokens per call"),
    ],
)
def test_figures_that_would_read_the_same_get_decimals_more(
    driver: Driver, before: float, after: float, said: str
) -> None:
    cause = Cause(driver, (), (), 10**24)
    assert what(cause, Measured(before, after, "")) == said


def test_a_tiny_price_has_no_exponent() -> None:
    found = Measured(0.00002, 0.0000125, "", "input_tokens", "tiny")
    said = what(Cause("list_price", (), (), -(10**24)), found)
    assert said == "list price of tiny fell from $0.00002 to $0.0000125 per million input tokens"
