"""The pull from LangSmith, against a server on loopback that speaks both versions of the API."""

import itertools
import logging
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.loopback.langsmith_runs import StoredProject, StoredRun
from tests.loopback.langsmith_server import KEY, LangSmith
from tests.loopback.pulling import (
    MIDNIGHT,
    START,
    Held,
    four_days,
    is_right,
    read,
    window_of,
)
from tests.loopback.traffic import DIMENSIONS, MARKER, Traffic, traffic

from whyspend.errors import ConfigError, SourceError, UsageError
from whyspend.model import Progress
from whyspend.sources import langsmith

VERSIONS = [{}, {"lacks_v2": True}, {"lacks_v2": True, "release": "0.15.3"}]


@pytest.fixture(scope="module")
def made() -> Traffic:
    return four_days()


@pytest.fixture
def server(made: Traffic) -> Iterator[LangSmith]:
    with LangSmith(projects=list(made.projects)) as started:
        started.hold(made.runs)
        yield started


@pytest.mark.parametrize("version", VERSIONS)
def test_every_run_is_read_as_what_it_was(
    server: LangSmith, made: Traffic, version: Mapping[str, Any]
) -> None:
    """Usage, dimensions and where they come from, roots, threads, reported costs: through both APIs alike."""
    for name, value in version.items():
        setattr(server, name, value)
    held = Held()
    held.take(read(server, held))
    is_right(held, made)
    assert held.dropped == made.outer
    assert held.pending == len(made.pending)
    expected = "/runs/query" if version else "/api/v2/runs/query"
    assert server.queries[-1].path.endswith(expected)


def test_pulling_twice_changes_nothing(server: LangSmith, made: Traffic) -> None:
    held = Held()
    held.take(read(server, held))
    marks = dict(held.marks)
    held.take(read(server, held))
    is_right(held, made)
    assert held.marks == marks


def test_a_project_that_is_gone_or_no_longer_named_is_told_once_and_is_back_when_it_is(
    server: LangSmith, made: Traffic
) -> None:
    held = Held()
    held.take(read(server, held))
    first, *rest = made.projects
    server.projects = rest
    batches = list(read(server, held))
    said = f"no longer there, or not among `projects`, so no longer read: {first.name}. Their calls stay in the ledger."
    assert [note for batch in batches for note in batch.notes] == [said]
    held.take(iter(batches))
    assert held.marks[f"gone:{first.name}"] > held.marks[f"upto:{first.name}"]
    assert not [note for batch in read(server, held) for note in batch.notes]
    server.projects = [first, *rest]
    held.take(read(server, held, projects=[first.name]))
    assert held.marks[f"gone:{first.name}"] == 0
    assert {name for name in held.marks if name.startswith("gone:") and held.marks[name]} == {
        f"gone:{project.name}" for project in rest
    }


def test_a_second_pull_reads_only_the_last_48_hours(server: LangSmith) -> None:
    held = Held()
    held.take(read(server, held))
    server.requests.clear()
    held.take(read(server, held, window_of(START + timedelta(days=1), 3)))
    asked = [query.body["min_start_time"] for query in server.queries if "filter" in query.body]
    assert min(asked) == "2026-03-03T23:59:59.999000Z"


def test_no_text_is_asked_for_and_none_arrives(server: LangSmith) -> None:
    held = Held()
    held.take(read(server, held))
    assert MARKER not in repr(list(held.calls.values()))
    server.lacks_v2 = True
    held.take(read(server, held, full=True))
    assert MARKER not in repr(list(held.calls.values()))
    wanted = {
        name for query in server.queries for name in query.body.get("selects", query.body.get("select", []))
    }
    text = {
        "inputs",
        "outputs",
        "events",
        "inputs_preview",
        "outputs_preview",
        "error_preview",
        "attachments",
    }
    assert not {name.lower() for name in wanted} & text


def test_queries_name_what_v2_would_guess_wrongly(server: LangSmith, made: Traffic) -> None:
    held = Held()
    held.take(read(server, held, projects=["prod-chat"], in_flight=1))
    query = next(query.body for query in server.queries if "filter" in query.body)
    assert query["project_ids"] == [made.projects[0].id]
    assert query["min_start_time"] == "2026-03-01T23:59:59.999000Z"
    assert query["max_start_time"] == "2026-03-03T00:00:00.001000Z"
    assert query["page_size"] == 1000
    assert 'eq(run_type, "embedding")' in query["filter"]
    assert {call.project for call in held.calls.values()} == {"prod-chat"}


def test_a_server_that_ignores_filters_adds_nothing(server: LangSmith, made: Traffic) -> None:
    server.ignores_filters = True
    held = Held()
    held.take(read(server, held))
    is_right(held, made)


