"""Polite HTTP for every source: paced, retried, cancellable, and silent about secrets."""

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import Empty, Full, Queue, SimpleQueue
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx2
import msgspec

from whyspend.errors import ConfigError, InputError, SourceError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

ATTEMPTS = 6
"""How often one request is sent before its pull gives up; at most 0.5, 1, 2, 4 and 8 s between them."""

FIRST_ATTEMPTS = 3
"""The same while the server has never answered, or where it answers nonsense: to be reported soon."""

LONGEST_WAIT = 120.0
"""Seconds. A server that asks for a longer pause is reported instead of waited for."""

_SLACK = 1.025
"""A server counts requests when they arrive, not when they left: 2.5 % more distance than it asks for."""

_BEAT = 0.2
"""Seconds between two looks at whether somebody pressed Ctrl-C."""


_GRACE = 0.3
"""Seconds that requests under way get at the end: a connection that was not cut off closes cleanly."""


class Stopped(Exception):  # noqa: N818 - not an error: the pull was told to end
    """Raised in worker threads once the pull is over."""


class Refused(SourceError):  # noqa: N818 - reads as what happened
    """The server understood and said no: a status below 500 that no retry changes."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Pace:
    """At most `requests` in any `seconds`, whichever thread sends them.

    A window that slides, not a bucket that refills: a bucket of 300 that refills with 30 a second lets 600
    through in its first ten seconds, which a server that counts per ten seconds answers with 429.
    """

    def __init__(self, requests: int, seconds: float = 10.0) -> None:
        self.requests = requests
        self._seconds = seconds * _SLACK
        self._sent: deque[float] = deque(maxlen=requests)
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Take a turn and return 0, or return how many seconds to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            if now < self._silent_until:
                return self._silent_until - now
            if len(self._sent) == self.requests and (left := self._sent[0] + self._seconds - now) > 0:
                return left
            self._sent.append(now)
            return 0.0

    def silence(self, seconds: float) -> None:
        """Nobody sends for so long: the server asked one of us to wait."""
        with self._lock:
            self._silent_until = max(self._silent_until, time.monotonic() + seconds)


class Web:
    """One server, with the manners it asks for. Safe to use from several threads."""

    def __init__(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str],
        pace: Pace,
        secrets: Iterable[str] = (),
        connections: int = 4,
    ) -> None:
        base, login = _without_login(endpoint)
        _refuse_unsendable(headers)
        self.address = urlsplit(base).netloc
        """Host and port, safe to show."""
        self.pace = pace
        self.stop = threading.Event()
        self.sent = 0
        self.waiting_for = ""
        self._idle = threading.Condition()
        self._under_way = 0
        self._secrets = tuple(secret for secret in secrets if secret)
        self._answered = False
        self.base = base
        """The address without any login, safe to show."""
        self._client = httpx2.Client(
            headers=dict(headers),
            auth=login,
            timeout=httpx2.Timeout(60.0, connect=10.0, pool=None),
            # Plain HTTP needs no certificates; to load them takes 50 ms. Redirects are not followed.
            verify=base.startswith("https:"),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], Answer],
        *,
        params: Mapping[str, str | int] | None = None,
        body: object = None,
    ) -> Answer:
        """Send one request, as often as it takes, and return what `read` makes of the answer.

        Retried: 408, 425, 429, 5xx, a broken connection, and a body that `read` refuses with InputError.

        Raises:
            Refused: any other status.
            SourceError: no usable answer after all attempts.
            Stopped: the pull ended meanwhile.
        """
        attempt = 0
        while True:
            attempt += 1
            answer = self._attempt(lambda: self._send(method, path, params, body), path, read)
            if not isinstance(answer, _Trouble):
                return answer
            most = answer.attempts if self._answered else FIRST_ATTEMPTS
            if attempt >= most or answer.pause > LONGEST_WAIT:
                raise SourceError(self._gave_up(path, answer, attempt))
            self.pace.silence(answer.pause)
            self._wait(max(answer.pause, jittered(attempt)), f"another try: {answer.what}")

    def close(self) -> None:
        """End every wait at once, and every request that does not end by itself within a moment."""
        with self._idle:
            self.stop.set()
            self._idle.wait_for(lambda: not self._under_way, timeout=_GRACE)
        self._client.close()

    def _attempt(
        self, send: Callable[[], httpx2.Response], path: str, read: Callable[[bytes], Answer]
    ) -> "Answer | _Trouble":
        while pause := self.pace.turn():
            self._wait(pause, f"the limit of {self.pace.requests} requests per 10 s")
        try:
            response = send()
        except httpx2.RequestError as error:
            return _Trouble(plainly(error))
        self._answered = True
        status = response.status_code
        if status in (408, 425, 429) or status >= 500:
            return _Trouble(f"it answered {status}", retry_after(response.headers.get("retry-after")))
        if not response.is_success:
            raise Refused(self._refusal(path, response), status)
        try:
            return read(response.content)
        except InputError as error:
            what = f"it sent an answer that cannot be read ({self._clean(str(error))})"
            return _Trouble(what, attempts=FIRST_ATTEMPTS)

    def _send(
        self, method: str, path: str, params: Mapping[str, str | int] | None, body: object
    ) -> httpx2.Response:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        with self._idle:
            if self.stop.is_set():
                raise Stopped
            self.sent += 1
            self._under_way += 1
        try:
            return self._client.request(
                method, self.base + path, params=params, content=content, headers=headers
            )
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def _wait(self, seconds: float, reason: str) -> None:
        if seconds > 0.5:
            self.waiting_for = reason
        if self.stop.wait(seconds):
            raise Stopped
        self.waiting_for = ""

    def _gave_up(self, path: str, trouble: "_Trouble", attempts: int) -> str:
        if trouble.pause > LONGEST_WAIT:
            return (
                f"{self.address} asks for a pause of {trouble.pause:.0f} s. Pull again after that: it goes "
                "on where it stopped."
            )
        return (
            f"{self.address}{path} gave no usable answer in {attempts} attempts: {trouble.what}. "
            "Check the endpoint and the network, then pull again: it goes on where it stopped."
        )

    def _refusal(self, path: str, response: httpx2.Response) -> str:
        if response.is_redirect:
            target = urlsplit(response.headers.get("location", "")).netloc or "another address"
            said = f"it redirects to {self._clean(target)}; set that as the endpoint"
        else:
            said = self._clean(response.text) or "no reason given"
        return f"{self.address}{path} answered {response.status_code}: {said}"

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)


class _Trouble(msgspec.Struct):
    """Why there is no answer yet."""

    what: str
    pause: float = 0.0
    """Seconds that the server asked for."""
    attempts: int = ATTEMPTS


def redact(text: str, secrets: Iterable[str]) -> str:
    """What a server said, fit for a screen: no secrets, no control characters, one line of 200 characters."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())[:200]


