"""Which metadata keys separate a change of spend: decided from a sample of calls of both windows."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from whyspend.workspace import comparing_values
from whyspend.workspace.comparing_values import KINDS_OF_A_CELL, Seen, combinations
from whyspend.workspace.events import VERSIONED
from whyspend.workspace.keys import METADATA, Key

MOST_KEYS = 2
MOST_VALUES = 50
LEAST_MOVED = 0.01
"""Of all that the sample cost: what separates less is no news."""
FUNCTION = 0.98
"""Share of calls of which the value follows from another column: such a key says nothing more."""
REPLACED = 0.5
"""Share of an owner's calls whose value is another one after: such a key is no place."""

FEWEST_TO_COMPARE = 20
"""Calls of an owner in the sample of a day."""


def with_keys(call: Seen, keys: Sequence[Key]) -> Seen:
    """A call with the values of metadata keys as columns, before the call site."""
    told = (call.metadata.get(key.name.removeprefix(METADATA)) for key in keys)
    return call._replace(values=(*call.values[:-1], *told, call.values[-1]))


def separating(seen: Sequence[Seen], known: Collection[str]) -> list[str]:
    """The metadata keys that separate the change best, at most MOST_KEYS.

    A key has 2 to 50 values, is carried by most calls of some owner in both windows, by values that last (rule 3), and
    follows from no other column; nor is it a version, by its name or because its values replace one another. Its score
    is by how much its values moved beyond what their owner moved as a whole,
    less what may be chance (two deviations). A key that would make the whole too large is left out.

    Args:
        seen: the sample.
        known: names that are told apart already.
    """
    total = sum(call.cost for call in seen)
    size = KINDS_OF_A_CELL * combinations([call.cell for call in seen])
    scores: dict[str, float] = {}
    keys = {key for call in seen for key in call.metadata} - set(known)
    for key in sorted(key for key in keys if not VERSIONED.search(key)):
        told = [call.metadata.get(key) for call in seen]
        if _may_separate(seen, told) and _growth(seen, told) * size <= comparing_values.MOST:
            score = _moved(seen, told)
            if score > LEAST_MOVED * total:
                scores[key] = score
    return sorted(scores, key=lambda key: (-scores[key], key))[:MOST_KEYS]


def _may_separate(seen: Sequence[Seen], told: Sequence[str | None]) -> bool:
    calls: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    owners: dict[tuple[str | None, int], list[int]] = defaultdict(lambda: [0, 0])
    for call, value in zip(seen, told, strict=True):
        owners[call.values[0], call.later][value is not None] += 1
        if value is not None:
            calls[value][call.later] += 1
    if not 2 <= len(calls) <= MOST_VALUES:
        return False
    alone = sum(sum(each) for each in calls.values() if not all(each))
    if 2 * alone > sum(map(sum, calls.values())) or _replaced(seen, told):
        return False
    mostly = {own for own, (without, having) in owners.items() if having > without}
    if not any((owner, 0) in mostly and (owner, 1) in mostly for owner, _ in mostly):
        return False
    return not any(_follows(seen, told, at) for at in range(-1, len(seen[0].values)))


def _replaced(seen: Sequence[Seen], told: Sequence[str | None]) -> bool:
    """Whether of some owner half of the calls took on another value: a version, which tells when and not where.

    Between the first and the last day: of a version that came in the middle of a window half of this has the old one.
    """
    held: dict[str | None, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for call, value in zip(seen, told, strict=True):
        if value is not None:
            held[call.values[0]][call.day][value] += 1
    for days in held.values():
        enough = [day for day in sorted(days) if days[day].total() >= FEWEST_TO_COMPARE]
        if not enough:
            continue
        before, after = days[enough[0]], days[enough[-1]]
        kept = sum(min(before[value] / before.total(), after[value] / after.total()) for value in before)
        if kept < 1 - REPLACED:
            return True
    return False


def _follows(seen: Sequence[Seen], told: Sequence[str | None], at: int) -> bool:
    """Whether a key's value follows from a column's; -1: from the model's."""
    held: dict[str | None, Counter[str | None]] = defaultdict(Counter)
    for call, value in zip(seen, told, strict=True):
        held[call.price_key if at < 0 else call.values[at]][value] += 1
    if len(held) * 2 > len(seen):
        return False  # a column of single calls: anything would follow
    return sum(max(values.values()) for values in held.values()) >= FUNCTION * len(seen)


def _growth(seen: Sequence[Seen], told: Sequence[str | None]) -> float:
    """How many times as many cells there are with a key."""
    cells = {call.cell for call in seen}
    return len({(call.cell, value) for call, value in zip(seen, told, strict=True)}) / len(cells)


def _moved(seen: Sequence[Seen], told: Sequence[str | None]) -> float:
    cost: dict[tuple[str | None, str | None], list[float]] = defaultdict(lambda: [0.0] * 4)
    owners: dict[str | None, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for call, value in zip(seen, told, strict=True):
        own = cost[call.values[0], value]
        own[call.later] += call.cost
        own[2 + call.later] += call.cost**2
        owners[call.values[0]][call.later] += call.cost
    score = 0.0
    for (owner, _), (before, after, noise, later_noise) in cost.items():
        whole = owners[owner]
        if whole[0]:
            ratio = whole[1] / whole[0]
            chance = 2 * (later_noise + ratio**2 * noise) ** 0.5
            score += max(0.0, abs(after - ratio * before) - chance)
    return score
