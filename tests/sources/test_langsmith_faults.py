"""A pull from LangSmith when things go wrong: faults, limits, interruptions. What was published stays right."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.loopback.langsmith_server import Fault, LangSmith
from tests.loopback.pulling import START, Held, facts, four_days, is_right, read, true_facts
from tests.loopback.traffic import Traffic

from whyspend.errors import SourceError


@pytest.fixture(scope="module")
def made() -> Traffic:
    return four_days()


@pytest.fixture
def server(made: Traffic) -> Iterator[LangSmith]:
    with LangSmith(projects=list(made.projects)) as started:
        started.hold(made.runs)
        yield started


@pytest.mark.parametrize("kind", ["429", "500", "drop", "malformed", "repeat", "loop", "slow"])
@pytest.mark.parametrize("lacks_v2", [False, True])
def test_a_fault_now_and_then_costs_time_but_no_call(
    server: LangSmith, made: Traffic, kind: str, lacks_v2: bool
) -> None:
    """Pages of 100 runs, so that there is a page before and a page after."""
    server.lacks_v2 = lacks_v2
    server.most_on_a_page = 40
    server.faults = [Fault(kind, times=1, after=2, seconds=0.05), Fault(kind, times=1, after=9, seconds=0.05)]
    held = Held()
    held.take(read(server, held))
    is_right(held, made)
    assert all(fault.times == 0 for fault in server.faults)


def test_a_cursor_that_always_leads_back_ends_with_an_error(server: LangSmith) -> None:
    server.most_on_a_page = 40
    server.faults = [Fault("loop", times=10_000)]
    held = Held()
    with pytest.raises(SourceError, match="same page of runs again and again"):
        held.take(read(server, held))
    assert held.calls == {}


def test_an_interrupted_pull_keeps_what_it_had_and_goes_on_where_it_was(
    server: LangSmith, made: Traffic
) -> None:
    held = Held()
    server.faults = [Fault("403", times=10_000, after=6)]
    with pytest.raises(SourceError):
        held.take(read(server, held, in_flight=1))
    assert 0 < held.steps < 4
    published = [call for call in held.calls.values() if call.call_id not in made.outer]
    assert all(facts(call) == true_facts(made.truth[call.call_id]) for call in published)
    reached = datetime.fromtimestamp(held.marks["upto:prod-chat"] / 1e6, UTC)
    server.faults, before = [], held.steps
    server.requests.clear()
    held.take(read(server, held))
    first = min(query.body["min_start_time"] for query in server.queries if "filter" in query.body)
    expected = max(START, reached - timedelta(hours=48)) - timedelta(milliseconds=1)
    assert datetime.fromisoformat(first) == expected
    assert held.steps > before
    is_right(held, made)


def test_all_requests_stay_under_the_limit(server: LangSmith) -> None:
    server.limit = 40
    held = Held()
    held.take(read(server, held, requests_per_10s=40))
    assert server.refused == 0


def test_another_client_on_the_same_key_only_slows_us_down(server: LangSmith, made: Traffic) -> None:
    """The server allows fewer requests than are documented, and says so with 429."""
    server.most_on_a_page, server.window_seconds, server.limit = 40, 1.0, 12
    held = Held()
    held.take(read(server, held))
    assert server.refused > 0
    is_right(held, made)


def test_closing_the_iterator_ends_the_requests(server: LangSmith) -> None:
    server.faults = [Fault("slow", times=10_000, after=3, seconds=30)]
    batches = read(server, Held(), in_flight=1)
    next(batches)
    began = time.monotonic()
    batches.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 1


PULL = """
import sys
from tests.loopback.pulling import window_of
from tests.loopback.langsmith_server import KEY
from whyspend.sources import langsmith
try:
    for batch in langsmith.read(
        window_of(), source="prod", dimensions=("feature",), watermarks={}, api_key=KEY, endpoint=sys.argv[1],
        on_progress=lambda progress: print("progress", flush=True),
    ):
        pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_a_pull_within_a_second(server: LangSmith) -> None:
    """Even while the server does not answer; and no thread holds up the end of the process."""
    server.faults = [Fault("slow", times=10_000, after=1, seconds=60)]
    pull = subprocess.Popen(
        [sys.executable, "-c", PULL, server.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", ".", *sys.path])},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert pull.stdout is not None
    assert pull.stdout.readline() == "progress\n"
    began = time.monotonic()
    pull.send_signal(signal.SIGINT)
    out, err = pull.communicate(timeout=10)
    assert time.monotonic() - began < 1
    assert out.splitlines()[-1] == "interrupted"
    assert err == ""
    assert pull.returncode == 130