def in_order(
    tasks: Iterator[Task],
    work: Callable[[Task], Iterator[Answer]],
    *,
    workers: int,
    stop: threading.Event,
    beat: Callable[[], None],
) -> Iterator[tuple[Task, Answer]]:
    """Work on several tasks at once, and yield their answers in the order of the tasks.

    A thread that is ahead waits while its last answer was not taken, so memory does not grow with the number of tasks.
    `tasks` is advanced and `beat` is called (about five times a second) in the caller's thread. Whatever ends
    the caller, Ctrl-C included, sets `stop`; the threads are daemons, so nobody waits for one that hangs.
    """
    todo: SimpleQueue[tuple[Task, Queue[Answer | _Failed | None]] | None] = SimpleQueue()
    for _ in range(workers):
        threading.Thread(target=_serve, args=(todo, work, stop), daemon=True).start()
    line: deque[tuple[Task, Queue[Answer | _Failed | None]]] = deque()
    try:
        while True:
            while len(line) <= workers and (task := next(tasks, None)) is not None:
                line.append((task, Queue(maxsize=1)))
                todo.put(line[-1])
            if not line:
                return
            current, answers = line.popleft()
            for answer in _drain(answers, beat):
                yield current, answer
    finally:
        stop.set()
        for _ in range(workers):
            todo.put(None)


class _Failed(msgspec.Struct):
    error: BaseException


def _serve(
    todo: "SimpleQueue[tuple[Task, Queue[Answer | _Failed | None]] | None]",
    work: Callable[[Task], Iterator[Answer]],
    stop: threading.Event,
) -> None:
    while (item := todo.get()) is not None and not stop.is_set():
        task, answers = item
        try:
            for answer in work(task):
                _put(answers, answer, stop)
            _put(answers, None, stop)
        except Stopped:
            return
        except BaseException as error:  # not swallowed: raised again in the thread that waits for the answer
            with contextlib.suppress(Stopped):
                _put(answers, _Failed(error), stop)
            return


def _put(
    answers: "Queue[Answer | _Failed | None]", answer: "Answer | _Failed | None", stop: threading.Event
) -> None:
    while True:
        if stop.is_set():
            raise Stopped
        try:
            answers.put(answer, timeout=_BEAT)
        except Full:
            continue
        return


def _drain(answers: "Queue[Answer | _Failed | None]", beat: Callable[[], None]) -> Iterator[Answer]:
    while True:
        try:
            answer = answers.get(timeout=_BEAT)
        except Empty:
            beat()
            continue
        if answer is None:
            return
        if isinstance(answer, _Failed):
            raise answer.error
        yield answer


def _without_login(endpoint: str) -> tuple[str, tuple[str, str] | None]:
    """An address without `user:password@`, and the two: addresses end up in messages, a login must not."""
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("The endpoint must be a web address such as https://api.smith.langchain.com.")
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), login


def _refuse_unsendable(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(
                f"The value for {name} holds characters that HTTP cannot send, such as a line break or a "
                "typographic quote. Copy it again."
            )


def jittered(attempt: int) -> float:
    """Half to all of 0.5, 1, 2, 4, 8 s: clients that failed together do not come back together."""
    return float(0.5 * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))


def retry_after(value: str | None) -> float:
    """Seconds, from either form of the header (RFC 9110): `120` or `Sun, 22 Nov 2026 12:00:00 GMT`."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def plainly(error: httpx2.RequestError) -> str:
    """A broken connection in words; the exception's own text can hold an address with a login."""
    if isinstance(error, httpx2.ConnectError):
        return "no connection (is the host name right, and is the server up?)"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    return f"the connection broke ({type(error).__name__})"
