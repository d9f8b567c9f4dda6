"""`whyspend prices quote`: what does one call cost, and why? Or many calls, as lines of JSON."""

import codecs
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import msgspec

from whyspend.cli.common import place_options, workspace
from whyspend.cli.sheet import as_text, format_option
from whyspend.config.fitting import misfit
from whyspend.errors import InputError, UsageError
from whyspend.formats import exact, visible
from whyspend.formats import instant as iso
from whyspend.formats.json import literal, string
from whyspend.model import TableColumn
from whyspend.pricing.book import Rate
from whyspend.pricing.quote import Asked, Part, Quoted, Quotes, Tier, instant
from whyspend.spelling import rate
from whyspend.workspace.price_words import tier, validity

COUNTS: Mapping[str, str] = {
    "input": "All input tokens, those below included.",
    "output": "All output tokens, those below included.",
    "cache_read": "Input read from a cache.",
    "cache_write": "Input written to a cache of the default lifetime.",
    "cache_write_1h": "Input written to a cache of one hour, beside --cache-write.",
    "reasoning": "Output that is reasoning.",
    "audio_in": "Input that is audio.",
    "audio_out": "Output that is audio.",
    "image_in": "Input that is images.",
    "image_out": "Output that is images.",
    "video_in": "Input that is video.",
    "video_out": "Output that is video.",
    "cache_read_audio": "Audio within --cache-read and --audio-in.",
    "cache_read_image": "Images within --cache-read and --image-in.",
    "citation": "Output that is citations.",
    "web_searches": "Searches of the web.",
    "file_searches": "Searches of files.",
}
"""The counts of a call: an option each, and a key of a line of JSON."""

PARTS = (
    TableColumn("bucket", "word"),
    TableColumn("quantity", "count"),
    TableColumn("unit", "word"),
    TableColumn("rate", "rate"),
    TableColumn("cost", "rate"),
)

PER = {"tokens": "per M", "ms": "per second", "searches": "each", "calls": "each"}
"""What people quote a rate for; see quote.unit_of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _option(name: str) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    return click.Option([flag], type=click.IntRange(min=0), metavar="N", help=COUNTS[name])


@click.command("quote")
@click.argument("model", metavar="[PROVIDER/MODEL]", required=False)
@click.option(
    "--at",
    help="When it began: a day (its first moment, UTC) or a time; without a zone it is UTC. Default: now.",
)
@click.option("--seconds", metavar="S", help="How long it took, for prices by the second.")
@click.option(
    "--context",
    multiple=True,
    metavar="KEY=VALUE",
    help="What else decides the price: service_tier=flex, processing=batch, speed=fast, inference_geo=us; "
    "dimension.KEY=VALUE for discounts. Repeatable.",
)
@click.option(
    "--stdin", "lines", is_flag=True, help="Price lines of JSON from stdin instead, one line out for each."
)
@format_option("text", "json")
@place_options
def command(
    model: str | None,
    context: tuple[str, ...],
    lines: bool,
    form: str,
    config: Path | None,
    ledger: str | None,
    **given: Any,
) -> None:
    """Price one call, as a report would.

    --input and --output are the totals that a provider shows; the other counts are parts of them. Where a
    provider shows its input without the cached tokens (Anthropic), add them up first. Each line of --stdin is an
    object with keys of the same names ("model": "openai/gpt-4o", "cache_read": 800, "context": {...}).
    """
    said = {name: value for name, value in given.items() if value is not None}
    if lines:
        if model or context or said:
            raise UsageError("--stdin takes the model and all counts from its lines. Leave out the others.")
        price_lines(sys.stdin.buffer, Quotes(workspace(config, ledger).prices))
        return
    if not model:
        raise UsageError(
            "There is no model. Example: whyspend prices quote openai/gpt-4o --input 1000 --output 200."
        )
    quotes = Quotes(workspace(config, ledger).prices)
    quoted = quotes.quote(_asked({**said, "model": model, "context": _pairs(context)}, quotes, "--"))
    sys.stdout.write(_text(quoted) if form == "text" else f"{as_json(quoted, pretty=True)}\n")


command.params[1:1] = map(_option, COUNTS)


def _pairs(context: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in context:
        key, sign, value = text.partition("=")
        if not sign:
            raise UsageError(
                f"--context '{text[:60]}' is not KEY=VALUE. Example: --context service_tier=flex."
            )
        if key.strip() in pairs:
            raise UsageError(f"--context {key.strip()[:40]!r} is given twice. Leave one out.")
        pairs[key.strip()] = value.strip()
    return pairs


def price_lines(source: Iterable[bytes], quotes: Quotes) -> None:
    """One line out for each line in, in order; ends at the first that is not a call."""
    for number, line in enumerate(source, 1):
        text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line  # PowerShell writes one
        if not text.strip():
            continue
        try:
            quoted = quotes.quote(_asked(_object(text), quotes, ""))
        except (InputError, UsageError) as error:
            sys.stdout.flush()
            raise InputError(f"stdin line {number}: {error}") from None
        sys.stdout.write(f"{as_json(quoted)}\n")


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError('not JSON. Write an object: {"model": "openai/gpt-4o", "input": 1000}.') from None
    if not isinstance(found, dict):
        raise InputError('not an object. Write one: {"model": "openai/gpt-4o", "input": 1000}.')
    return found


def _asked(given: dict[str, Any], quotes: Quotes, dashes: str) -> Asked:
    """A call from what was said about it.

    Raises:
        InputError: a key that does not exist, or a value that cannot be one.
    """
    if "at" in given:
        given["at"] = _time_of(given["at"])
    if given.get("provider") is None and isinstance(given.get("model"), str):
        given["provider"], given["model"] = quotes.named(given["model"])
    try:
        return msgspec.convert(given, Asked, strict=not dashes)
    except msgspec.ValidationError as error:
        _, said = misfit(given, Asked) or ((), str(error))
        raise InputError(f"{dashes}{said.removeprefix(': ')} Correct it.") from None


def _time_of(said: object) -> int | None:
    """Microseconds UTC of what was said for `at`; None: now."""
    if said is None:
        return None
    if not isinstance(said, str):
        raise _no_time(said)
    return _moment(said)


@lru_cache(maxsize=4096)
def _moment(text: str) -> int:
    """Microseconds UTC of a day or a time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _no_time(text) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def _no_time(said: object) -> InputError:
    return InputError(
        f"'at' cannot be {str(said)[:40]!r}. Give a day (2026-11-01) or a time (2026-11-01T14:30:00Z)."
    )