def test_older_days_can_be_pulled_later(server: LangSmith, made: Traffic) -> None:
    held = Held()
    held.take(read(server, held, window_of(START + timedelta(days=3), 1)))
    assert len(held.calls) < len(made.truth) / 2
    held.take(read(server, held))
    is_right(held, made)


def test_a_gap_between_two_pulls_is_filled(server: LangSmith, made: Traffic) -> None:
    held = Held()
    held.take(read(server, held, window_of(START, 1)))
    held.take(read(server, held, window_of(START + timedelta(days=3), 1)))
    is_right(held, made)


def test_full_reads_everything_again(server: LangSmith) -> None:
    held = Held()
    held.take(read(server, held))
    first = len(server.queries)
    held.take(read(server, held, full=True))
    assert len(server.queries) == 2 * first


def test_an_outer_run_published_yesterday_is_dropped_when_its_inner_run_comes(
    server: LangSmith, made: Traffic
) -> None:
    """It began 10 s before midnight, its inner LLM run 5 s after: two steps, and one of them is published."""
    outer = next(
        run for run in made.runs if run.id in made.outer and run.start == MIDNIGHT - timedelta(seconds=9.9)
    )
    held = Held()
    seen = False
    for batch in read(server, held):
        held.take(iter([batch]))
        seen = seen or outer.id in held.calls
    assert seen
    is_right(held, made)


def test_a_run_that_had_not_ended_is_read_once_it_has() -> None:
    """It began three days ago: 48 h back from now would miss it, so the watermark waits."""
    now = datetime.now(UTC)
    made = traffic(START, days=0, traces_a_day=0)
    project = made.projects[0]
    started = now - timedelta(days=3)
    run = StoredRun(
        id="0" * 8 + "-0000-4000-8000-" + "0" * 12, name="ChatOpenAI", run_type="llm", project_id=project.id,
        trace_id="0" * 8 + "-0000-4000-8000-" + "0" * 12, start=started, end=None, status="pending",
    )  # fmt: skip
    window = window_of(now - timedelta(days=6), 7)
    with LangSmith(projects=[project]) as server:
        server.hold([run])
        held = Held()
        held.take(read(server, held, window))
        assert (held.calls, held.pending) == ({}, 1)
        server.hold(
            [msgspec.structs.replace(run, end=now, status="success", prompt_tokens=9, completion_tokens=1)]
        )
        held.take(read(server, held, window))
        assert list(held.calls) == [run.id]
        assert held.marks[f"upto:{project.name}"] > (now - timedelta(minutes=1)).timestamp() * 1e6


def test_a_stretch_that_is_too_much_to_hold_is_read_in_parts() -> None:
    """3,300 runs in a day through v1: more than one thread may hold. Still they are published as one step."""
    made = traffic(START, days=1, traces_a_day=10)
    project = made.projects[0]
    runs = [
        StoredRun(
            id=f"{number:08x}-0000-4000-8000-000000000000", name="ChatOpenAI", run_type="llm",
            project_id=project.id, trace_id=f"{number:08x}-0000-4000-8000-000000000000",
            start=START + timedelta(seconds=number * 26), end=START + timedelta(seconds=number * 26 + 60),
            metadata=dict.fromkeys(DIMENSIONS, "x"), prompt_tokens=number, completion_tokens=1,
        )
        for number in range(3_300)
    ]  # fmt: skip
    with LangSmith(projects=[project], lacks_v2=True) as server:
        server.hold(runs)
        held = Held()
        batches = list(read(server, held, window_of(days=1), in_flight=2))
        held.take(iter(batches))
    assert len(held.calls) == 3_300
    assert sum(call.prompt_total for call in held.calls.values()) == 3_299 * 3_300 // 2
    assert sum(len(batch.calls) for batch in batches) == 3_300
    assert max(len(batch.calls) for batch in batches) < 500
    assert [batch.watermarks is not None for batch in batches].count(True) == 1
    assert batches[-1].watermarks is not None


def test_a_project_that_does_not_exist_lists_the_near_ones(server: LangSmith) -> None:
    with pytest.raises(
        UsageError, match=r"no project 'prod-chta'.*Did you mean 'prod-chat'\?.*'nightly-eval'"
    ):
        list(read(server, Held(), projects=["prod-agents", "prod-chta"]))


