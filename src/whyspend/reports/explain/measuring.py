"""What the quantity of a cause was in the window before and in the window after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whyspend.causes.cells import Usage
from whyspend.causes.decompose import Changes, Leaf
from whyspend.causes.drivers import Driver
from whyspend.causes.quantities import added_up, quantity, ratio, whole_places
from whyspend.reports.explain.finding import Cause

MILLION = 1_000_000
_DOLLARS = 1e-24


@dataclass(frozen=True)
class Measured:
    """The quantity of a cause."""

    before: float | None
    after: float | None
    unit: str
    focus: str = ""
    """What it is about: the model that gained, the service tier, the kind of usage."""
    other: str = ""
    """The model that lost."""


def measured(changes: Changes, cause: Cause) -> Measured:
    """The quantity in both windows, as the unit says it; None where a window has nothing to measure it by."""
    match cause.driver:
        case "new_feature" | "retired_feature":
            leaves = [changes.leaves[at] for at in cause.leaves]
            return Measured(
                sum(leaf.before for leaf in leaves) * _DOLLARS,
                sum(leaf.after for leaf in leaves) * _DOLLARS,
                "usd",
            )
        case "calendar":
            return _calendar(changes, cause)
        case "list_price":
            return _price(changes, cause)
        case "newly_priced":
            before, after = added_up(changes.cells, cause.segment)
            return Measured(
                before["calls"] - before["priced"], after["calls"] - after["priced"], "unpriced calls"
            )
        case "sampling":
            windows = added_up(changes.cells, whole_places(cause.segment))
            shares = [
                own["requests"] / whole if (whole := own["requests"] + own["thinned"]) else None
                for own in windows
            ]
            return Measured(shares[0], shares[1], "share of requests traced")
        case _:
            return _ratio(changes, cause)


RISES_WITH_DOLLARS: frozenset[Driver] = frozenset(
    {"requests", "calls_per_request", "prompt_size", "output_length", "reasoning"}
)


def is_contrary(cause: Cause, found: Measured) -> bool:
    """Whether the quantity of the whole went one way and its dollars the other: its parts did not move together.

    Prompts got shorter by $3 in every feature with gpt-4o, and longer on average, for the feature with the short ones
    went to another model.
    """
    if cause.driver not in RISES_WITH_DOLLARS or found.before is None or found.after is None:
        return False
    return (found.after >= found.before) is not (cause.units >= 0)


def _ratio(changes: Changes, cause: Cause) -> Measured:
    before, after = added_up(changes.cells, cause.segment)
    before["days"], after["days"] = changes.cells.days
    focus, other = _focus(changes, cause, before, after)
    asked = quantity(cause.driver, focus)
    if asked is None:
        return Measured(None, None, "usd", focus)
    if asked.per_request and not (before.get("requests") and after.get("requests")):
        # The requests of these calls began elsewhere: the calls themselves are what can be counted.
        for own in (before, after):
            own["requests"] = own["requests"] or own.get("calls", 0)
    return Measured(ratio(asked, before), ratio(asked, after), asked.unit, focus, other)


def _focus(
    changes: Changes, cause: Cause, before: dict[str, float], after: dict[str, float]
) -> tuple[str, str]:
    match cause.driver:
        case "model_switch":
            moved = _shares(before, after, "model:")
            if not moved:
                return "", ""
            return max(moved, key=lambda name: moved[name]), min(moved, key=lambda name: moved[name])
        case "service_tier":
            moved = {name: share for name, share in _shares(before, after, "service:").items() if name}
            return (max(moved, key=lambda name: abs(moved[name])), "") if moved else ("", "")
        case "other":
            return _largest(changes, cause, lambda leaf: leaf.kind), ""
        case _:
            return "", ""


def _shares(before: dict[str, float], after: dict[str, float], prefix: str) -> dict[str, float]:
    """How the share of each changed: name -> -1 to 1, in the order of their names."""
    names = sorted(name for name in before.keys() | after.keys() if name.startswith(prefix))
    wholes = [sum(own.get(name, 0) for name in names) or 1 for own in (before, after)]
    return {
        name.removeprefix(prefix): after.get(name, 0) / wholes[1] - before.get(name, 0) / wholes[0]
        for name in names
    }


def _largest(changes: Changes, cause: Cause, of: Callable[[Leaf], str]) -> str:
    """What most of the cause's dollars are of."""
    sums: dict[str, int] = {}
    for at in cause.leaves:
        leaf = changes.leaves[at]
        sums[of(leaf)] = sums.get(of(leaf), 0) + leaf.amounts.get(cause.driver, 0)
    return max(sorted(sums), key=lambda name: abs(sums[name]), default="")


def _price(changes: Changes, cause: Cause) -> Measured:
    """Dollars for a million units of the kind and model whose price moved most."""
    focus = _largest(changes, cause, lambda leaf: f"{changes.cells.calls[leaf.at].model}|{leaf.kind}")
    model, _, kind = focus.rpartition("|")
    chosen = {
        (changes.leaves[at].at, changes.leaves[at].tier, changes.leaves[at].service) for at in cause.leaves
    }
    usage = [
        leaf
        for leaf in changes.usage
        if leaf.kind == kind
        and changes.cells.calls[leaf.at].model == model
        and (leaf.at, leaf.tier, leaf.service) in chosen
    ]
    return Measured(_per_million(usage, 0), _per_million(usage, 1), "usd/million", kind, model)


def _per_million(usage: Sequence[Usage], window: int) -> float | None:
    units = sum(leaf.units[window] for leaf in usage)
    return sum(leaf.listed[window] for leaf in usage) * _DOLLARS / units * MILLION if units else None


def _calendar(changes: Changes, cause: Cause) -> Measured:
    """Days; where both windows have as many, busy days: how much their weekdays weigh."""
    before, after = changes.cells.days
    if before != after:
        return Measured(before, after, "days")
    owners = {changes.cells.calls[changes.leaves[at].at].place[0] for at in cause.leaves}
    weights = [changes.cells.busyness.get(owner, (1.0, 1.0)) for owner in owners]
    count = len(weights) or 1
    return Measured(
        before * sum(own for own, _ in weights) / count,
        after * sum(own for _, own in weights) / count,
        "busy days",
    )