# JSON


MEMBERS = (
    "provider", "model", "price", "match", "at", "context", "tier", "buckets", "list_cost_usd", "discounts",
    "cost_usd", "reason",
)  # fmt: skip
_LINE = "{" + ", ".join(f'"{name}": %s' for name in MEMBERS) + "}"
_OBJECT = "{\n" + ",\n".join(f'  "{name}": %s' for name in MEMBERS) + "\n}"


def as_json(quoted: Quoted, *, pretty: bool = False) -> str:
    """One object; money with all its digits, unknown as null."""
    cost, listed = quoted.cost_usd, quoted.list_cost_usd
    shown = _usd(cost)
    return (_OBJECT if pretty else _LINE) % (
        _string(quoted.provider),
        _string(quoted.model),
        _string(quoted.price),
        _string(quoted.match),
        _time(quoted.at),
        _context_json(quoted.context),
        _tier_json(quoted.tier),
        _list([_part_json(part, quoted.cell) for part in quoted.parts], pretty),
        shown if listed is cost else _usd(listed),
        _list([_string(discount) for discount in quoted.discounts], pretty),
        shown,
        _string(quoted.reason or None),
    )


def _list(items: list[str], pretty: bool) -> str:
    if not pretty or not items:
        return f"[{', '.join(items)}]"
    return "[\n" + ",\n".join(f"    {item}" for item in items) + "\n  ]"


def _part_json(part: Part, cell: Rate | None) -> str:
    where = _where_json(cell.source, cell.reference, cell.valid_from, cell.valid_to) if cell else _NOWHERE
    return (
        f'{{"bucket": "{part.bucket}", "quantity": {part.quantity}, "unit": "{part.unit}", '
        f'"rate_usd": {_rate_json(part.rate_usd)}, "per": {part.per}, "cost_usd": {_usd(part.cost_usd)}, {where}}}'
    )


def _usd(amount: Decimal | None) -> str:
    return "null" if amount is None else exact(amount)


_rate_json = lru_cache(maxsize=4096)(_usd)


@lru_cache(maxsize=4096)
def _where_json(source: str, reference: str, valid_from: int, valid_to: int) -> str:
    return (
        f'"source": {_string(source)}, "reference": {_string(reference or None)}, '
        f'"valid_from": {literal(instant(valid_from))}, "valid_to": {literal(instant(valid_to))}'
    )


_NOWHERE = '"source": null, "reference": null, "valid_from": null, "valid_to": null'


def _tier_json(tier: Tier | None) -> str:
    return "null" if tier is None else f'{{"over": {literal(tier.over)}, "upto": {literal(tier.upto)}}}'


@lru_cache(maxsize=4096)
def _context_json(context: str) -> str:
    """`processing=batch;speed=fast` as the object that a line of --stdin would have."""
    pairs = [part.partition("=") for part in context.split(";") if part]
    return "{" + ", ".join(f"{string(key)}: {string(value)}" for key, _, value in pairs) + "}"


@lru_cache(maxsize=4096)
def _string(text: str | None) -> str:
    return "null" if text is None else string(text)


@lru_cache(maxsize=4096)
def _time(micros: int) -> str:
    return f'"{iso(_EPOCH + timedelta(microseconds=micros))}"'


# Text


def _text(quoted: Quoted) -> str:
    rows = [(part.bucket, part.quantity, part.unit, _per(part), part.cost_usd) for part in quoted.parts]
    table = as_text(PARTS, rows) if rows else "Nothing was used. Give --input and --output.\n"
    return f"{table}\n" + "".join(f"{name:<9} {visible(said)}\n" for name, said in _remarks(quoted))


def _remarks(quoted: Quoted) -> Iterator[tuple[str, str]]:
    cost = quoted.cost_usd
    yield "cost", f"unknown: {quoted.reason}" if cost is None else rate(cost)
    if quoted.discounts and quoted.list_cost_usd is not None:
        yield "discount", f"{', '.join(quoted.discounts)}; the list price is {rate(quoted.list_cost_usd)}"
    name = f"{quoted.provider}/{quoted.model}" if quoted.provider else quoted.model
    context = f", {quoted.context}" if quoted.context else ""
    yield "call", f"{name} at {iso(_EPOCH + timedelta(microseconds=quoted.at))}{context}"
    if quoted.price:
        yield "price", f"{quoted.price} ({quoted.match})"
    if quoted.tier:
        yield "tier", tier(quoted.tier.over, quoted.tier.upto)
    if quoted.cell:
        yield from _origin(quoted.cell)


def _origin(cell: Rate) -> Iterator[tuple[str, str]]:
    yield "valid", validity(cell.valid_from, cell.valid_to)
    yield "source", ", ".join(filter(None, (cell.source, cell.basis, cell.reference)))


def _per(part: Part) -> str | None:
    if part.rate_usd is None:
        return None
    return f"{rate(part.rate_usd)} {PER[part.unit]}"
