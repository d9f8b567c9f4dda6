"""What an engine with little memory can answer, and what it says where it cannot."""

import pytest

from whyspend.engines import duckdb
from whyspend.errors import UsageError

VALUES = "SELECT CAST(value * 1000 AS DECIMAL(38, 0)) AS cost FROM range(1000001) numbers (value)"
"""A million and one amounts of 16 bytes each."""


def test_several_quantiles_hold_the_values_once_and_not_once_for_each() -> None:
    engine = duckdb.connect(memory_limit="70MB", threads=2)
    engine.keep("costs", VALUES)
    shares = ("0.01", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99")
    ((found,),) = engine.rows(f"SELECT {engine.quantiles('cost', shares)} FROM costs")
    assert [int(value) for value in found] == [round(float(share) * 1_000_000) * 1000 for share in shares]


def test_quantiles_of_no_value_are_unknown_and_not_zero() -> None:
    engine = duckdb.connect()
    assert engine.rows(
        f"SELECT {engine.quantiles('cost', ('0.5', '0.9'))} FROM (SELECT CAST(NULL AS INTEGER) AS cost)"
    ) == [(None,)]


def test_a_question_that_needs_more_memory_than_there_is_says_what_to_do() -> None:
    engine = duckdb.connect(memory_limit="1MB", threads=1)
    with pytest.raises(UsageError, match=r"not enough memory for this question.*Ask for fewer days"):
        engine.rows(f"SELECT count(DISTINCT cost) FROM ({VALUES}) amounts")
