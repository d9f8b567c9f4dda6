"""Where a key is demanded: browsers sign in with it, and what takes calls in still wants the key itself."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.dashboard.served import Page, Served, serving

from whyspend.dashboard import signing
from whyspend.dashboard.signing import Signing
from whyspend.serving import Answers, Guard, application

KEY = "correct-horse-battery"
BROWSER = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


PATHS = ("/", "/reports/report", "/api/reports/report", "/prices", "/data", "/live", "/openapi.json")
COLLECTING = (
    ("POST", "/runs/batch"),
    ("POST", "/runs/multipart"),
    ("POST", "/v1/traces"),
    ("GET", "/info"),
    ("GET", "/metrics"),
)


@pytest.fixture(scope="module")
def locked(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("locked")
    shutil.copytree(demo_folder / ".whyspend-demo", folder / "led", ignore=shutil.ignore_patterns("spool"))
    with serving(folder, "--ledger", "led", "--api-key", "env:SECRET", SECRET=KEY) as found:
        yield found


def asked(method: str, address: str, **more: Any) -> httpx2.Response:
    """By a browser that nobody has seen yet."""
    return httpx2.request(method, address, timeout=60, **more)


@contextmanager
def signed_in(locked: Served, onward: str = "/data") -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=60) as client:
        answer = client.post(
            f"{locked.address}/sign-in",
            data={"key": KEY, "next": onward},
            headers={"Origin": locked.address, "Sec-Fetch-Site": "same-origin"},
        )
        assert (answer.status_code, answer.headers["location"]) == (303, onward)
        yield client


def test_a_browser_is_led_to_the_form_and_back(locked: Served) -> None:
    answer = asked("GET", f"{locked.address}/reports/report?since=7d", headers=BROWSER)
    assert answer.status_code == 303
    form = asked("GET", locked.address + answer.headers["location"], headers=BROWSER)
    assert Page.of(form.text).fields["next"] == "/reports/report?since=7d"
    with signed_in(locked, "/reports/report?since=7d") as client:
        page = client.get(f"{locked.address}/reports/report?since=7d")
    assert "What did each feature (customer, model, day) cost?" in page.text


OF_A_NAME = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""What a browser says to an address that is neither https nor this machine: no Sec-Fetch-*."""


def test_a_browser_is_led_to_the_form_where_it_calls_the_address_by_another_name(locked: Served) -> None:
    answer = asked("GET", f"{locked.address}/reports/report?since=7d", headers=OF_A_NAME)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Freports%2Freport%3Fsince%3D7d",
    )
    for more in ({"x-api-key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Sec-Fetch-Dest": "empty"}):
        assert asked("GET", f"{locked.address}/data", headers={**OF_A_NAME, **more}).status_code == 401
    for path in ("/info", "/metrics"):
        assert asked("GET", locked.address + path, headers=OF_A_NAME).status_code == 401


def test_a_browser_that_signed_in_is_told_of_a_page_that_is_not_there(locked: Served) -> None:
    with signed_in(locked) as client:
        answer = client.get(f"{locked.address}/nope", headers=OF_A_NAME)
    assert answer.status_code == 404
    assert "There is no such page." in Page.of(answer.text).text
    assert asked("GET", f"{locked.address}/nope").status_code == 401


