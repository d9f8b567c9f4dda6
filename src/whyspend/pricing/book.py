"""The price book: dated prices from the CSV files in `data/`, and the matcher from names to prices.

Loading needs only the standard library and msgspec, so that every command can afford it. A price list is
turned into rates when it is first asked for; most of a book is never asked for.

`rates.csv` holds one cell a row: within `[from, to)`, minutes `[minute_from, minute_to)` of the days in
`weekdays`, and `tier_over < prompt_total <= tier_upto`, this is what one unit costs, in pico-dollars
(1e-12 USD). An empty bound is open. An empty bucket costs what the bucket it is a part of costs (see
PART_OF); `-` is a bucket without a price. $0.0375 per million tokens are 37,500 pico-dollars per token.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from msgspec import Struct

from whyspend.errors import InputError
from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.names import Listed, Match, resolve

DATA = Path(__file__).parent / "data"

BUCKETS: tuple[str, ...] = (*USAGE_COLUMNS, "calls")
"""What a rate can be for: the disjoint quantities of a call, and the call itself."""

PART_OF: Mapping[str, str] = {
    "cache_read_tokens": "input_tokens",
    "cache_write_tokens": "input_tokens",
    "cache_write_1h_tokens": "cache_write_tokens",
    "input_audio_tokens": "input_tokens",
    "cache_read_audio_tokens": "cache_read_tokens",
    "input_image_tokens": "input_tokens",
    "cache_read_image_tokens": "cache_read_tokens",
    "input_video_tokens": "input_tokens",
    "reasoning_tokens": "output_tokens",
    "output_audio_tokens": "output_tokens",
    "output_image_tokens": "output_tokens",
    "output_video_tokens": "output_tokens",
    "citation_tokens": "output_tokens",
}
"""The bucket whose price stands for an empty one in `rates.csv`. Only a way to write the table: every price
that differs is written out, so it never decides what something costs."""

FAR_PAST = 0
"""Open start: 1970-01-01, before any model was sold by the token."""
FAR_FUTURE = 253_370_764_800_000_000
"""Open end: 9999-01-01 UTC, in microseconds; still a timestamp that every engine can hold."""
NO_TIER = -1
"""`tier_over` of the lowest tier, so that a call without input is in it."""
TOP_TIER = 2**63 - 1
"""`tier_upto` of the highest tier."""
ALL_DAYS = 127
"""Every day of the week. Bit 0 is Monday, bit 6 Sunday: `weekdays >> (isodow - 1) & 1`."""

HEADER = (
    "price", "from", "to", "minute_from", "minute_to", "weekdays", "tier_over", "tier_upto",
    *BUCKETS, "source", "basis", "not_covered",
)  # fmt: skip
_FIRST = HEADER.index(BUCKETS[0])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rate(Struct, frozen=True):
    """One cell of the price table: what each unit costs, and when and for whom that holds."""

    price: str
    """`provider/model`, with a context after a semicolon: `openai/gpt-4o;service_tier=flex`."""
    valid_from: int
    valid_to: int
    """Microseconds UTC, half open."""
    minute_from: int
    minute_to: int
    """Minutes of the UTC day, half open; 0 to 1440 is the whole day."""
    weekdays: int
    """UTC days of the week, bit 0 is Monday."""
    tier_over: int
    tier_upto: int
    """Context tier by the call's total input: `prompt_total > tier_over and prompt_total <= tier_upto`.
    It prices the whole call: with a tier above 200,000, a call of 200,001 pays the higher rate for all."""
    rates: dict[str, int]
    """Bucket -> pico-dollars per unit. Absent: that unit has no price, which is not the same as 0."""
    source: str
    """Who published it: `genai-prices@0.2.3`."""
    basis: str
    """`dated` by the source; `undated`: it names no start, so the price is taken to have always held;
    `free`; `corrected`: as `corrections.csv` says. Followed by what the rate does not cover, if anything."""


class Book:
    """All prices known, and which of them a name means."""

    def __init__(
        self, identity: str, source: str, listed: Listed, rows: Mapping[str, list[list[str]]]
    ) -> None:
        self.id = identity
        """Changes when any price or name does: `genai-prices@0.2.3/3f9ac21b`."""
        self._source = source
        self._listed = listed
        self._rows = rows
        self._rates: dict[str, tuple[Rate, ...]] = {}

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        """Say which price a call's provider, model and `price_context` mean, or why none."""
        return resolve(self._listed, provider, model, context)

    def rates(self, price: str) -> Sequence[Rate]:
        """The cells of one price, by time; none for a price that does not exist."""
        if price not in self._rates:
            self._rates[price] = tuple(_rate(row, self._source) for row in self._rows.get(price, ()))
        return self._rates[price]

    def prices(self) -> Iterable[str]:
        """Every price that has rates."""
        return self._rows.keys()


