"""Questions from the server: each is answered by itself, none for ever, and only so many wait."""

import asyncio
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.workspace.histories import call, publish, workspace

from whyspend.config import Config
from whyspend.errors import LedgerError, UsageError
from whyspend.serving import Answers, Asking, Endpoint, Guard, RefusedError, application
from whyspend.serving import asking as asking_of
from whyspend.workspace import Workspace

FOREVER = "SELECT sum(hash(range)) FROM range(1000000000000)"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    publish(tmp_path / "ledger", [])
    return workspace(tmp_path).config


def forever(place: Workspace) -> object:
    return place.engine.rows(FOREVER)


def one(place: Workspace) -> object:
    return place.engine.rows("SELECT 1")[0][0]


def run(made: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(made(), 20))


def test_short_questions_pass_a_long_one(config: Config) -> None:
    async def scene() -> None:
        long = asyncio.create_task(asking.ask(forever))
        answers = await asyncio.gather(*(asking.ask(one) for _ in range(10)))
        assert answers == [1] * 10
        assert not long.done()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long

    with Asking(config, workers=2) as asking:
        run(scene)


def test_a_question_that_takes_too_long_is_stopped_and_its_thread_is_free_again(config: Config) -> None:
    async def scene() -> None:
        began = time.monotonic()
        with pytest.raises(RefusedError) as refused:
            await asking.ask(forever, seconds=0.3)
        assert refused.value.status == 504
        assert await asking.ask(one) == 1
        assert time.monotonic() - began < 5

    with Asking(config, workers=1) as asking:
        run(scene)


def test_statement_after_statement_of_a_question_that_nobody_waits_for_is_stopped(config: Config) -> None:
    """Whatever it does between them cannot be stopped."""

    def slow(place: Workspace) -> object:
        time.sleep(0.5)
        return place.engine.rows(FOREVER)

    async def scene() -> None:
        with pytest.raises(RefusedError):
            await asking.ask(slow, seconds=0.1)
        assert await asking.ask(one) == 1

    with Asking(config, workers=1) as asking:
        run(scene)


def test_only_so_many_wait_and_the_next_is_told_to_come_again(config: Config) -> None:
    go = threading.Event()

    def held(_: Workspace) -> bool:
        return go.wait(10)

    async def scene() -> None:
        asked = [asyncio.create_task(asking.ask(held)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as refused:
            await asking.ask(held)
        assert refused.value.status == 503
        go.set()
        assert await asyncio.gather(*asked) == [True] * 3
        assert await asking.ask(held)

    with Asking(config, workers=1, waiting=2) as asking:
        run(scene)


def test_questions_to_the_ledger_never_wait_for_sources_that_are_slow(config: Config) -> None:
    go = threading.Event()

    def slow(_: Workspace) -> bool:
        return go.wait(20)

    async def scene() -> None:
        most = asking_of.REACHING + asking_of.REACHING_WAITING
        reaching = [asyncio.create_task(asking.ask(slow, seconds=0.3, reaches=True)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(RefusedError, match="Sources are being asked already") as refused:
            await asking.ask(slow, reaches=True)
        assert refused.value.status == 503
        assert await asking.ask(one) == 1
        for each in reaching:
            with pytest.raises(RefusedError, match="A source is slow") as refused:
                await each
            assert refused.value.status == 504
        assert await asyncio.gather(*(asking.ask(one) for _ in range(5))) == [1] * 5
        go.set()

    with Asking(config, workers=1, waiting=5) as asking:
        run(scene)


def test_one_that_waited_in_vain_gives_its_place_back(config: Config) -> None:
    async def scene() -> None:
        long = asyncio.create_task(asking.ask(forever))
        await asyncio.sleep(0)
        for _ in range(3):
            with pytest.raises(RefusedError) as refused:
                await asking.ask(one, seconds=0.1)
            assert refused.value.status == 504
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        assert await asking.ask(one) == 1

    with Asking(config, workers=1, waiting=1) as asking:
        run(scene)


def test_each_question_sees_what_was_published_before_it(config: Config, tmp_path: Path) -> None:
    def calls(place: Workspace) -> object:
        return place.ask("report", place.window("2025-02-11", "2025-02-12")).total["calls"]

    async def scene() -> None:
        assert await asking.ask(calls) == 0
        publish(tmp_path / "ledger", [call("a", "2025-02-11 10:00")])
        assert await asking.ask(calls) == 1

    with Asking(config, workers=1) as asking:
        run(scene)


def test_a_question_that_failed_leaves_nothing_to_the_next_one(config: Config) -> None:
    def keeping(place: Workspace) -> object:
        place.engine.keep("answer", "SELECT 1 AS one")
        raise UsageError("no")

    def looking(place: Workspace) -> object:
        return place.engine.rows("SELECT count(*) FROM duckdb_tables()")[0][0]

    async def scene() -> None:
        with pytest.raises(UsageError):
            await asking.ask(keeping)
        assert await asking.ask(looking) == 0

    with Asking(config, workers=1) as asking:
        run(scene)


def test_what_a_question_that_ended_early_lets_go_of_later_is_no_fault(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables are forgotten with the objects that read them, and these may outlive the engine."""
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    class Reader:
        pass

    def keeping(place: Workspace) -> object:
        reader = Reader()
        place.engine.keep("answer", "SELECT 1 AS one")
        weakref.finalize(reader, place.engine.forget, "answer").atexit = False
        held.append(reader)
        raise UsageError("no")

    async def scene() -> None:
        with pytest.raises(UsageError):
            await asking.ask(keeping)

    held: list[Reader] = []
    with Asking(config, workers=1) as asking:
        run(scene)
    held.clear()
    assert not ignored


def test_an_answer_that_memory_cannot_hold_is_refused(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_of, "CELLS", 20)

    async def scene() -> None:
        assert len(await asking.ask(lambda place: place.engine.rows("SELECT range, 1 FROM range(10)"))) == 10
        with pytest.raises(UsageError, match="more than 10 rows"):
            await asking.ask(lambda place: place.engine.rows("SELECT range, 1 FROM range(100000000)"))
        assert await asking.ask(one) == 1

    with Asking(config, workers=1) as asking:
        run(scene)


def test_closing_stops_what_runs(config: Config) -> None:
    async def scene() -> None:
        task = asyncio.create_task(asking.ask(forever))
        await asyncio.sleep(0.2)
        task.cancel()

    with Asking(config, workers=1) as asking:
        run(scene)


@pytest.mark.parametrize(("error", "status"), [(UsageError("so not"), 400), (LedgerError("damaged"), 500)])
def test_what_a_question_raises_is_an_answer_with_its_sentence(
    config: Config, error: Exception, status: int
) -> None:
    def failing(_: Workspace) -> object:
        raise error

    async def answer(_: Request) -> Response:
        return JSONResponse(await asking.ask(failing))

    async def scene() -> None:
        app = application([Endpoint("GET", "/it", answer)], Guard("", is_local=True), Answers())
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client:
            got = await client.get("/it")
        assert (got.status_code, got.json()) == (status, {"detail": str(error)})

    with Asking(config, workers=1) as asking:
        run(scene)