def test_a_refused_key_says_what_to_set_and_never_shows_it(
    server: LangSmith, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError, match=r"refused the key \(401\)\. Set LANGSMITH_API_KEY") as caught:
        list(read(server, Held(), api_key="lsv2_wrong_key_42"))
    assert "lsv2_wrong" not in str(caught.value) + caplog.text
    with pytest.raises(ConfigError, match="LANGSMITH_API_KEY"):
        list(read(server, Held(), api_key=" "))


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/v1", "/api/v1/", "/api/v2"])
def test_every_form_of_the_endpoint_works(server: LangSmith, made: Traffic, suffix: str) -> None:
    held = Held()
    held.take(
        read(server, held, endpoint=server.url + suffix, workspace="22222222-2222-4222-8222-222222222222")
    )
    assert len(held.calls) == len(made.truth)
    assert server.requests[-1].headers["X-Tenant-Id"] == "22222222-2222-4222-8222-222222222222"


def test_a_server_below_a_path_without_api_v1_works(made: Traffic) -> None:
    with LangSmith(projects=list(made.projects), bare=True, lacks_v2=True) as server:
        server.hold(made.runs)
        held = Held()
        held.take(read(server, held))
    is_right(held, made)


def test_a_server_with_neither_version_is_reported(server: LangSmith) -> None:
    server.lacks_v1 = server.lacks_v2 = True
    with pytest.raises(SourceError, match="/runs/query answered 404"):
        list(read(server, Held()))


def test_an_endpoint_that_is_no_langsmith_says_so(server: LangSmith) -> None:
    with pytest.raises(SourceError, match="not as a LangSmith API"):
        list(read(server, Held(), endpoint=server.url + "/elsewhere"))


def test_ancestors_are_asked_for_in_batches_that_the_server_takes(server: LangSmith, made: Traffic) -> None:
    server.most_ids = 60
    held = Held()
    held.take(read(server, held))
    is_right(held, made)


def test_a_workspace_without_projects_yields_nothing() -> None:
    with LangSmith() as server:
        assert list(read(server, Held())) == []


def test_more_projects_than_fit_in_one_answer_are_all_read() -> None:
    projects = [StoredProject(str(uuid.UUID(int=number)), f"team-{number:03d}") for number in range(230)]
    with LangSmith(projects=projects) as server:
        held = Held()
        held.take(read(server, held, window_of(days=1)))
    assert len(held.marks) == 2 * 230


def test_progress_grows_to_the_end(server: LangSmith) -> None:
    seen: list[Progress] = []
    held = Held()
    held.take(read(server, held, on_progress=seen.append))
    assert (seen[-1].done_steps, seen[-1].steps, seen[-1].calls) == (4, 4, len(held.calls) + 1)
    assert all(a.done_steps <= b.done_steps and a.calls <= b.calls for a, b in itertools.pairwise(seen))
    assert seen[-1].requests_sent == len(server.requests)


def test_check_reports_what_a_pull_needs(server: LangSmith) -> None:
    findings = langsmith.check(api_key=KEY, endpoint=server.url)
    text = [(finding.level, finding.what) for finding in findings]
    assert text[0][1].endswith("answers (LangSmith 0.16.20).")
    assert text[1] == ("ok", "The key works; 3 projects: prod-chat, prod-agents, nightly-eval.")
    assert text[2] == ("ok", "Runs are read through API v2 (1,000 runs a page, 300 requests per 10 s).")
    assert text[3][1].startswith("LangSmith keeps runs for 14 days")
    assert text[4] == ("empty", "No model call in the last 14 days.")


def test_check_sees_the_newest_call_and_a_longer_retention(made: Traffic) -> None:
    agents = made.projects[1]
    now = datetime.now(UTC)
    run = StoredRun(
        id="r", name="ChatOpenAI", run_type="llm", project_id=agents.id, trace_id="r", start=now, end=now
    )
    with LangSmith(projects=[agents], lacks_v2=True) as server:
        server.hold([run])
        findings = langsmith.check(api_key=KEY, endpoint=server.url)
    assert findings[2].what == "Runs are read through API v1 (100 runs a page, 15 requests per 10 s)."
    assert findings[3].what == "LangSmith keeps these runs for 180 days."
    assert findings[4].what == f"The newest model call began at {now:%Y-%m-%d %H:%M} UTC."


def test_check_turns_an_error_into_a_problem_with_a_next_step(server: LangSmith) -> None:
    (finding,) = langsmith.check(api_key="wrong", endpoint=server.url)
    assert finding.level == "problem"
    assert finding.next_step.startswith("Set LANGSMITH_API_KEY")
    last = langsmith.check(api_key=KEY, endpoint=server.url, projects=["nope"])[-1]
    assert "no project 'nope'" in last.what


def test_a_wrapped_call_on_a_seam_between_pulls_counts_once(server: LangSmith, made: Traffic) -> None:
    """The inner run was pulled first; the outer run began on the day before, which is pulled later."""
    held = Held()
    held.take(read(server, held, window_of(MIDNIGHT, 2)))
    held.take(read(server, held))
    is_right(held, made)
    held.take(read(server, held, window_of(START, 2), full=True))
    is_right(held, made)
