"""What `feature(...)` does by itself, without any tracing library."""

import asyncio
import enum
import functools
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from pathlib import Path
from threading import Barrier, Thread
from types import ModuleType
from typing import Any

import pytest

from whyspend.tagging import Feature, carry, current_tags, feature

SOURCE = str(Path(__file__).parents[2] / "src")
NEEDED_BY_WINDOWS = {key: value for key, value in os.environ.items() if key.upper() == "SYSTEMROOT"}


def current_feature() -> object:
    return current_tags().get("feature")


def test_a_block_tags_what_runs_inside_and_nothing_after() -> None:
    with feature("rag-search", env="production", seats=3, trial=False) as tags:
        assert (
            current_tags()
            == tags
            == {"feature": "rag-search", "env": "production", "seats": 3, "trial": False}
        )
    assert current_tags() == {}


def test_the_inner_value_wins_and_the_other_outer_keys_stay() -> None:
    with feature("outer", env="production", user_tier="pro"):
        with feature("inner", env="staging"):
            assert current_tags() == {"feature": "inner", "env": "staging", "user_tier": "pro"}
        assert current_tags() == {"feature": "outer", "env": "production", "user_tier": "pro"}


def test_an_error_in_the_block_takes_the_tags_away_too() -> None:
    with pytest.raises(KeyError), feature("rag-search"):
        raise KeyError("x")
    assert current_tags() == {}


def test_changing_the_returned_tags_changes_no_call() -> None:
    with feature("rag-search") as tags:
        tags["feature"] = "other"
        current_tags()["feature"] = "other"
        assert current_feature() == "rag-search"


def test_one_object_can_be_entered_again_and_inside_itself() -> None:
    search = feature("search")
    for _ in range(2):
        with search, feature("rerank"), search:
            assert current_feature() == "search"
        assert current_tags() == {}


def test_async_with_tags_the_task() -> None:
    async def ask() -> object:
        async with feature("rag-search"):
            await asyncio.sleep(0)
            return current_feature()

    assert asyncio.run(ask()) == "rag-search"


def test_two_tasks_at_once_keep_their_own_feature() -> None:
    @feature("shared")
    async def shared(meet: asyncio.Barrier) -> object:
        await meet.wait()
        return current_tags()

    async def own(name: str, meet: asyncio.Barrier) -> object:
        with feature(name):
            return await shared(meet)

    async def both() -> list[object]:
        meet = asyncio.Barrier(2)
        with feature("outer", env="production"):
            return list(await asyncio.gather(shared(meet), own("one", meet)))

    assert asyncio.run(both()) == [{"feature": "shared", "env": "production"}] * 2


def test_a_decorated_function_keeps_its_name_arguments_and_result() -> None:
    @feature("search")
    def find(text: str, *, limit: int = 1) -> tuple[str, int, object]:
        """Find text."""
        return text, limit, current_feature()

    assert find("a", limit=2) == ("a", 2, "search")
    assert (find.__name__, find.__doc__) == ("find", "Find text.")
    assert current_tags() == {}


def test_a_decorated_function_may_call_itself() -> None:
    @feature("search")
    def down(depth: int) -> list[object]:
        return [current_feature(), *(down(depth - 1) if depth else [])]

    assert down(2) == ["search"] * 3


def test_methods_partials_and_callable_objects_can_be_decorated() -> None:
    class Search:
        @feature("method")
        def run(self) -> object:
            return current_feature()

        @staticmethod
        @feature("static")
        def fixed() -> object:
            return current_feature()

    class Asynchronous:
        async def __call__(self) -> object:
            await asyncio.sleep(0)
            return current_feature()

    assert Search().run() == "method"
    assert Search.fixed() == "static"
    assert feature("partial")(functools.partial(current_feature))() == "partial"
    assert asyncio.run(feature("object")(Asynchronous())()) == "object"


def test_a_generator_is_tagged_in_its_body_and_not_in_its_consumer() -> None:
    @feature("body")
    def parts() -> Iterator[object]:
        yield current_feature()
        with feature("deeper"):
            yield current_feature()
            yield current_feature()
        yield current_feature()

    with feature("consumer"):
        seen = [(part, current_feature()) for part in parts()]
    assert seen == [(part, "consumer") for part in ("body", "deeper", "deeper", "body")]


def test_a_generator_receives_what_is_sent_and_thrown_and_returns_its_value() -> None:
    heard: list[object] = []

    @feature("body")
    def talk() -> Generator[str, str, str]:
        heard.append((yield "ready"))
        try:
            yield "waiting"
        except KeyError:
            heard.append(current_feature())
        return "done"

    dialogue = talk()
    assert next(dialogue) == "ready"
    assert dialogue.send("hello") == "waiting"
    with pytest.raises(StopIteration) as end:
        dialogue.throw(KeyError("x"))
    assert (heard, end.value.value, current_tags()) == (["hello", "body"], "done", {})


def test_a_generator_that_is_dropped_cleans_up_inside_its_feature() -> None:
    seen: list[object] = []

    @feature("body")
    def parts() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            seen.append(current_feature())

    parts_left = parts()
    next(parts_left)
    parts_left.close()  # type: ignore[attr-defined]
    assert (seen, current_tags()) == (["body"], {})


def test_an_async_generator_is_tagged_in_its_body_and_not_in_its_consumer() -> None:
    @feature("body")
    async def parts() -> AsyncGenerator[object, None]:
        await asyncio.sleep(0)
        yield current_feature()
        async with feature("deeper"):
            yield current_feature()
            await asyncio.sleep(0)
            yield current_feature()
        yield current_feature()

    async def consume() -> list[tuple[object, object]]:
        with feature("consumer"):
            return [(part, current_feature()) async for part in parts()]

    assert asyncio.run(consume()) == [(part, "consumer") for part in ("body", "deeper", "deeper", "body")]


