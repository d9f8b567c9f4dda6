"""Answers are worked out once, and anew as soon as anything changed that they rest on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.dashboard.served import WEEK, demo_in, serving

from whyspend.config import load
from whyspend.dashboard.cache import Cache
from whyspend.dashboard.desk import moment
from whyspend.workspace.questions import Question


class Counting:
    """Makes answers, and counts."""

    def __init__(self) -> None:
        self.made = 0
        self.stopped = 0

    def slow(self, answer: str) -> Callable[[], Awaitable[str]]:
        async def make() -> str:
            self.made += 1
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                self.stopped += 1
                raise
            return answer

        return make

    async def broken(self) -> str:
        self.made += 1
        await asyncio.sleep(0.01)
        raise ValueError("no")


def test_who_asks_for_the_same_meanwhile_waits_for_the_one_answer() -> None:
    async def asked() -> tuple[list[str], int]:
        cache, counting = Cache(), Counting()
        answers = [cache.get("key", counting.slow("answer"), len) for _ in range(20)]
        found = await asyncio.gather(*answers, cache.get("other", counting.slow("another"), len))
        assert await cache.get("key", counting.slow("never"), len) == "answer"
        return found, counting.made

    assert asyncio.run(asked()) == (["answer"] * 20 + ["another"], 2)


def test_it_is_stopped_when_the_last_who_waits_goes_away_and_not_before() -> None:
    async def asked() -> tuple[int, int]:
        cache, counting = Cache(), Counting()
        first, second = (asyncio.ensure_future(cache.get("key", counting.slow("answer"), len)) for _ in "ab")
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == "answer"
        gone = asyncio.ensure_future(cache.get("key 2", counting.slow("answer"), len))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        assert await cache.get("key 2", counting.slow("again"), len) == "again"
        return counting.made, counting.stopped

    assert asyncio.run(asked()) == (3, 1)


def test_an_error_is_told_to_all_who_wait_and_is_not_kept() -> None:
    async def asked() -> int:
        cache, counting = Cache(), Counting()
        found = await asyncio.gather(
            *(cache.get("key", counting.broken, len) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in found] == [ValueError] * 3
        assert await cache.get("key", counting.slow("answer"), len) == "answer"
        return counting.made

    assert asyncio.run(asked()) == 2


@pytest.mark.parametrize(("size", "kept"), [(10, 10), (25, 4), (26, 0)])
def test_what_is_kept_takes_no_more_than_its_limit(size: int, kept: int) -> None:
    async def asked() -> int:
        cache, counting = Cache(limit=100), Counting()
        for number in range(12):
            await cache.get(number, counting.slow(str(number)), lambda _: size)
            assert cache.taken <= 100
        before = counting.made
        for number in range(12 - kept, 12):
            await cache.get(number, counting.slow(str(number)), lambda _: size)
        assert counting.made == before
        return kept

    assert asyncio.run(asked()) == kept


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (Question("report", since="7d", until="yesterday"), timedelta(hours=15)),
        (Question("report", since="7d"), timedelta(hours=1)),
        (Question("explain", since="7d"), timedelta(hours=1)),
        (Question("forecast"), timedelta(minutes=1)),
        (Question("report", since="7d", until="yesterday", prices="now"), timedelta(minutes=1)),
    ],
)
def test_an_answer_about_today_is_asked_for_anew_before_it_hides_that_no_pull_came(
    asked: Question, kept: timedelta
) -> None:
    now, config = datetime(2026, 11, 29, 9, tzinfo=UTC), load(None, {})
    second = timedelta(seconds=1)
    assert moment(config, asked, now) == moment(config, asked, now + kept - second)
    assert moment(config, asked, now) != moment(config, asked, now + kept)


def test_a_page_is_new_when_the_ledger_its_prices_or_the_configuration_changed(tmp_path: Path) -> None:
    demo_in(tmp_path)
    config = tmp_path / "whyspend.toml"
    with serving(tmp_path) as served:
        states = [served.get("/live").json()["state"]]
        assert served.get("/live").json()["state"] == states[0]
        before = served.get(f"/api/reports/report?{WEEK}").json()
        config.write_text(config.read_text() + '\n[aliases.feature]\nsummarizer = "summaries"\n')
        after = served.get(f"/api/reports/report?{WEEK}").json()
        assert "summaries" in [row["feature"] for row in after["rows"]]
        assert before["total"]["cost_usd"] == after["total"]["cost_usd"]
        states.append(served.get("/live").json()["state"])
        config.write_text(config.read_text() + "\n[prices]\n")
        broken = served.get(f"/api/reports/report?{WEEK}")
        assert broken.status_code == 500
        assert "whyspend.toml line" in broken.json()["detail"]
        assert served.get("/healthz").status_code == 200
        config.write_text("ledger = '.whyspend-demo'\n")
        assert served.get(f"/api/reports/report?{WEEK}").json()["rows"] == before["rows"]
        states.append(served.get("/live").json()["state"])
        assert served.command("close", "2026-10")
        states.append(served.get("/live").json()["state"])
        assert len(set(states)) == 4