def test_the_cookie_is_out_of_reach_and_holds_no_key(locked: Served) -> None:
    answer = asked("POST", f"{locked.address}/sign-in", data={"key": KEY}, headers={"Origin": locked.address})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert KEY not in cookie
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("key", ["", "wrong", KEY.upper(), f"{KEY} ", "käse"])
def test_a_wrong_key_opens_nothing(key: str, locked: Served) -> None:
    answer = asked("POST", f"{locked.address}/sign-in", data={"key": key}, headers={"Origin": locked.address})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "That is not the key." in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/reports/report", "/api/reports/report", "/prices", "/data", "/live", "/openapi.json"]
)
def test_nothing_is_shown_without_the_key(path: str, locked: Served) -> None:
    for headers in ({}, {"Cookie": "whyspend_session=made-up"}, {"x-api-key": "wrong"}):
        answer = asked("GET", locked.address + path, headers=headers)
        assert answer.status_code == 401
        assert "agent-copilot" not in answer.text
    assert asked("GET", locked.address + path, headers={"x-api-key": KEY}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/runs/batch"),
        ("POST", "/runs/multipart"),
        ("POST", "/v1/traces"),
        ("GET", "/info"),
        ("GET", "/metrics"),
    ],
)
def test_a_signed_in_browser_has_no_way_into_the_collector(method: str, path: str, locked: Served) -> None:
    with signed_in(locked) as client:
        answer = client.request(method, locked.address + path, headers={"Origin": locked.address})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "http://[",
        "javascript:a",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(onward: str, locked: Served) -> None:
    answer = asked(
        "POST",
        f"{locked.address}/sign-in",
        data={"key": KEY, "next": onward},
        headers={"Origin": locked.address},
    )
    assert answer.headers["location"] == "/"


def test_signing_out_ends_it(locked: Served) -> None:
    with signed_in(locked) as client:
        cookie = dict(client.cookies)
        assert client.get(f"{locked.address}/data").status_code == 200
        client.post(
            f"{locked.address}/sign-out",
            headers={"Origin": locked.address, "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert client.get(f"{locked.address}/data").status_code == 401
        client.cookies.update(cookie)
        assert client.get(f"{locked.address}/data").status_code == 401


def test_a_link_on_another_site_asks_nothing_until_it_is_followed_from_here(locked: Served) -> None:
    crossed = {**BROWSER, "Sec-Fetch-Site": "cross-site"}
    with signed_in(locked) as client:
        answer = client.get(f"{locked.address}/data?sources=%22%3E%3Cscript%3E", headers=crossed)
        assert answer.status_code == 403
        assert "Sources" not in answer.text
        assert "<script>" not in answer.text
        assert Page.of(answer.text).links == ["/data?sources=%22%3E%3Cscript%3E"]
        assert client.get(f"{locked.address}//evil.example/", headers=crossed).status_code == 403
        image = {**crossed, "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"}
        assert client.get(f"{locked.address}/data", headers=image).json() == {
            "detail": "Requests from web pages are refused."
        }


def test_the_key_is_in_no_answer_of_any_page(locked: Served) -> None:
    with signed_in(locked) as client:
        for path in ("/", "/data", "/prices", "/reports/report", "/live", "/openapi.json", "/metrics"):
            assert KEY not in client.get(locked.address + path).text


def without_a_port(ask: Callable[[httpx2.AsyncClient], Any]) -> Any:
    async def scene() -> Any:
        guard = Guard(KEY, is_local=False)
        app = application(Signing(guard).endpoints(), guard, Answers())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://box:8321") as client:
            client.headers["Content-Type"] = "application/x-www-form-urlencoded"
            return await ask(client)

    return asyncio.run(scene())


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_a_form_of_somebody_without_the_key_is_waited_for_only_so_long(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FORM_SECONDS", 0.05)

    async def trickling() -> AsyncIterator[bytes]:
        yield b"key="
        await asyncio.sleep(60)

    async def ask(client: httpx2.AsyncClient) -> int:
        return (await client.post(path, content=trickling())).status_code

    assert without_a_port(ask) == 408


def test_those_who_try_keys_do_not_take_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "AT_ONCE", 2)
    monkeypatch.setattr(signing, "WRONG_SECONDS", 0.2)

    async def ask(client: httpx2.AsyncClient) -> list[int]:
        tried = await asyncio.gather(*(client.post("/sign-in", content=b"key=x") for _ in range(5)))
        right = await client.post("/sign-in", content=f"key={KEY}".encode())
        return [*sorted(each.status_code for each in tried), right.status_code]

    assert without_a_port(ask) == [401, 401, 503, 503, 503, 303]
