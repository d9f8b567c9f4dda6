"""Calls that LangSmith's SDK tells twice, as runs and as spans (its hybrid tracing): the runs count.

The two share no id: the spans are in traces of their own. What they share is the name, the microsecond of the start
and the duration; the SDK brings the times of its spans through a float, which moves them by one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from whyspend.model import Batch, Call

MOST = 20_000
"""Calls of each kind that are remembered; the two are sent within seconds of each other."""

_NEAR = tuple(product((0, -1, 1), repeat=2))

_Moment = tuple[str | None, int, int]


class Settlement(NamedTuple):
    """What a trace comes to."""

    calls: list[Call]
    dropped: list[tuple[int, str]]
    """(start, id) of what must not stand beside them in the ledger."""
    exported: frozenset[str] = frozenset()
    """The ids of the calls that LangSmith's SDK told as spans."""


@dataclass
class Twins:
    """Keeps the calls that were told as spans out, where runs tell of them too, whichever came first.

    Nothing is remembered until the first of such spans comes. Then all that is held must be settled once more, for
    their runs may be in it: `began` is told, once.
    """

    _runs: dict[_Moment, None] = field(default_factory=dict)
    _spans: dict[_Moment, tuple[int, str]] = field(default_factory=dict)
    """Published, maybe."""
    _is_on: bool = False
    _told: bool = False

    def began(self) -> bool:
        """Whether the first of such spans came since this was asked."""
        told, self._told = self._told, self._is_on
        return self._is_on and not told

    def apart(self, found: Iterable[Settlement]) -> Batch:
        """All of these, without what is told twice."""
        found = list(found)
        self._is_on = self._is_on or any(one.exported for one in found)
        calls, dropped = [], [double for one in found for double in one.dropped]
        if self._is_on:
            dropped += self._of_runs(
                call for one in found for call in one.calls if call.call_id not in one.exported
            )
        for one in found:
            for call in one.calls:
                if call.call_id in one.exported and self._is_twin(call):
                    dropped.append((call.started_at, call.call_id))
                else:
                    calls.append(call)
        return Batch(calls=calls, dropped=dropped)

    def _of_runs(self, calls: Iterable[Call]) -> Iterator[tuple[int, str]]:
        """Remember them; yield the spans that came before and tell of them."""
        for call in calls:
            _remember(self._runs, _moment(call), None)
            yield from (span for near in _near(call) if (span := self._spans.get(near)) is not None)

    def _is_twin(self, call: Call) -> bool:
        _remember(self._spans, _moment(call), (call.started_at, call.call_id))
        return any(near in self._runs for near in _near(call))


def _moment(call: Call) -> _Moment:
    return call.name, call.started_at, call.latency_ms or 0


def _near(call: Call) -> Iterator[_Moment]:
    name, start, took = _moment(call)
    return ((name, start + micros, took + millis) for micros, millis in _NEAR)


def _remember(known: dict[_Moment, Any], moment: _Moment, told: Any) -> None:
    known[moment] = told
    if len(known) > MOST:
        del known[next(iter(known))]
