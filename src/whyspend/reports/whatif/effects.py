"""What each of several options is worth: the exact Shapley value over the options.

    A swap alone saves $10, a batch alone $8, both together $14, for the batch halves what the swap left.
    The swap: half of $10 (it comes first) and half of $14 - $8 (it comes second) = $8. The batch: $6. Together: $14.

The value of option i of n is the sum, over the sets S of the others, of |S|! (n - |S| - 1)! / n! times what i adds to S
(Shapley, "A value for n-person games", 1953). Fractions all the way; what is left by rounding goes to the largest
remainders, so that the parts add up to the whole.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import factorial, floor
from typing import TypeVar

Player = TypeVar("Player", bound=Hashable)


def shares(
    worths: Iterable[tuple[Sequence[Player], Mapping[frozenset[Player], int]]],
) -> dict[Player, Fraction]:
    """The Shapley value of each player, over games that are played side by side.

    Args:
        worths: of each game, its players, and what every set of them is worth.
    """
    found: dict[Player, Fraction] = defaultdict(Fraction)
    for players, values in worths:
        count = len(players)
        for coalition, value in values.items():
            joined, out = len(coalition), count - len(coalition)
            for player in players:
                # With the player, the set stands for one that it joined; without, for one that it may yet join.
                if player in coalition:
                    weight = Fraction(factorial(joined - 1) * factorial(out), factorial(count))
                else:
                    weight = -Fraction(factorial(joined) * factorial(out - 1), factorial(count))
                found[player] += weight * value
    return found


def rounded(parts: Mapping[Player, Fraction], whole: int, step: int = 1) -> dict[Player, int]:
    """The parts in whole steps, so that they add up to the whole: the largest remainders are rounded up.

    Args:
        parts: their sum is the whole, before that was rounded to the step.
        whole: a multiple of the step.
        step: 10**22 where the parts are 1e-24 dollars, for cents.
    """
    steps = {player: floor(part / step) for player, part in parts.items()}
    missing = whole // step - sum(steps.values())
    by_remainder = sorted(parts, key=lambda player: steps[player] - parts[player] / step)
    for player in by_remainder[:missing]:
        steps[player] += 1
    return {player: count * step for player, count in steps.items()}
