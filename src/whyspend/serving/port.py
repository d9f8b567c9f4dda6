"""One local port, until a signal: the server runs in a thread of its own, signals and whoever looks in the main one."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from whyspend.errors import UsageError
from whyspend.serving.connections import Timely

CONNECTIONS = 2_000
"""Connections at once; what comes on more of them is answered 503. Fewer requests are read at once: see app."""

GRACEFUL_SECONDS = 5
"""How long requests that are being answered may take when it is ended."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    app: ASGIApp,
    bind: str,
    port: int,
    *,
    started: Callable[[str], None],
    look: Callable[[], None],
) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        app: what answers.
        bind: the address.
        port: the port; 0 takes a free one.
        started: told the address once others can reach it.
        look: called every second; what it raises ends it.

    Raises:
        UsageError: the address cannot be used.
    """
    with _stop_asked() as asked, answering(app, bind, port) as found:
        started(found.address)
        while not asked.wait(1) and found.thread.is_alive():
            look()
        if not asked.is_set():
            raise RuntimeError("the server ended by itself")


@dataclass(frozen=True)
class Answering:
    """A server at work."""

    address: str
    """What senders use."""
    thread: threading.Thread


@contextmanager
def answering(app: ASGIApp, bind: str, port: int) -> Iterator[Answering]:
    """Answer requests in a thread of its own; at the end, those that are being answered are finished.

    Raises:
        UsageError: the address cannot be used.
    """
    listening = _bound(bind, port)
    server = _server(app)

    def run() -> None:
        asyncio.run(server.serve(sockets=[listening]))

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    try:
        yield Answering(_address(bind, listening), thread)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Timely,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
    )


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the second of them ends the program as ever."""
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        asked.set()

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


def _bound(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=1_024)
    except OSError as error:
        raise UsageError(
            f"The address {bind}, port {port}, cannot be used: {error.strerror or error}. "
            "Give another: --port, or --bind."
        ) from None


def _address(bind: str, listening: socket.socket) -> str:
    """The address that senders use."""
    port = listening.getsockname()[1]
    if bind in ("0.0.0.0", "::"):  # noqa: S104  only looked at
        return f"http://{socket.gethostname()}:{port}"
    return f"http://[{bind}]:{port}" if ":" in bind else f"http://{bind}:{port}"
