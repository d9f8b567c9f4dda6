"""Connections that are slow, endless or flooded, against a server whose patience is short; others are answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.collector.running import MULTIPART, llm_run, multipart, send

from whyspend.collector import Figures, endpoints, intake
from whyspend.collector.collecting import collecting
from whyspend.config import load
from whyspend.serving import Answers, Asking, Guard, app, application, bodies, connections
from whyspend.serving.port import answering
from whyspend.workspace import Workspace

HEAD = b"POST /runs/multipart HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + MULTIPART.encode() + b"\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.5)
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    place, answers = Workspace(load(tmp_path / "whyspend.toml", {})), Answers()
    with (
        collecting(place, "collector", 3600, lambda _: None) as collector,
        Asking(place.config) as asking,
    ):
        every = endpoints(collector, Figures(asking, "collector"), answers)
        served = application(every, Guard("", is_local=True), answers)
        with answering(served, "127.0.0.1", 0) as found:
            yield found.address


@contextmanager
def connected(address: str, *sent: bytes) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as found:
        for piece in sent:
            found.sendall(piece)
        yield found


def said(connection: socket.socket) -> bytes:
    """All that is said until it is closed."""
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def is_well(address: str) -> bool:
    return send(address, [llm_run()]) == 202


@pytest.mark.parametrize(
    "begun", [b"", b"GET", b"GET /info HTTP/1.1\r\nHost: 127.0.0.1\r\n"], ids=["nothing", "a word", "no end"]
)
def test_a_request_whose_head_does_not_come_is_waited_for_only_so_long(address: str, begun: bytes) -> None:
    with connected(address, begun) as connection:
        assert is_well(address)
        assert said(connection) == b""


def test_a_head_that_trickles_is_waited_for_only_so_long(address: str) -> None:
    with connected(address, b"GET /info HTTP/1.1\r\n") as connection, pytest.raises(OSError, match=r".+"):
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b"X-A: b\r\n")


def test_three_hundred_of_them_keep_nobody_from_being_answered(address: str) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(address, HEAD))
        assert is_well(address)


def test_a_connection_that_is_kept_is_waited_for_anew_after_each_answer(address: str) -> None:
    with connected(address) as connection:
        for _ in range(4):
            time.sleep(0.2)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += (piece := connection.recv(1_000))
                assert piece


def test_an_answer_is_not_held_back_until_its_beginning_is_acknowledged(address: str) -> None:
    with httpx2.Client(base_url=address) as client:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            client.get("/healthz")
            took.append(time.perf_counter() - began)
    assert min(took) < 0.02  # measured: 0.001 s; held back: 0.044 s


@pytest.mark.parametrize(
    "begun",
    [
        HEAD + b"Content-Length: 1000\r\n\r\n",
        HEAD + b"Content-Length: 1000\r\n\r\n--",
        CHUNKED + b"2\r\n--\r\n",
    ],
    ids=["nothing", "a piece", "a chunk"],
)
@pytest.mark.parametrize("path", [b"/runs/multipart", b"/runs/batch", b"/feedback", b"/sessions"])
def test_a_body_that_does_not_come_is_a_408(address: str, begun: bytes, path: bytes) -> None:
    with connected(address, begun.replace(b"/runs/multipart", path)) as connection:
        assert is_well(address)
        assert said(connection).startswith(b"HTTP/1.1 408")


def test_a_chunked_body_without_end_is_a_413(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_BYTES", 1 << 20)
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with connected(address, CHUNKED, *[chunk] * 17) as connection:
        assert said(connection).startswith(b"HTTP/1.1 413")
    assert is_well(address)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /info HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n",
        b"GET /info HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"b" * 500_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /info HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\0b\r\n\r\n",
        HEAD + b"Content-Length: 1e9\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"f" * 30 + b"\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
    ],
    ids=[
        "many headers", "a long header", "a long path", "NUL", "no length", "negative", "two lengths",
        "no chunk", "a huge chunk", "TLS",
    ],
)  # fmt: skip
def test_what_is_no_http_is_a_400_and_nothing_is_logged(
    address: str, request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with connected(address, request_) as connection:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 400")
    assert is_well(address)
    assert capfd.readouterr() == ("", "")


def test_a_web_socket_is_not_opened(address: str) -> None:
    upgrade = b"Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    asked = b"GET /info HTTP/1.1\r\nHost: 127.0.0.1\r\n" + upgrade + b"Sec-WebSocket-Key: aaaa\r\n\r\n"
    with connected(address, asked) as connection:
        assert said(connection).startswith(b"HTTP/1.1 200")


def test_more_requests_at_once_than_are_answered_are_told_when_to_come_back(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "AT_ONCE", 2)
    waiting = HEAD + b"Content-Length: 1000\r\n\r\n"
    with connected(address, waiting), connected(address, waiting):
        time.sleep(0.2)
        answer = httpx2.get(f"{address}/info")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        time.sleep(0.5)
        assert httpx2.get(f"{address}/info").status_code == 200


def test_a_client_that_goes_away_gives_its_room_back(address: str) -> None:
    for _ in range(200):
        with connected(address, HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100_000):
            pass
    assert is_well(address)


def test_what_was_refused_on_a_kept_connection_leaves_nothing_for_the_next_request(address: str) -> None:
    """A body that is not read must not be taken for a request."""
    smuggled = b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    run = multipart([llm_run()])
    with httpx2.Client(base_url=address) as client:
        for path, content, headers, status in [
            ("/runs/multipart", smuggled * 5_000, {"Content-Type": "text/plain"}, 400),
            ("/runs/multipart", smuggled, {"Content-Type": MULTIPART, "Content-Encoding": "br"}, 415),
            ("/runs/multipart", smuggled, {"Content-Type": MULTIPART, "Origin": "http://evil.example"}, 403),
            ("/runs/batch", smuggled, {}, 400),
            ("/nowhere", smuggled * 5_000, {}, 404),
            ("/info", smuggled * 5_000, {}, 405),
            ("/runs/multipart", b"x" * (40 << 20), {"Content-Type": MULTIPART}, 413),
        ]:
            assert client.post(path, content=content, headers=headers).status_code == status
            good = client.post("/runs/multipart", content=run, headers={"Content-Type": MULTIPART})
            assert good.status_code == 202
