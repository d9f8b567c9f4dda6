"""A maintainer's step: take prices from two other MIT-licensed lists, `model-prices` and `litellm`.

    pip download --no-deps model-prices litellm && unzip both into FOLDER
    python -m whyspend.pricing.wheels FOLDER [TARGET] && python -m whyspend.pricing.compile

Only their data files are read; nothing of them is imported or installed. Two files are written:
`data/history.csv`, cells where genai-prices has none (used by the compiler, see `history.py`), and
`data/others.csv`, their current rates for the makers of models (used by `check.py`).

Which records are believed:
- model-prices follows the commits of models.dev. A first commit is often wrong for days (Claude Haiku 4.5 at
  $3.00, GPT-4 at $10.00), so a record contradicts an undated price of genai-prices only if it is documented
  itself or was ended by a documented change, and only if genai-prices' price came after it.
- It has one rate per direction, so models for images, sound and video are left out; and a price of zero,
  which stands for an unknown price as often as for a free one.
- Before its first record, a price is taken to have held already; its basis is `undated` there.
- It has no price for a cache where it did not know one. That stays unknown.
- litellm has no dates. It is asked last, and only for what is priced by the token.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from whyspend.errors import InputError
from whyspend.pricing import genai
from whyspend.pricing.book import DATA, FAR_FUTURE, FAR_PAST, HEADER, NO_TIER, TOP_TIER
from whyspend.pricing.cells import (
    Cell,
    Rates,
    all_times,
    both,
    by_price,
    date_text,
    merged,
    micros,
    minus,
    row,
    whole,
)
from whyspend.pricing.check import OTHERS
from whyspend.pricing.corrections import moved, read_corrections
from whyspend.pricing.names import Listed, resolve

MAKERS = {
    "ai21": "ai21", "alibaba": "alibaba", "anthropic": "anthropic", "arcee": "arcee", "byteplus": "byteplus",
    "cohere": "cohere", "deepseek": "deepseek", "google": "google", "inception": "inception",
    "meta": "meta", "minimax": "minimax", "mistral": "mistral", "moonshotai": "moonshotai", "openai": "openai",
    "perplexity": "perplexity", "upstage": "upstage", "xai": "x-ai", "zai": "zai",
}  # fmt: skip
"""model-prices' provider -> ours."""

LITELLM_MAKERS = {
    "ai21": "ai21", "anthropic": "anthropic", "cohere": "cohere", "cohere_chat": "cohere",
    "dashscope": "alibaba", "deepseek": "deepseek", "gemini": "google", "minimax": "minimax",
    "mistral": "mistral", "moonshot": "moonshotai", "openai": "openai", "perplexity": "perplexity",
    "text-completion-openai": "openai", "voyage": "voyageai", "xai": "x-ai", "zai": "zai",
}  # fmt: skip
LITELLM_HOSTS = {
    "azure": "azure", "azure_ai": "azure", "bedrock": "aws", "bedrock_converse": "aws", "cerebras": "cerebras",
    "databricks": "databricks", "deepinfra": "deepinfra", "fireworks_ai": "fireworks", "groq": "groq",
    "nebius": "nebius", "sambanova": "sambanova", "together_ai": "together",
    "vertex_ai-anthropic_models": "google", "vertex_ai-language-models": "google",
}  # fmt: skip
"""litellm's provider -> ours."""

LITELLM_BUCKETS = {
    "input_tokens": "input_cost_per_token",
    "cache_read_tokens": "cache_read_input_token_cost",
    "cache_write_tokens": "cache_creation_input_token_cost",
    "cache_write_1h_tokens": "cache_creation_input_token_cost_above_1hr",
    "input_audio_tokens": "input_cost_per_audio_token",
    "output_tokens": "output_cost_per_token",
    "reasoning_tokens": "output_cost_per_reasoning_token",
    "output_audio_tokens": "output_cost_per_audio_token",
}
LITELLM_CONTEXTS = {
    "": "", "_batches": "processing=batch", "_flex": "service_tier=flex", "_priority": "service_tier=priority",
}  # fmt: skip
MODES = {"standard": "", "batch": "processing=batch", "flex": "service_tier=flex"}
FAST = {"anthropic": "speed=fast", "openai": "service_tier=priority"}
"""model-prices' modes -> our contexts; what `fast` is called depends on the provider."""
PART_OF_TEXT = {
    "input_tokens": ("input_image_tokens",),
    "output_tokens": ("reasoning_tokens", "citation_tokens"),
}
"""What costs the same as text in a list that has one rate per direction."""

