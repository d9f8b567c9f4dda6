"""One answer in each format, byte for byte; `WHYSPEND_UPDATE_GOLDEN=1 pytest tests/formats` rewrites it."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.formats.answers import EXPLAINED, SHEET, UGLY, written, written_sheet
from tests.formats.conftest import ReadBack


def compare(golden: Path, content: bytes) -> None:
    if os.environ.get("WHYSPEND_UPDATE_GOLDEN") == "1":
        golden.write_bytes(content)
    assert content == golden.read_bytes()


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [
        ("report.txt", "text", {}),
        ("report.80.txt", "text", {"width": 80}),
        ("report.140.txt", "text", {"width": 140}),
        ("report.color.txt", "text", {"color": True}),
        ("report.csv", "csv", {}),
        ("report.json", "json", {}),
        ("report.md", "markdown", {}),
    ],
)
def test_a_format_writes_the_same_bytes_as_ever(
    file: str, name: str, options: dict[str, Any], golden_folder: Path
) -> None:
    compare(golden_folder / file, written(name, UGLY, **options))


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [
        ("explain.txt", "text", {}),
        ("explain.80.txt", "text", {"width": 80}),
        ("explain.140.txt", "text", {"width": 140}),
        ("explain.color.txt", "text", {"width": 80, "color": True}),
        ("explain.csv", "csv", {}),
        ("explain.json", "json", {}),
        ("explain.md", "markdown", {}),
    ],
)
def test_an_answer_in_sentences_has_the_same_bytes_as_ever(
    file: str, name: str, options: dict[str, Any], golden_folder: Path
) -> None:
    compare(golden_folder / file, written(name, EXPLAINED, **options))


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [
        ("sheet.txt", "text", {}),
        ("sheet.60.txt", "text", {"width": 60}),
        ("sheet.csv", "csv", {}),
        ("sheet.json", "json", {}),
        ("sheet.md", "markdown", {}),
    ],
)
def test_a_sheet_has_the_same_bytes_as_ever(
    file: str, name: str, options: dict[str, Any], golden_folder: Path
) -> None:
    compare(golden_folder / file, written_sheet(name, SHEET, **options))


def test_parquet_reads_back_as_the_same_columns_and_rows_as_ever(
    parquet: ReadBack, golden_folder: Path
) -> None:
    for file, table in (("report.parquet.txt", UGLY), ("explain.parquet.txt", EXPLAINED)):
        columns, rows = parquet(table)
        lines = [*(f"{name} {type_}" for name, type_ in columns), *map(ascii, rows)]
        compare(golden_folder / file, ("\n".join(lines) + "\n").encode())
