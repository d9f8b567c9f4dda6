"""Lines of one driver in one owner that stepped on the same day: one cause, and one line.

An agent that loops has longer prompts at each of its steps, some more and some less so: as places they went their own
way each, as news they are one. Worked: `agent at act` +$40 and `all of project agents` +$9, of which $7 are the same
agent's, both since Nov 10: `agent` +$47. The other $2 go to the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from whyspend.causes.decompose import Changes
from whyspend.causes.quantities import MODEL, SITE
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.measuring import Measured
from whyspend.reports.explain.timing import DAY, Course

MOSTLY = 0.5
"""Share of a wider line that must be the owner's, for the owner's part to be joined."""

APART_OF_ONE_SWITCH = 3 * DAY
"""Where the same model takes over from the same model: what is called little shows it late."""


class Found(NamedTuple):
    """A cause with what is known of its quantity."""

    cause: Cause
    measured: Measured
    course: Course
    lead: tuple[Cause, Measured] | None = None
    """Of joined causes the largest, with its quantity: it tells the hour best, for the course is its own."""


def joined(found: Sequence[Found], changes: Changes, looked_at: Callable[[Cause], Found]) -> list[Found]:
    """The causes, those that are one joined, the largest first.

    Args:
        found: the causes that stand out.
        changes: where they were found.
        looked_at: measures a cause.
    """
    kept: list[Found] = []
    for each in found:
        for at, other in enumerate(kept):
            whole = _whole(other, each, changes)
            if whole and _stepped(again := looked_at(whole)) is not None:
                lead = other.lead or (other.cause, other.measured)
                kept[at] = again._replace(course=other.course, lead=lead)
                break
        else:
            kept.append(each)
    return sorted(kept, key=lambda each: -abs(each.cause.units))


def _whole(one: Found, other: Found, changes: Changes) -> Cause | None:
    """Both as one cause; None: they are two."""
    cause, more = one.cause, other.cause
    own_day, its_day = _stepped(one), _stepped(other)
    if cause.driver != more.driver or own_day is None or its_day is None:
        return None
    about, its_about = ((each.measured.focus, each.measured.other) for each in (one, other))
    if about != its_about or abs(own_day - its_day) > (APART_OF_ONE_SWITCH if all(about) else DAY):
        return None
    if cause.terms[:1] != _owner(cause, changes):
        return None
    in_code = any(name in (SITE, MODEL) for name, _ in (*cause.terms, *more.terms))
    if cause.terms != more.terms and not in_code and not all(about):
        # Parts of the code are hit by one cause, each in its way; a customer or an env that went its own way, such as
        # a staging that came to fifteen times its requests, is another cause than a tenth more in the rest.
        return None
    part = tuple(at for at in more.leaves if _place(changes, at) == cause.terms[0][1])
    units = sum(changes.leaves[at].amounts[more.driver] for at in part)
    if units * cause.units <= 0 or abs(units) < MOSTLY * abs(more.units):
        return None
    return replace(
        cause,
        terms=tuple(term for at, term in enumerate(cause.terms) if at == 0 or term in more.terms),
        leaves=tuple(sorted((*cause.leaves, *part))),
        units=cause.units + units,
    )


def _owner(cause: Cause, changes: Changes) -> tuple[tuple[str, str | None], ...]:
    """The owner, as the first term of a cause that is limited to it."""
    return ((changes.cells.dimensions[0], _place(changes, cause.leaves[0])),)


def _place(changes: Changes, leaf: int) -> str | None:
    return changes.cells.calls[changes.leaves[leaf].at].place[0]


def _stepped(found: Found) -> int | None:
    """The day of its step, microseconds UTC; None: it did not step."""
    went = found.course
    if went.is_normal or went.days is None or went.best is None or not went.best.is_clear():
        return None
    return went.days.times[went.best.at]
