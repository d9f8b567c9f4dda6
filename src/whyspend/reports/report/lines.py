"""The rows of the answer as columns of whole numbers, and how they are put in order and added up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context
from typing import Any

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")

_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Lines:
    """The rows of the answer, column by column. Money is whole 1e-24 dollars; None: no call of a row has a price."""

    keys: Sequence[tuple[Any, ...]]
    calls: Sequence[int]
    requests: Sequence[int]
    unpriced: Sequence[int]
    calls_before: Sequence[int]
    cost: Sequence[int | None]
    before: Sequence[int | None]
    listed: Sequence[int | None]
    """What it would have cost without discounts."""
    tokens: Sequence[Sequence[int]]
    """One sequence for each of TOKENS."""

    def __len__(self) -> int:
        """How many rows."""
        return len(self.calls)

    def part(self, rows: slice) -> "Lines":
        """Some of the rows."""
        plain: dict[str, Any] = {
            name: column[rows] for name, column in vars(self).items() if name != "tokens"
        }
        return Lines(**plain, tokens=[column[rows] for column in self.tokens])

    def sorted(self, place: Callable[[int], Any]) -> "Lines":
        """The rows in another order, that of `place` of their numbers."""
        order = sorted(range(len(self)), key=place)
        plain: dict[str, Any] = {
            name: [column[row] for row in order] for name, column in vars(self).items() if name != "tokens"
        }
        return Lines(**plain, tokens=[[column[row] for row in order] for column in self.tokens])

    def added_up(self, keys: tuple[Any, ...]) -> "Lines":
        """All rows as one."""
        calls, calls_before = sum(self.calls), sum(self.calls_before)
        return Lines(
            [keys],
            [calls],
            [sum(self.requests)],
            [sum(self.unpriced)],
            [calls_before],
            [_whole(self.cost, self.calls)],
            [_whole(self.before, self.calls_before)],
            [_whole(self.listed, self.calls)],
            [[sum(column)] for column in self.tokens],
        )

    def __add__(self, other: "Lines") -> "Lines":
        """These rows, then those of the other."""
        ours, theirs = vars(self), vars(other)
        joined = {name: [*column, *theirs[name]] for name, column in ours.items() if name != "tokens"}
        return Lines(**joined, tokens=[[*a, *b] for a, b in zip(self.tokens, other.tokens, strict=True)])


NONE = Lines([], [], [], [], [], [], [], [], [[] for _ in TOKENS])


def _whole(costs: Sequence[int | None], calls: Sequence[int]) -> int | None:
    """The sum of what is known, adjustments among it; None where there are calls and none of them has a price."""
    known = [cost for cost, count in zip(costs, calls, strict=True) if cost is not None and (count or cost)]
    return sum(known) if known or not any(calls) else None
