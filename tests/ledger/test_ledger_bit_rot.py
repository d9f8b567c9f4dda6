"""Damage that leaves size and time as they were is for `verify` to find; a report must still end in one line."""

import os

from tests.ledger.calls import DIMENSIONS, at, call, everything, publish

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import InputError
from whyspend.ledger import Ledger


def test_flipped_bits_never_end_in_a_traceback_and_verify_names_the_file(
    ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [call(f"{n}", at() + n, name=f"{n * n}") for n in range(500)])
    (file,) = ledger.snapshot().manifest.files
    path = ledger.root / file.path
    whole = path.read_bytes()
    refused = 0
    for step in range(40):
        body = bytearray(whole)
        body[(len(body) - 1) * step // 39] ^= 4
        path.write_bytes(body)
        os.utime(path, ns=(file.modified, file.modified))
        try:
            everything(ledger, engine, DIMENSIONS)
        except InputError as error:
            assert "whyspend ledger verify" in str(error)
            refused += 1
        assert [fault.path for fault in ledger.faults(engine)] == [file.path]
    assert refused