def test_an_async_generator_receives_what_is_sent_and_thrown_and_is_closed_inside_its_feature() -> None:
    heard: list[object] = []

    @feature("body")
    async def talk() -> AsyncGenerator[str, str]:
        try:
            heard.append((yield "ready"))
            try:
                yield "waiting"
            except KeyError:
                heard.append(current_feature())
            yield "still here"
        finally:
            heard.append(current_feature())

    async def converse() -> list[str]:
        dialogue = talk()
        answers = [await anext(dialogue), await dialogue.asend("hello"), await dialogue.athrow(KeyError("x"))]
        await dialogue.aclose()
        return answers

    assert asyncio.run(converse()) == ["ready", "waiting", "still here"]
    assert heard == ["hello", "body", "body"]


def test_blocks_that_end_out_of_order_leave_the_other_one_in_force() -> None:
    def undecorated() -> Iterator[None]:
        with feature("generator", kind="leaks"):
            yield

    suspended = undecorated()
    next(suspended)
    with feature("consumer"):
        suspended.close()  # type: ignore[attr-defined]
        assert current_tags() == {"feature": "consumer"}
    assert current_tags() == {}


def test_a_block_left_in_another_context_takes_nothing_away_there() -> None:
    search = feature("search")
    copy_context().run(search.__enter__)
    with feature("other"):
        search.__exit__(None, None, None)
        assert current_feature() == "other"


def test_a_plain_thread_has_no_tags_unless_they_are_carried() -> None:
    seen: dict[str, object] = {}

    def note(name: str) -> None:
        seen[name] = current_tags()

    with feature("threads", env="production"):
        threads = [Thread(target=note, args=("lost",)), Thread(target=carry(note), args=("kept",))]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == {"lost": {}, "kept": {"feature": "threads", "env": "production"}}
    assert current_tags() == {}


def test_one_carried_function_runs_in_several_threads_at_once() -> None:
    meet = Barrier(3, timeout=10)

    def note(number: int) -> tuple[int, object]:
        meet.wait()
        with feature(f"inner-{number}"):
            return number, current_tags()

    with feature("outer", env="production"), ThreadPoolExecutor(3) as pool:
        seen = dict(pool.map(carry(note), range(3)))
    assert seen == {number: {"feature": f"inner-{number}", "env": "production"} for number in range(3)}


def test_carry_outside_every_block_carries_the_rest_of_the_context() -> None:
    setting: ContextVar[str] = ContextVar("setting", default="unset")
    setting.set("here")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(carry(lambda: (setting.get(), current_tags()))).result() == ("here", {})


async def _coroutine() -> None: ...


def _generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("body", [_coroutine, _generator])
def test_carry_refuses_a_function_whose_body_runs_after_the_call(body: Any) -> None:
    with pytest.raises(TypeError, match=r"plain function, not a (coroutine|generator) function"):
        carry(body)


@pytest.mark.parametrize(
    "value", [None, ["pro"], {"tier": "pro"}, b"pro", object(), float("nan"), float("inf")]
)
def test_a_value_that_is_not_text_a_number_or_a_bool_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(TypeError, match="'user_tier'") as error:
        feature("search", user_tier=value)
    assert "\n" not in str(error.value)


def test_a_refused_value_is_not_shown() -> None:
    with pytest.raises(TypeError) as error:
        feature("search", user={"token": "s3cret"})  # type: ignore[arg-type]
    assert "s3cret" not in str(error.value)
    assert "s3cret" not in repr(feature("search", user="s3cret"))


@pytest.mark.parametrize("key", ["", "user tier", "user\ntier", "1st", "tür", "a" * 65, "ls_model_name"])
def test_a_key_that_is_not_plain_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        feature("search", **{key: "x"})


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not empty"):
        feature(name)


def test_a_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(TypeError, match="as text, not int"):
        feature(3)  # type: ignore[arg-type]


def test_the_feature_is_given_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        feature("search", feature="other")


def test_a_member_of_a_text_enumeration_goes_out_as_its_text() -> None:
    class Tier(str, enum.Enum):  # noqa: UP042 - the older spelling is the one whose str() is not its text
        PRO = "pro"

    with feature(Tier.PRO, user_tier=Tier.PRO):
        assert [type(value) for value in current_tags().values()] == [str, str]
        assert current_tags() == {"feature": "pro", "user_tier": "pro"}


@pytest.mark.parametrize(
    "thing", [Feature, None, 3, staticmethod(current_feature), classmethod(lambda owner: owner)]
)
def test_what_is_not_a_function_cannot_be_decorated(thing: Any) -> None:
    with pytest.raises(TypeError, match="function"):
        feature("search")(thing)


def test_names_that_a_later_version_no_longer_has_do_not_break_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("langsmith.run_helpers", "opentelemetry.context", "opentelemetry.trace"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    changed = ModuleType("langchain_core.runnables.config")
    changed.var_child_runnable_config = "no longer a context variable"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, changed.__name__, changed)
    with feature("outer"), feature("inner"):
        assert current_feature() == "inner"
    assert current_tags() == {}


def run_alone(code: str, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**NEEDED_BY_WINDOWS, "PYTHONPATH": SOURCE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_and_using_it_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); from whyspend import feature\n"
        "with feature('search'): pass\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    assert run_alone(code) == "['whyspend']"


def test_tracing_switched_on_without_the_sdk_is_no_error() -> None:
    code = "from whyspend import feature\nwith feature('search') as tags: print(tags)"
    # -S leaves out the installed packages.
    assert run_alone(code, "-S", LANGSMITH_TRACING="true") == "{'feature': 'search'}"
