"""Calls that are told in two traces by one application, for LangSmith's SDK writes the spans of its runs into traces
of their own.

In its hybrid tracing it tells each call as a run, too: the run counts. The two share no id, but the name, the
microsecond of the start and the duration; the SDK brings the times of its spans through a float, which moves them by
one. A run always counts, so two calls of one batch that are alike in all three stay two; only a span without a run,
of another application, could be taken for one of them, which three microseconds and three milliseconds are too few for.
And an SDK of a model may write a span of its own (Anthropic's does): it shares the id of the response with the
span of LangSmith's, which counts, for that one knows the owner.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from whyspend.model import Batch, Call

MOST = 20_000
"""Calls of each kind that are remembered; the two are sent within seconds of each other."""

ALIKE = 100
"""Of them, with the same name, start and duration: a batch of calls that begin at once, by a clock that is coarse."""

_NEAR = tuple(product((0, -1, 1), repeat=2))

_Moment = tuple[str | None, int, int]
_Response = tuple[str, str]
"""Kind and id."""
_Known = tuple[int, str]
"""Start and id of a call that may be in the ledger."""


@dataclass
class _Calls:
    """The last MOST calls, by what those have in common that tell of the same."""

    _held: dict[Any, tuple[_Known, ...]] = field(default_factory=dict)
    _count: int = 0

    def __len__(self) -> int:
        return self._count

    def of(self, key: object) -> tuple[_Known, ...]:
        return self._held.get(key, ())

    def add(self, key: object, told: _Known) -> None:
        before = self.of(key)
        if told in before:
            return
        self._held[key] = (*before, told)[-ALIKE:]
        self._count += len(self._held[key]) - len(before)
        while self._count > MOST:
            self._count -= len(self._held.pop(next(iter(self._held))))


class Settlement(NamedTuple):
    """What a trace comes to."""

    calls: list[Call]
    dropped: list[tuple[int, str]]
    """(start, id) of what must not stand beside them in the ledger."""
    exported: frozenset[str] = frozenset()
    """The ids of the calls that LangSmith's SDK told as spans."""
    responses: Mapping[str, str] = {}
    """By the ids of calls that were told as spans: the response."""


@dataclass
class Twins:
    """Keeps the calls that were told as spans out, where runs tell of them too, whichever came first.

    Nothing is remembered until the first of such spans comes. Then all that is held must be settled once more, for
    their runs may be in it: `began` is told, once.
    """

    _runs: dict[_Moment, None] = field(default_factory=dict)
    _spans: _Calls = field(default_factory=_Calls)
    """By their moment; published, maybe."""
    _responses: dict[_Response, None] = field(default_factory=dict)
    """Of spans of LangSmith's."""
    _others: _Calls = field(default_factory=_Calls)
    """Other spans by their response; published, maybe."""
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
        dropped = [double for one in found for double in one.dropped]
        if not self._is_on:
            return Batch(calls=[call for one in found for call in one.calls], dropped=dropped)
        for one in found:
            dropped += self._remembered(one)
        calls = []
        for one in found:
            for call in one.calls:
                if self._is_twin(call, one):
                    dropped.append((call.started_at, call.call_id))
                else:
                    calls.append(call)
        return Batch(calls=calls, dropped=dropped)

    def _remembered(self, one: Settlement) -> Iterator[tuple[int, str]]:
        """Remember what counts; yield what came before and tells of the same."""
        for call in one.calls:
            response = _response(call, one)
            if response and call.call_id in one.exported:
                _remember(self._responses, response, None)
                yield from self._others.of(response)
            if call.call_id not in one.exported and call.call_id not in one.responses:
                _remember(self._runs, _moment(call), None)
                yield from (span for near in _near(call) for span in self._spans.of(near))

    def _is_twin(self, call: Call, one: Settlement) -> bool:
        known = call.started_at, call.call_id
        if call.call_id in one.exported:
            self._spans.add(_moment(call), known)
            return any(near in self._runs for near in _near(call))
        if response := _response(call, one):
            self._others.add(response, known)
            return response in self._responses
        return False


def _response(call: Call, one: Settlement) -> _Response | None:
    found = one.responses.get(call.call_id)
    return (call.kind, found) if found else None


def _moment(call: Call) -> _Moment:
    return call.name, call.started_at, call.latency_ms or 0


def _near(call: Call) -> Iterator[_Moment]:
    name, start, took = _moment(call)
    return ((name, start + micros, took + millis) for micros, millis in _NEAR)


def _remember(known: dict[Any, Any], key: object, told: object) -> None:
    known[key] = told
    if len(known) > MOST:
        del known[next(iter(known))]