@cache
def load(folder: Path = DATA) -> Book:
    """Read the compiled price book; the one in the package unless told otherwise.

    Raises:
        InputError: a file is missing or is not what the compiler writes.
    """
    digest = hashlib.sha256()
    header, *rates = _table(folder / "rates.csv", digest)
    if tuple(header) != HEADER:
        raise InputError(
            f"{folder / 'rates.csv'} has other columns than this version reads; compile it again."
        )
    names = _table(folder / "names.csv", digest)[1:]
    providers = _table(folder / "providers.csv", digest)[1:]
    unpriced = _table(folder / "unpriced.csv", digest)[1:]
    (source, version), *_ = _table(folder / "sources.csv", digest)[1:]
    rows: dict[str, list[list[str]]] = {}
    for row in rates:
        rows.setdefault(row[0], []).append(row)
    listed = Listed(
        names={provider: {} for provider, _ in providers},
        fallbacks={provider: tuple(others.split()) for provider, others in providers},
        unpriced={(provider, model): reason for provider, model, reason in unpriced},
        prices=rows.keys(),
        ids={provider.replace("-", "_"): provider for provider, _ in providers},
    )
    for provider, name, model, kind in names:
        listed.names[provider][name] = (model, kind)
    label = f"{source}@{version}"
    return Book(f"{label}/{digest.hexdigest()[:8]}", label, listed, rows)


def _table(path: Path, digest: "hashlib._Hash") -> list[list[str]]:
    try:
        data = path.read_bytes()
        digest.update(data)
        return list(csv.reader(data.decode("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The price book file {path} cannot be read ({type(error).__name__}); install whyspend again."
        ) from error


def _rate(row: list[str], source: str) -> Rate:
    cells = dict(zip(HEADER, row, strict=True))
    basis = cells["basis"]
    return Rate(
        price=row[0],
        valid_from=_micros(cells["from"], FAR_PAST),
        valid_to=_micros(cells["to"], FAR_FUTURE),
        minute_from=int(cells["minute_from"] or 0),
        minute_to=int(cells["minute_to"] or 1440),
        weekdays=int(cells["weekdays"] or ALL_DAYS),
        tier_over=int(cells["tier_over"] or NO_TIER),
        tier_upto=int(cells["tier_upto"] or TOP_TIER),
        rates=filled(row[_FIRST : _FIRST + len(BUCKETS)]),
        source=source,
        basis=f"{basis}, without {cells['not_covered']}" if cells["not_covered"] else basis,
    )


def filled(cells: Sequence[str]) -> dict[str, int]:
    """Turn the bucket cells of a row, in the order of BUCKETS, into rates; see PART_OF."""
    rates: dict[str, int] = {}
    for bucket, cell in zip(BUCKETS, cells, strict=True):
        if cell and cell != "-":
            rates[bucket] = int(cell)
        elif not cell and PART_OF.get(bucket) in rates:
            rates[bucket] = rates[PART_OF[bucket]]
    return rates


def _micros(text: str, empty: int) -> int:
    if not text:
        return empty
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
