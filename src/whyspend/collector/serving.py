"""One local port, until a signal: the server runs in a thread of its own, signals and the live view in the main one."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from whyspend.collector.app import application
from whyspend.collector.collecting import Collector, collecting
from whyspend.collector.guard import Guard, is_loopback
from whyspend.errors import UsageError
from whyspend.workspace import Workspace

CONNECTIONS = 1_000
"""Requests at once; beyond it senders are told to come back later."""

GRACEFUL_SECONDS = 5
"""How long requests that are being answered may take when the collector is ended."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    place: Workspace,
    bind: str,
    port: int,
    key: str,
    *,
    started: Callable[[str], None],
    say: Callable[[str], None],
    look: Callable[[Collector], None],
) -> None:
    """Collect until SIGINT or SIGTERM; then publish everything, and come back.

    Args:
        place: whose ledger, and whose section [collector].
        bind: the address; one that others can reach needs a key.
        port: the port; 0 takes a free one.
        key: what senders must give; "" lets every program of this machine send.
        started: told the address once senders can reach it.
        say: tells the user a sentence.
        look: called every second.

    Raises:
        UsageError: the address cannot be used, or a collector runs on this ledger already.
        LedgerError: the spool cannot be read or written.
    """
    if not (key or is_loopback(bind)):
        raise UsageError(
            f"Others can reach {bind}, so it needs a key: put one into an environment variable, and give "
            "--api-key env:NAME. Or leave --bind out: then only this machine can send."
        )
    settings = place.config.collector
    with collecting(place, settings.source, settings.close_after_s, say) as collector:
        listening = _bound(bind, port)
        guard = Guard(key, is_loopback(bind))
        server = uvicorn.Server(
            uvicorn.Config(
                application(collector, guard),
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
            )
        )
        with _stop_asked() as asked, _running(server, listening) as thread:
            started(_address(bind, listening))
            while not asked.wait(1) and thread.is_alive():
                _still_well(collector)
                look(collector)
            if not asked.is_set():
                raise RuntimeError("the server ended by itself")
        say("Stopping: what was received is published first.")
    _still_well(collector)


@contextmanager
def _running(server: uvicorn.Server, listening: socket.socket) -> Iterator[threading.Thread]:
    def run() -> None:
        asyncio.run(server.serve(sockets=[listening]))

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


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


def _still_well(collector: Collector) -> None:
    """End the program where one of its threads ended that never should."""
    for crashed in (collector.spool.crashed, collector.publisher.crashed):
        if crashed:
            raise crashed


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
