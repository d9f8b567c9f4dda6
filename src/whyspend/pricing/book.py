"""The price book: dated prices from the CSV files in `data/`, and the matcher from names to prices.

Loading needs only the standard library and msgspec, so that every command can afford it. The lines of a
price are read when it is first asked for; most of a book is never asked for.

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
from typing import Protocol

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
    *BUCKETS, "source", "basis", "not_covered", "reference",
)  # fmt: skip
NEEDED = ("price", "from", "to", "source", "basis")
"""Columns that every `rates.csv` has; an earlier version may not have known others, which are empty then."""

HIGHEST_RATE = 10**18
"""Pico-dollars a unit: a million dollars for one token is no price."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "names.csv": ("provider", "name", "model", "kind"),
    "providers.csv": ("provider", "fallbacks"),
    "unpriced.csv": ("provider", "model", "reason"),
    "sources.csv": ("source", "version"),
}
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
    """Which layer says so, short: `genai-prices@0.2.3`, `corrections`, `model-prices@0.0.5`, `whyspend.toml`."""
    basis: str
    """`dated` by the source; `undated`: it names no start, so the price is taken to have always held;
    `free`; `corrected`: as a file kept by hand says; `documented` or `first observed`: how another list
    found the start. Followed by what the rate does not cover, if anything."""
    reference: str = ""
    """The address of the page that says so, where the row has one of its own."""


class Book(Protocol):
    """All prices known, and which of them a name means."""

    @property
    def id(self) -> str:
        """Changes when any price or name does: `genai-prices@0.2.3/3f9ac21b`."""
        ...

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        """Say which price a call's provider, model and `price_context` mean, or why none."""
        ...

    def rates(self, price: str) -> Sequence[Rate]:
        """The cells of one price, by time; none for a price that does not exist."""
        ...

    def prices(self) -> Iterable[str]:
        """Every price that has rates."""
        ...


class Listing:
    """A compiled price book: what a folder of CSV files lists."""

    def __init__(
        self,
        identity: str,
        sources: Mapping[str, str],
        listed: Listed,
        lines: Mapping[str, list[str]],
        columns: Sequence[str],
        path: Path,
    ) -> None:
        self.id = identity
        """The first source and its version, and a digest of all files."""
        self._columns = columns
        self._path = path
        self._sources = sources
        self._listed = listed
        self._lines = lines
        self._rates: dict[str, tuple[Rate, ...]] = {}

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        """Say which price a call's provider, model and `price_context` mean, or why none."""
        return resolve(self._listed, provider, model, context)

    def rates(self, price: str) -> Sequence[Rate]:
        """The cells of one price, by time; none for a price that does not exist.

        Raises:
            InputError: a row that cannot be read: somebody else wrote it.
        """
        if price not in self._rates:
            rows = csv.reader(self._lines.get(price, ()), strict=True)
            try:
                self._rates[price] = tuple(_rate(row, self._columns, self._sources) for row in rows)
            except (ValueError, OverflowError, csv.Error) as error:
                raise InputError(
                    f"{self._path} has a row of {price[:80]!r} that is no price ({error}). Compile it again."
                ) from None
        return self._rates[price]

    def prices(self) -> Iterable[str]:
        """Every price that has rates."""
        return self._lines.keys()


@cache
def load(folder: Path = DATA) -> Listing:
    """Read the compiled price book; the one in the package unless told otherwise.

    Raises:
        InputError: a file is missing or is not what the compiler writes.
    """
    digest = hashlib.sha256()
    rates = _text(folder / "rates.csv", digest)
    columns = _columns(folder / "rates.csv", rates)
    names, providers, unpriced, versions = (_table(folder / name, digest) for name in _TABLES)
    sources = {name: f"{name}@{version}" for name, version in versions}
    lines: dict[str, list[str]] = {}
    for line in rates[1:]:
        price = line.partition(",")[0] if not line.startswith('"') else next(csv.reader([line]))[0]
        lines.setdefault(price, []).append(line)
    listed = Listed(
        names={provider: {} for provider, _ in providers},
        fallbacks={provider: tuple(others.split()) for provider, others in providers},
        unpriced={(provider, model): reason for provider, model, reason in unpriced},
        prices=lines.keys(),
        ids={provider.replace("-", "_"): provider for provider, _ in providers},
    )
    for provider, name, model, kind in names:
        if provider not in listed.names:
            raise InputError(
                f"{folder / 'names.csv'} names {provider[:80]!r}, which providers.csv does not. Compile it again."
            )
        listed.names[provider][name] = (model, kind)
    first = next(iter(sources.values()), "")
    if not first:
        raise InputError(f"{folder / 'sources.csv'} names no source. Compile it again.")
    identity = f"{first}/{digest.hexdigest()[:8]}"
    return Listing(identity, sources, listed, lines, columns, folder / "rates.csv")


def _columns(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    """The columns of `rates.csv`: all of HEADER, or, in a ledger's older copy, those that were known then.

    An older book counted what it had no column for in the bucket that it is a part of; so does an empty cell.
    """
    columns = tuple(lines[0].split(",")) if lines else ()
    known = {*columns} <= {*HEADER} and len({*columns}) == len(columns)
    if not known or columns[:1] != ("price",) or not {*NEEDED} <= {*columns}:
        raise InputError(
            f"{path} has other columns than this version reads. Compile it again, or upgrade whyspend."
        )
    return columns


def _table(path: Path, digest: "hashlib._Hash") -> list[list[str]]:
    """The rows below the header."""
    header = _TABLES[path.name]
    try:
        rows = list(csv.reader(_text(path, digest), strict=True))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read ({error}). Compile it again.") from None
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != len(header)), 0)
    if not rows or tuple(rows[0]) != header or wrong:
        raise InputError(
            f"{path} line {wrong or 1} does not have the columns {', '.join(header)}. Compile it again."
        )
    return rows[1:]


def _text(path: Path, digest: "hashlib._Hash") -> list[str]:
    try:
        data = path.read_bytes()
        digest.update(data)
        return data.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The price book file {path} cannot be read ({type(error).__name__}); install whyspend again."
        ) from error


def _rate(row: list[str], columns: Sequence[str], sources: Mapping[str, str]) -> Rate:
    cells = dict.fromkeys(HEADER, "") | dict(zip(columns, row, strict=True))
    basis = cells["basis"]
    made = Rate(
        price=cells["price"],
        valid_from=_micros(cells["from"], FAR_PAST),
        valid_to=_micros(cells["to"], FAR_FUTURE),
        minute_from=int(cells["minute_from"] or 0),
        minute_to=int(cells["minute_to"] or 1440),
        weekdays=int(cells["weekdays"] or ALL_DAYS),
        tier_over=int(cells["tier_over"] or NO_TIER),
        tier_upto=int(cells["tier_upto"] or TOP_TIER),
        rates=filled([cells[bucket] for bucket in BUCKETS]),
        source=sources.get(cells["source"], cells["source"]),
        basis=f"{basis}, without {cells['not_covered']}" if cells["not_covered"] else basis,
        reference=cells["reference"],
    )
    if not (
        made.valid_from < made.valid_to
        and 0 <= made.minute_from < made.minute_to <= 1440
        and 0 < made.weekdays <= ALL_DAYS
        and NO_TIER <= made.tier_over < made.tier_upto <= TOP_TIER
    ):
        raise ValueError("it holds for no call")
    if not all(0 <= pico <= HIGHEST_RATE for pico in made.rates.values()):
        raise ValueError("a rate below 0 or above all sense")
    return made


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
