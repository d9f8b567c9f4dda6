"""A provider's bill -> Bill. Pure: text in, records out. What it is shows in the text itself."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from whyspend.errors import InputError
from whyspend.model import Bill, Billed
from whyspend.wire.bills import anthropic, focus, lines, openai

KNOWN = (
    "Known are pages of OpenAI's costs and usage API and of Anthropic's cost and usage reports (JSON), the CSV "
    "files of their dashboards, and FOCUS (CSV or JSON)"
)

Found = tuple[date, list[Billed]]


def read(content: bytes, name: str) -> Bill:
    """Read a file of any known form.

    Args:
        content: the file: JSON (a page, a list of pages, or one page a line) or CSV, UTF-8.
        name: what to call it in messages.

    Raises:
        InputError: it is of no known form, or has a line that cannot be read; one line, with the line's number.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text. {KNOWN}.") from None
    opening = text.lstrip()[:1]
    if opening in ("{", "["):
        return of_pages(_pages(content.removeprefix(b"\xef\xbb\xbf"), name), name)
    return _of_csv(text, name)


def of_pages(pages: Iterable[Any], name: str) -> Bill:
    """The bill of decoded pages, in their order.

    Raises:
        InputError: as `read`.
    """
    billed: list[Billed] = []
    days: list[date] = []
    notes = []
    more = False
    for number, page in enumerate(pages, start=1):
        if not isinstance(page, Mapping):
            raise InputError(f"{name} holds something that is no page of a bill. {KNOWN}.")
        for day, found in _of_page(page, f"{name}, page {number}"):
            days.append(day)
            billed.extend(found)
        more = bool(page.get("has_more"))
    if more:
        notes.append(f"{name} says that more pages follow: give all of them, or days are missing.")
    return lines.bill(billed, days, notes)


def _of_page(page: Mapping[str, Any], line: str) -> Iterator[Found]:
    if page.keys() >= focus.NEEDED:
        yield focus.of_row(page, line)
        return
    buckets = page.get("data")
    if not isinstance(buckets, list):
        raise InputError(f"{line} has no list of days (`data`). {KNOWN}.")
    for number, bucket in enumerate(buckets, start=1):
        place = f"{line}, bucket {number}"
        if not isinstance(bucket, Mapping) or not _are_records(bucket.get("results")):
            raise InputError(f"{place} is no record. {KNOWN}.")
        yield focus.of_row(bucket, place) if bucket.keys() >= focus.NEEDED else _of_bucket(bucket, place)


def _of_bucket(bucket: Mapping[str, Any], line: str) -> Found:
    """The day of a bucket and its lines."""
    form = next((form for form in (openai, anthropic) if form.START in bucket), None)
    if form is None:
        raise InputError(f"{line} has neither start_time nor starting_at. {KNOWN}.")
    day = lines.whole_day(bucket[form.START], bucket.get(form.END), line)
    results = bucket.get("results") or ()
    return day, [billed for result in results for billed in form.of_result(day, result, line)]


def _are_records(results: object) -> bool:
    return results is None or (
        isinstance(results, list) and all(isinstance(result, Mapping) for result in results)
    )


def _pages(content: bytes, name: str) -> list[Any]:
    try:
        found = msgspec.json.decode(content)
        return found if isinstance(found, list) else [found]
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return [msgspec.json.decode(line) for line in content.splitlines() if line.strip()]
    except (msgspec.DecodeError, RecursionError):
        raise InputError(f"{name} begins like JSON but cannot be read as it. {KNOWN}.") from None


def _of_csv(text: str, name: str) -> Bill:
    header = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in header else ",")
    billed: list[Billed] = []
    days: list[date] = []
    try:
        columns = [column.strip() for column in next(rows, [])]
        read_row = _reader(columns, name)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            line = f"{name}, line {rows.line_num}"
            if len(row) != len(columns):
                raise InputError(
                    f"{line} has {len(row)} cells, and the header {len(columns)}. Export it again."
                )
            day, found = read_row(dict(zip(columns, row, strict=True)), line)
            days.append(day)
            billed.extend(found)
    except csv.Error as error:
        raise InputError(f"{name}, line {rows.line_num} cannot be read as CSV: {error}.") from None
    return lines.bill(billed, days)


def _reader(columns: list[str], name: str) -> Any:
    held = set(columns)
    if held >= focus.NEEDED:
        return focus.of_row
    if held >= openai.COSTS_COLUMNS or held >= openai.USAGE_COLUMNS:
        return openai.of_row
    if held >= anthropic.COSTS_COLUMNS:
        return anthropic.of_row
    shown = "".join(sign if sign.isprintable() else " " for sign in ", ".join(columns)[:120])
    raise InputError(f"{name} has columns of no known bill: {shown or 'none'}. {KNOWN}.")