HOUR_WRITES = ("anthropic/", "moonshotai/")
"""Whose `cache_write_1h_multiple` is of writes for an hour; OpenAI's is of writes for twelve."""

NOT_TEXT = re.compile(
    r"image|banana|omni|tts|audio|video|live|transcribe|realtime|lyria|veo|imagen|voice|speech|voxtral"
)
NOT_BY_TOKEN = re.compile(r"(?:in|out)put_cost_per_(?:second|character|image|video|pixel|page|request|query)")
DEAREST = Decimal("0.0005")
"""USD per token of input, $500 per million: more is a slip, such as $3,200 for jais-30b-chat."""
LITELLM_URL = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"


Record = tuple[int, int, Mapping[str, Any]]
"""(start, end, rates) of one record of model-prices; microseconds UTC, USD per million tokens."""


def timeline(entries: Iterable[Mapping[str, Any]]) -> list[Record]:
    """model-prices' records of one mode; those of an unknown price are left out."""
    known = list(entries)
    starts = [*map(_when, known), FAR_FUTURE]
    found: list[Record] = []
    for (start, end), entry in zip(pairwise(starts), known, strict=True):
        rates = _with_basis(entry)
        if found and found[-1][1] == start and _same(found[-1][2], rates):
            found[-1] = (found[-1][0], end, found[-1][2])
        elif rates and start < end:
            found.append((start, end, rates))
    return found


