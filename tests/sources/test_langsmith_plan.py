"""What must still be read: no gap, no day twice without reason, and an interruption costs nothing."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from whyspend.sources.langsmith.plan import (
    DAY,
    HOUR,
    Held,
    Span,
    after,
    days,
    held,
    parts,
    spans,
    watermarks,
)

SEAM = 1 / 24
"""An hour of what is held, in days."""


def _d(*numbers: float) -> tuple[int, ...]:
    return tuple(int(number * DAY) for number in numbers)


def _read(before: Held | None, *asked: float, full: bool = False) -> list[tuple[float, float]]:
    start, end = _d(*asked)
    return [(span.start / DAY, span.end / DAY) for span in spans(before, start, end, full)]


def test_a_first_pull_reads_the_window() -> None:
    assert _read(None, 3, 10) == [(3, 10)]


def test_the_next_pull_reads_the_last_48_hours_again_and_what_came_since() -> None:
    assert _read(Held(*_d(10, 20)), 13, 20.5) == [(18, 20.5)]


def test_a_pull_after_a_long_pause_leaves_no_gap() -> None:
    """The default window is 8 days; after a month's pause it begins long after the watermark."""
    assert _read(Held(*_d(10, 20)), 43, 50) == [(18, 50)]


def test_asking_for_older_days_reads_them_up_to_what_is_held() -> None:
    assert _read(Held(*_d(10, 20)), 5, 21) == [(5, 10 + SEAM), (18, 21)]


def test_asking_only_for_days_long_before_still_joins_them_to_what_is_held() -> None:
    assert _read(Held(*_d(10, 20)), 2, 4) == [(2, 10 + SEAM)]


def test_asking_for_days_that_are_held_and_final_reads_nothing() -> None:
    assert _read(Held(*_d(10, 20)), 12, 15) == []


def test_full_reads_everything_that_was_asked_for_again() -> None:
    assert _read(Held(*_d(10, 20)), 12, 20, full=True) == [(12, 20)]
    assert _read(Held(*_d(10, 20)), 12, 15, full=True) == [(12, 15 + SEAM)]
    assert _read(Held(*_d(10, 20)), 25, 26, full=True) == [(20, 26)]


def test_what_is_read_again_never_reaches_before_what_was_pulled() -> None:
    assert _read(Held(*_d(19.5, 20)), 19.8, 21) == [(19.5, 21)]


def test_an_interrupted_read_of_older_days_goes_on_where_it_was() -> None:
    before = Held(*_d(30, 40))
    older = spans(before, 10 * DAY, 41 * DAY, full=False)[0]
    stopped = after(before, older, _d(17)[0])
    assert stopped == Held(*_d(30, 40, 10, 17))
    marks = watermarks("chat", stopped)
    assert marks == {
        "from:chat": 30 * DAY, "upto:chat": 40 * DAY,
        "older_from:chat": 10 * DAY, "older_upto:chat": 17 * DAY,
    }  # fmt: skip
    assert _read(held(marks, "chat"), 33, 41) == [(15, 30 + SEAM), (38, 41)]
    assert _read(held(marks, "chat"), 5, 41) == [(5, 30 + SEAM), (38, 41)]


def test_older_days_join_what_is_held_once_they_reach_it_and_old_marks_lose_their_meaning() -> None:
    before = Held(*_d(30, 40, 10, 17))
    joined = after(before, Span(*_d(10, 17, 30)), _d(30)[0])
    assert joined == Held(*_d(10, 40))
    marks = watermarks("chat", before) | watermarks("chat", joined)
    assert held(marks, "chat") == joined


def test_projects_with_odd_names_do_not_mix() -> None:
    marks = watermarks("a", Held(1, 2)) | watermarks("from:a", Held(3, 4)) | watermarks("a\x00b", Held(5, 6))
    assert [held(marks, name) for name in ("a", "from:a", "a\x00b", "b")] == [
        Held(1, 2), Held(3, 4), Held(5, 6), None,
    ]  # fmt: skip


def test_a_span_is_cut_at_utc_midnight() -> None:
    span = Span(0, 20 * HOUR, 3 * DAY - HOUR)
    assert list(days(span)) == [(20 * HOUR, DAY), (DAY, 2 * DAY), (2 * DAY, 3 * DAY - HOUR)]


@given(st.integers(0, 10**15), st.integers(1, 10**12), st.integers(0, 500))
def test_parts_cover_a_stretch_exactly(start: int, length: int, count: int) -> None:
    found = parts(start, start + length, count)
    assert found[0][0] == start
    assert found[-1][1] == start + length
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))


asks = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans(), st.integers(0, 99)), max_size=8
)


@given(asks)
def test_whatever_is_asked_and_interrupted_what_counts_as_held_was_read(
    pulls: list[tuple[int, int, bool, int]],
) -> None:
    """The law of the watermarks: never a day within `[from, upto)` that no pull has read to its end."""
    marks: dict[str, int] = {}
    read: set[int] = set()
    for start, length, full, interrupted_after in pulls:
        now_held = held(marks, "p")
        steps = 0
        for span in spans(now_held, start * DAY, (start + length) * DAY, full):
            for day_start, day_end in days(span):
                if steps == interrupted_after:
                    break
                steps += 1
                read.add(day_start // DAY)
                now_held = after(now_held, span, day_end)
                if now_held is not None:
                    marks |= watermarks("p", now_held)
            else:
                continue
            break
        if (known := held(marks, "p")) is not None:
            assert set(range(known.since // DAY, -(-known.upto // DAY))) <= read
