"""Pacing, retries, redaction, and work in several threads, over real HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from whyspend.errors import ConfigError, InputError, SourceError
from whyspend.net import Pace, Refused, Stopped, Web, in_order, redact

KEY = "lsv2_pt_very_secret"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def server() -> Iterator[Callable[..., Web]]:
    """Makes a server that gives these answers in turn, the last one for ever, and a Web that asks it."""
    started: list[ThreadingHTTPServer] = []
    webs: list[Web] = []

    def start(*answers: Answer, pace: Pace | None = None) -> Web:
        line = list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = line.pop(0) if len(line) > 1 else line[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        started.append(http)
        webs.append(
            Web(
                f"http://127.0.0.1:{http.server_port}",
                headers={"x-api-key": KEY},
                pace=pace or Pace(1000),
                secrets=(KEY,),
            )
        )
        return webs[-1]

    yield start
    for web in webs:
        web.close()
    for http in started:
        http.shutdown()
        http.server_close()


def _bytes(body: bytes) -> bytes:
    return body


def _only_json(body: bytes) -> bytes:
    if not body.startswith(b"{"):
        raise InputError("this is no JSON")
    return body


def test_a_busy_server_is_asked_again_after_the_pause_it_names(server: Callable[..., Web]) -> None:
    web = server((429, {"Retry-After": "0.3"}, b""), (200, {}, b"done"))
    began = time.monotonic()
    assert web.ask("GET", "/", _bytes) == b"done"
    assert 0.3 <= time.monotonic() - began < 2
    assert web.sent == 2


def test_a_pause_may_be_named_as_a_date(server: Callable[..., Web]) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    web = server((503, {"Retry-After": until}, b""), (200, {}, b"done"))
    assert web.ask("GET", "/", _bytes) == b"done"


def test_a_pause_of_many_minutes_is_reported_instead_of_waited_for(server: Callable[..., Web]) -> None:
    web = server((429, {"Retry-After": "3600"}, b""))
    with pytest.raises(SourceError, match="asks for a pause of 3600 s"):
        web.ask("GET", "/", _bytes)
    assert web.sent == 1


def test_a_server_error_and_a_broken_answer_are_asked_for_again(server: Callable[..., Web]) -> None:
    web = server((500, {}, b""), (200, {}, b"<html>"), (200, {}, b"{}"))
    assert web.ask("GET", "/", _only_json) == b"{}"
    assert web.sent == 3


def test_what_never_becomes_readable_is_an_error_with_the_reason(server: Callable[..., Web]) -> None:
    web = server((200, {}, b"<html>"))
    with pytest.raises(SourceError, match=r"gave no usable answer in \d attempts: .*this is no JSON"):
        web.ask("GET", "/x", _only_json)
    assert web.sent > 1


def test_a_refusal_is_not_repeated_and_has_its_status(server: Callable[..., Web]) -> None:
    web = server((422, {}, b'{"detail": "select: unknown"}'))
    with pytest.raises(Refused, match="select: unknown") as caught:
        web.ask("GET", "/", _bytes)
    assert caught.value.status == 422
    assert web.sent == 1


def test_a_redirect_is_never_followed_because_the_key_would_go_elsewhere(server: Callable[..., Web]) -> None:
    web = server((302, {"Location": "https://elsewhere.example/login?next=/"}, b""))
    with pytest.raises(Refused, match=r"redirects to elsewhere\.example; set that as the endpoint"):
        web.ask("GET", "/", _bytes)


def test_a_host_that_is_not_there_is_reported_within_seconds() -> None:
    web = Web("http://127.0.0.1:9", headers={}, pace=Pace(1000))
    began = time.monotonic()
    with pytest.raises(
        SourceError, match=r"127\.0\.0\.1:9/info gave no usable answer in 3 attempts: no connection"
    ):
        web.ask("GET", "/info", _bytes)
    assert time.monotonic() - began < 3


def test_no_secret_is_in_a_message_though_the_server_repeats_it(server: Callable[..., Web]) -> None:
    web = server((400, {}, f"bad key {KEY}\x1b[31m\nand more".encode()))
    with pytest.raises(Refused) as caught:
        web.ask("GET", "/", _bytes)
    assert KEY not in str(caught.value)
    assert "bad key *** [31m and more" in str(caught.value)
    assert KEY not in repr(web) + repr(vars(web).keys())


def test_a_login_in_an_address_is_used_but_never_shown() -> None:
    web = Web("http://ann:pa%40ss@127.0.0.1:9/base/", headers={}, pace=Pace(10))
    assert web.address == "127.0.0.1:9"
    with pytest.raises(SourceError) as caught:
        web.ask("GET", "/info", _bytes)
    assert "pa" not in str(caught.value).replace("page", "")


def test_a_key_that_http_cannot_send_is_named_without_its_value() -> None:
    with pytest.raises(ConfigError, match="x-api-key") as caught:
        Web("http://127.0.0.1:9", headers={"x-api-key": "abc\u201d"}, pace=Pace(10))
    assert "abc" not in str(caught.value)


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="web address"):
        Web("api.smith.langchain.com", headers={}, pace=Pace(10))


def test_no_more_than_the_limit_is_sent_in_any_window() -> None:
    """A bucket that starts full would let twice the limit through at first."""
    pace = Pace(5, seconds=0.2)
    sent: list[float] = []
    while len(sent) < 20:
        if wait := pace.turn():
            time.sleep(wait)
        else:
            sent.append(time.monotonic())
    assert all(sent[i + 5] - sent[i] >= 0.2 for i in range(15))


def test_closing_ends_a_wait_at_once(server: Callable[..., Web]) -> None:
    web = server((429, {"Retry-After": "60"}, b""))
    ended = threading.Event()

    def ask() -> None:
        with pytest.raises(Stopped):
            web.ask("GET", "/", _bytes)
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    while not web.waiting_for:
        time.sleep(0.01)
    assert "it answered 429" in web.waiting_for
    web.close()
    assert ended.wait(1)


def test_answers_come_in_the_order_of_the_tasks() -> None:
    stop = threading.Event()

    def work(task: int) -> Iterator[int]:
        time.sleep(0.02 * (task % 3))
        yield from range(task * 10, task * 10 + task % 4)

    found = list(in_order(iter(range(12)), work, workers=4, stop=stop, beat=lambda: None))
    assert found == [(task, task * 10 + i) for task in range(12) for i in range(task % 4)]


def test_threads_that_are_ahead_wait_instead_of_filling_the_memory() -> None:
    made: list[int] = []

    def work(task: int) -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    answers = in_order(iter(range(50)), work, workers=3, stop=threading.Event(), beat=lambda: None)
    next(answers)
    time.sleep(0.1)
    assert len(made) < 20
    answers.close()  # type: ignore[attr-defined]


def test_an_error_in_a_thread_is_raised_where_the_answer_was_awaited() -> None:
    def work(task: int) -> Iterator[int]:
        if task == 2:
            raise SourceError("it broke")
        yield task

    answers = in_order(iter(range(5)), work, workers=2, stop=threading.Event(), beat=lambda: None)
    found = []
    with pytest.raises(SourceError, match="it broke"):
        for _, answer in answers:
            found.append(answer)
    assert found == [0, 1]


def test_redacted_text_is_one_short_line() -> None:
    assert redact("a\nb\t\x00c" + "x" * 500, ()) == ("a b c" + "x" * 500)[:200]
