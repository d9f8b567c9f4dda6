"""A cause as a sentence: where, what, from how much to how much."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from whyspend.causes.decompose import Changes
from whyspend.causes.quantities import MODEL, SITE
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.measuring import Measured, is_contrary

_KINDS = {
    "input_tokens": "input tokens",
    "cache_read_tokens": "cached input tokens",
    "cache_write_tokens": "cache write tokens",
    "cache_write_1h_tokens": "1 h cache write tokens",
    "output_tokens": "output tokens",
    "reasoning_tokens": "reasoning tokens",
    "reported": "calls that carry their own cost",
    "latency_ms": "milliseconds",
}


def place(comparison: Any, changes: Changes, cause: Cause) -> str:
    """Where, in words: `agent-copilot, only customer_id acme`; `all of env staging`; `everywhere`."""
    terms = dict(cause.terms)
    if not terms:
        return "everywhere else" if cause.is_elsewhere else "everywhere"
    owner = changes.cells.dimensions[0]
    said = []
    if owner in terms:
        said.append(str(comparison.label(owner, terms[owner])))
    for name, value in terms.items():
        if name not in (owner, SITE, MODEL):
            said.append(
                _limit(name.removeprefix("metadata."), value, comparison.label(name, value), not said)
            )
    if SITE in terms:
        site = comparison.label(SITE, terms[SITE])
        said.append(f"at {_short(site, terms[owner], changes)}" if owner in terms else f"at {site}")
    if MODEL in terms:
        said.append(f"with {model_name(comparison.label(MODEL, terms[MODEL]))}")
    return ", ".join(said)


def _limit(name: str, value: str | None, label: str, is_first: bool) -> str:
    if value is None:
        return f"calls without {name}" if is_first else f"only calls without {name}"
    return f"all of {name} {label}" if is_first else f"only {name} {label}"


def _short(site: str, owner: str | None, changes: Changes) -> str:
    """The shortest part of a call site that no other call site of the owner has.

    `copilot / act / ChatAnthropic` beside `copilot / plan / ChatAnthropic` is `act`; where there is
    `copilot / act / web_search`, too, it is `act / ChatAnthropic`.
    """
    parts = site.split(PARTS)
    own = {row.site for row in changes.cells.calls if row.place[0] == owner and row.site != site}
    others = [(name or "").split(PARTS) for name in own]
    for length in range(1, len(parts)):
        for start in range(len(parts) - length + 1):
            run = parts[start : start + length]
            if any(len(part) > 1 for part in run) and not any(_has(other, run) for other in others):
                return PARTS.join(run)
    return site


def _has(parts: Sequence[str], run: Sequence[str]) -> bool:
    return any(parts[at : at + len(run)] == run for at in range(len(parts)))


PARTS = " / "
"""Between the parts of a call site: the trace, the node, the call."""


_SHIFTED = {
    "requests": "requests moved to {parts}",
    "calls_per_request": "calls for each request moved to {parts}",
    "prompt_size": "input tokens moved to {parts}",
    "output_length": "output tokens moved to {parts}",
    "reasoning": "reasoning moved to {parts}",
}
"""Said of what is_contrary."""

_REST = {
    "requests": ("fewer requests", "more requests"),
    "calls_per_request": ("fewer calls for each request", "more calls for each request"),
    "prompt_size": ("shorter prompts", "longer prompts"),
    "output_length": ("shorter answers", "longer answers"),
    "reasoning": ("less reasoning", "more reasoning"),
}
"""Said of a rest whose own numbers nobody knows, where dollars fell and where they rose."""


def what(cause: Cause, found: Measured) -> str:
    """What changed, from how much to how much."""
    before, after = found.before, found.after
    rose = (after or 0) >= (before or 0)
    if is_contrary(cause, found) and cause.is_elsewhere:
        return f"{_REST[cause.driver][cause.units >= 0]} in the rest"
    if is_contrary(cause, found):
        parts = "dearer calls" if cause.units >= 0 else "cheaper calls"
        return (
            f"{_SHIFTED[cause.driver].format(parts=parts)}, all in all {_from_to(before, after)} {found.unit}"
        )
    match cause.driver:
        case "new_feature":
            return "is new"
        case "retired_feature":
            return "has no calls any more"
        case "calendar":
            return _calendar(found)
        case "requests":
            return _requests(before, after)
        case "calls_per_request":
            return f"{'more' if rose else 'fewer'} calls for each request, {_from_to(before, after)}"
        case "retries":
            more = "more" if rose else "fewer"
            return f"{more} failed calls, {_from_to(before, after, share)} of those that succeed"
        case "prompt_size":
            return f"prompts {'grew' if rose else 'shrank'} {_from_to(before, after)} input tokens per call"
        case "output_length":
            longer = "longer" if rose else "shorter"
            return f"answers got {longer}, {_from_to(before, after)} output tokens per call"
        case "reasoning":
            return _reasoning(before, after)
        case "cache_share":
            return f"cache hits {'rose' if rose else 'fell'} {_from_to(before, after, share)} of input tokens"
        case "model_switch":
            return _switch(found)
        case "long_context":
            return f"{_from_to(before, after, share)} of tokens at the price of long prompts"
        case "service_tier":
            tier = service_name(found.focus)
            return f"{_from_to(before, after, share)} of tokens {tier}"
        case "list_price":
            return _price(found)
        case "discount":
            return f"discount {_from_to(before, after, share)}"
        case "newly_priced":
            return f"unpriced calls {_from_to(before, after)}: no change of spend, of what is known of it"
        case "sampling":
            return f"{_from_to(before, after, share)} of requests traced: no change of spend, of what is seen of it"
        case _:
            kind = _KINDS.get(found.focus, found.focus.replace("_", " "))
            return f"{_from_to(before, after)} {kind} per call"


def _requests(before: float | None, after: float | None) -> str:
    if not before:
        return f"first requests, {number(after)} a day"
    if not after:
        return f"no requests any more, {number(before)} a day before"
    more = "more" if after >= before else "fewer"
    return f"{more} requests, {_from_to(before, after)} a day"


def _reasoning(before: float | None, after: float | None) -> str:
    tokens = f"{_from_to(before, after)} reasoning tokens per call"
    if not before:
        return f"reasoning switched on, {tokens}"
    if not after:
        return f"reasoning switched off, {tokens}"
    return f"{'more' if after >= before else 'less'} reasoning, {tokens}"


def _switch(found: Measured) -> str:
    gained = model_name(found.focus) or "another model"
    lost = model_name(found.other) or "another"
    return f"model {gained} instead of {lost}, {_from_to(found.before, found.after, share)} of calls"


def _price(found: Measured) -> str:
    kind = _KINDS.get(found.focus, found.focus.replace("_", " "))
    of = f"of {model_name(found.other)} " if found.other else ""
    if found.before is None or found.after is None:
        return f"list price {of}changed"
    rose = "rose" if found.after >= found.before else "fell"
    return f"list price {of}{rose} {_from_to(found.before, found.after, _price_number)} per million {kind}"


def _calendar(found: Measured) -> str:
    if found.unit == "days":
        return f"{number(found.after)} days instead of {number(found.before)}"
    busier = "busier" if (found.after or 0) >= (found.before or 0) else "quieter"
    return f"{busier} weekdays, worth {number(found.after)} average days instead of {number(found.before)}"


def service_name(service: str) -> str:
    """How a service tier is spoken of."""
    if service == "processing=batch":
        return "through the batch API"
    return f"at {service.replace(';', ', ') or 'the standard tier'}"


def model_name(model: str) -> str:
    """`provider|model` without its provider."""
    return model.partition("|")[2] or model


def number(value: float | None, more: int = 0) -> str:
    """Two or three digits: 0.012, 1.8, 412, 5.1k, 1.2M; `more` decimals beyond those."""
    if value is None:
        return "?"
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if sign == "k" else size)
            return f"{scaled:,.{more + (abs(scaled) < 100)}f}{sign}"
    if abs(value) >= 1_000:
        return f"{value / 1e3:.{1 + more}f}k"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.{more}f}"
    if abs(value) >= 10:
        return f"{value:.{1 + more}f}"
    return f"{value:.{2 + more}f}" if abs(value) >= 0.1 else f"{value:.{2 + more}g}"


def share(value: float | None, more: int = 0) -> str:
    """A fraction of 1 in percent; `more` decimals beyond the usual."""
    if value is None:
        return "?"
    percent = value * 100
    if 0 < percent < 0.1:
        return "<0.1 %"
    decimals = more + (percent != round(percent) and percent < 10)
    return f"{percent:.{decimals}f} %"


def moment(at: datetime, zone: tzinfo, *, to_the_hour: bool) -> str:
    """`Nov 10 14:00`, or `Nov 10`, in a time zone."""
    local = at.astimezone(zone)
    return f"{local:%b} {local.day}" + (f" {local:%H:%M}" if to_the_hour else "")


def _price_number(value: float | None, more: int = 0) -> str:
    if value is None:
        return "?"
    if abs(value) >= 0.1:
        return f"${value:,.{2 + more}f}"
    return f"${Decimal(f'{value:.{3 + more}g}'):f}"  # never 1e-05


MOST_DECIMALS = 3
"""Beyond the usual ones; what is nearer to each other is the same for people."""


def _from_to(
    before: float | None, after: float | None, show: Callable[[float | None, int], str] = number
) -> str:
    """Both as people read them, with decimals more where they would read the same: from 89.8 % to 90.3 %."""
    told = [(show(before, more), show(after, more)) for more in range(MOST_DECIMALS + 1)]
    first, last = next((pair for pair in told if pair[0] != pair[1]), told[0])
    return f"from {first} to {last}"