def _with_basis(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The record's rates; `documented` only if the date is: a page of today does not say since when."""
    rates: Mapping[str, Any] | None = entry["rates"]
    recorded = entry.get("recorded") or {}
    if rates and recorded.get("valid_from") == rates["valid_from"]:
        return {**rates, "valid_from_basis": recorded["valid_from_basis"]}
    return rates


def _same(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    """Whether two records say the same, whoever says it."""
    about = ("source", "valid_from", "valid_from_basis", "model")
    bare = (
        {key: value for key, value in (rates or {}).items() if key not in about} for rates in (one, other)
    )
    return next(bare) == next(bare)


def _when(entry: Mapping[str, Any]) -> int:
    text = entry["start"] or (entry["rates"] or {}).get("valid_from")
    return micros(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)) if text else FAR_PAST


def cells_of(price: str, records: Sequence[Record], number: int, source: str) -> Iterator[Cell]:
    """One record of model-prices as cells, one for each context tier."""
    start, end, rates = records[number]
    tiers = sorted(rates.get("tiers", ()), key=lambda tier: tier["above"])
    bounds = [NO_TIER, *(tier["above"] for tier in tiers), TOP_TIER]
    multiple = rates.get("cache_write_1h_multiple") if price.startswith(HOUR_WRITES) else None
    basis = rates["valid_from_basis"].replace("models.dev commit", "first observed")
    for (over, upto), prices in zip(pairwise(bounds), [rates, *tiers], strict=True):
        # fmt: off
        cell = Cell(price, start, end, over=over, upto=upto, rates=_token_rates(prices, multiple),
                    source=source, basis=basis, reference=rates["source"])
        # fmt: on
        yield cell
        if number == 0:
            yield cell._replace(start=FAR_PAST, end=start, basis="undated")


def _token_rates(prices: Mapping[str, Any], multiple: Decimal | None) -> Rates:
    """USD per million tokens as pico-dollars per token: $2.50 is 2,500,000."""
    hour = prices["input"] * multiple if multiple else None
    found = {
        "input_tokens": prices["input"],
        "cache_read_tokens": prices.get("cache_read"),
        "cache_write_tokens": prices.get("cache_write"),
        "cache_write_1h_tokens": hour,
        "output_tokens": prices["output"],
    }
    return _filled({bucket: Decimal(rate) * 10**6 for bucket, rate in found.items() if rate is not None})


def _filled(rates: dict[str, Decimal]) -> Rates:
    for whole_bucket, parts in PART_OF_TEXT.items():
        if whole_bucket in rates:
            rates |= {part: rates[whole_bucket] for part in parts if part not in rates}
    return tuple((bucket, rates[bucket]) for bucket in HEADER if bucket in rates)


def litellm_cells(price: str, entry: Mapping[str, Any], suffix: str, source: str) -> Iterator[Cell]:
    """One entry of litellm's map in one context, a cell for each context tier; none if it has no such price."""
    found = (re.fullmatch(rf"input_cost_per_token_above_(\d+)k_tokens{suffix}", key) for key in entry)
    tiers = sorted(int(match[1]) for match in found if match)
    bounds = [NO_TIER, *(tier * 1000 for tier in tiers), TOP_TIER]
    for number, above in enumerate(["", *(f"_above_{tier}k_tokens" for tier in tiers)]):
        rates = {
            bucket: Decimal(whole(Decimal(entry[key + above + suffix]) * 10**12))
            for bucket, key in LITELLM_BUCKETS.items()
            if entry.get(key + above + suffix) is not None
        }
        if "input_tokens" in rates:
            yield Cell(
                price, over=bounds[number], upto=bounds[number + 1], rates=_filled(rates), source=source,
                basis="undated", reference=LITELLM_URL,
            )  # fmt: skip


def by_token(name: str, entry: Mapping[str, Any]) -> bool:
    """Whether litellm's entry says all that a call costs in tokens."""
    paid = 0 < (entry.get("input_cost_per_token") or 0) < DEAREST
    mode = entry.get("mode") in ("chat", "completion", "responses", "embedding")
    return paid and mode and not NOT_TEXT.search(name) and not any(
        NOT_BY_TOKEN.match(key) and entry[key] for key in entry
    )  # fmt: skip


def litellm_name(key: str) -> str:
    """`gemini/gemini-2.5-pro` and `azure/eu/gpt-4o` without the word that only litellm puts before."""
    prefix, sign, rest = key.partition("/")
    own = {*LITELLM_MAKERS, *LITELLM_HOSTS, "vertex_ai", "text-completion-openai", "fireworks_ai"}
    return rest if sign and prefix in own else key


class Wheels:
    """The data of both lists, as they lie in the folder of unzipped wheels."""

    def __init__(self, folder: Path) -> None:
        snapshot = _data(folder / "model_prices" / "snapshot.json")
        self.timelines: Mapping[str, Any] = snapshot["prices"]
        self.map: Mapping[str, Any] = _data(
            folder / "litellm" / "model_prices_and_context_window_backup.json"
        )
        self.dated = f"model-prices@{_version(folder, 'model_prices')}"
        self.undated = f"litellm@{_version(folder, 'litellm')}"

    def models(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(price, modes) of model-prices' text models of the providers that we list."""
        for provider, models in self.timelines.items():
            for name, modes in models.items():
                if provider in MAKERS and not NOT_TEXT.search(name.lower()):
                    yield f"{MAKERS[provider]}/{name}", modes

    def entries(self, providers: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(price, entry) of litellm's models that are priced by the token."""
        for key, entry in self.map.items():
            provider = providers.get(entry.get("litellm_provider", ""))
            if provider and by_token(key.lower(), entry):
                yield f"{provider}/{litellm_name(key)}", entry


def _data(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read; unzip the wheels of model-prices and litellm into one folder."
        ) from error


def _version(folder: Path, name: str) -> str:
    (info,) = folder.glob(f"{name}-*.dist-info")
    return info.name.removeprefix(f"{name}-").removesuffix(".dist-info")


def history(wheels: Wheels) -> list[Cell]:
    """The cells that genai-prices lacks: dated records first, then what only litellm lists."""
    fixes = read_corrections(DATA / "corrections.csv")
    lists = genai.lists(fixes)
    listed = by_price([*lists.cells, *moved(fixes, lists.cells)])
    known = _listed(lists, listed)
    found: list[Cell] = []
    for price, modes in wheels.models():
        spans = [span for span in timeline(modes["standard"]) if span[2]["input"] and span[2]["output"]]
        if price in listed:
            found += _missing_times(price, spans, listed[price], wheels.dated)
        elif not _means_something(known, price):
            cells = (cell for n in range(len(spans)) for cell in cells_of(price, spans, n, wheels.dated))
            found += _unthinking(cells) if "thinking" in modes else cells
    taken = {cell.price.lower() for cell in found}
    for price, entry in (*wheels.entries(LITELLM_MAKERS), *wheels.entries(LITELLM_HOSTS)):
        if price.lower() not in taken and not _means_something(known, price):
            found += litellm_cells(price, entry, "", wheels.undated)
            taken.add(price.lower())
    return merged(found)


def _unthinking(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Hybrid models cost more with thinking on: qwen-plus $4.00 per million tokens of output instead of $1.20.
    A call does not say which; one that thought has no price rather than the lower one."""
    for cell in cells:
        yield cell._replace(rates=tuple(rate for rate in cell.rates if rate[0] != "reasoning_tokens"))


def _listed(lists: genai.Lists, prices: Mapping[str, object]) -> Listed:
    names: dict[str, dict[str, tuple[str, str]]] = {provider: {} for provider, _ in lists.providers}
    for provider, name, model, kind in lists.names:
        names[provider][name] = (model, kind)
    return Listed(
        names=names,
        fallbacks={provider: tuple(others.split()) for provider, others in lists.providers},
        unpriced={(provider, model): why for provider, model, why in lists.unpriced if "lists no" not in why},
        prices=prices.keys(),
        ids={provider.replace("-", "_"): provider for provider in names},
    )


def _means_something(known: Listed, price: str) -> bool:
    """Whether genai-prices has a price for the name, or the name is refused on purpose."""
    provider, _, model = price.partition("/")
    match = resolve(known, provider, model, "")
    refused = known.names.get(provider, {}).get(model.lower())
    return match.price is not None or bool(refused and (provider, refused[0]) in known.unpriced)


def _missing_times(
    price: str, spans: Sequence[Record], listed: Sequence[Cell], source: str
) -> Iterator[Cell]:
    """What the records say of times for which genai-prices has no price, or one without a date."""
    for number, (_, _, rates) in enumerate(spans):
        ended_by = spans[number + 1][2]["valid_from_basis"] if number + 1 < len(spans) else ""
        sourced = "documented" in (rates["valid_from_basis"], ended_by)
        came_after = any(_agree(later[2], listed) for later in spans[number + 1 :])
        for cell in cells_of(price, spans, number, source):
            yield from minus(cell, [all_times(listed)])
            if sourced and came_after and not _agree(rates, listed):
                yield from (
                    part for other in listed if other.basis == "undated" and (part := both(cell, other))
                )


def _agree(rates: Mapping[str, Any], listed: Sequence[Cell]) -> bool:
    """Whether genai-prices' price without a date is this one, of input and of output."""
    wanted = {
        "input_tokens": Decimal(rates["input"]) * 10**6,
        "output_tokens": Decimal(rates["output"]) * 10**6,
    }
    lowest = (dict(cell.rates) for cell in listed if cell.basis == "undated" and cell.over < 0)
    return any(all(cell.get(bucket) == rate for bucket, rate in wanted.items()) for cell in lowest)


def others(wheels: Wheels, now: int) -> list[tuple[str, ...]]:
    """Both lists' current rates of the makers' models, as rows of `others.csv`."""
    found: list[Cell] = []
    for price, modes in wheels.models():
        fast = FAST.get(price.partition("/")[0])
        for mode, context in (MODES | ({"fast": fast} if fast else {})).items():
            records = [record for record in timeline(modes.get(mode, ())) if record[0] <= now < record[1]]
            if records:
                found += cells_of(f"{price};{context}", records, 0, wheels.dated)
    for price, entry in wheels.entries(LITELLM_MAKERS):
        for suffix, context in LITELLM_CONTEXTS.items():
            found += litellm_cells(f"{price};{context}", entry, suffix, wheels.undated)
    read = date_text(now)[:10]
    return sorted({line for cell in found for line in _other_rows(cell, read)})


def _other_rows(cell: Cell, read: str) -> Iterator[tuple[str, ...]]:
    """What a cell states itself; a zero says that there is nothing to pay for as often as that it is free."""
    base, _, context = cell.price.partition(";")
    provider, _, model = base.partition("/")
    for bucket, rate in cell.rates:
        inherited = any(bucket in parts for parts in PART_OF_TEXT.values())
        if rate and not inherited:
            over = str(cell.over) if cell.over > 0 else ""
            yield provider, model, context, over, bucket, str(whole(rate)), cell.source, cell.reference, read


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one table as CSV, one row a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(arguments: Sequence[str]) -> int:
    """Write `history.csv` and `others.csv` from the folder of unzipped wheels, by default into the package."""
    wheels = Wheels(Path(arguments[0]))
    target = Path(arguments[1]) if len(arguments) > 1 else DATA
    past = history(wheels)
    current = others(wheels, micros(datetime.now(UTC).replace(tzinfo=None)))
    write(target / "history.csv", HEADER, (row(cell) for cell in past))
    write(target / "others.csv", OTHERS, current)
    print(
        f"{wheels.dated} and {wheels.undated}: {len(past):,} cells of {len({cell.price for cell in past}):,} "
        f"prices in history.csv, {len(current):,} rates in others.csv."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
