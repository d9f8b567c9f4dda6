"""What every channel that speaks HTTP keeps to, over real HTTP."""

import logging
import socket
import time
from collections.abc import Callable

import pytest
from tests.alerts.hostile import alert
from tests.alerts.servers import OK, Answer, receiver

from whyspend.alerts import pagerduty, slack, webhook
from whyspend.errors import ConfigError, SourceError
from whyspend.net import Refused

SECRET = "T024BE7LD-B0AAAAAAA-XXXXXXXXXXXXXXXXXXXXXXXX"
SIGNING = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Send = Callable[[str], None]


def to_slack(base: str) -> None:
    slack.send(alert(), url=f"{base}/services/{SECRET}")


def to_pagerduty(base: str) -> None:
    pagerduty.send(alert(), routing_key=SECRET, endpoint=base)


def to_webhook(base: str) -> None:
    webhook.send(
        alert(),
        url=f"{base}/hook/?token={SECRET}",
        secret=f"whsec_{SIGNING}",
        authorization=f"Bearer {SECRET}",
    )


every_channel = pytest.mark.parametrize("send", [to_slack, to_pagerduty, to_webhook])


def echoing(status: int) -> Answer:
    return status, {}, f"no: {SECRET} Bearer {SECRET} /services/{SECRET}".encode()


@every_channel
def test_a_429_is_waited_for_and_then_sent_once_more(send: Send) -> None:
    with receiver((429, {"Retry-After": "1"}, b"slow down"), OK) as server:
        before = time.monotonic()
        send(server.base)
        assert time.monotonic() - before >= 1
    assert len(server.received) == 2


@every_channel
def test_a_500_is_survived_twice_and_every_attempt_says_the_same(send: Send) -> None:
    with receiver((500, {}, b""), (503, {}, b""), OK) as server:
        send(server.base)
    first, *others = server.received
    assert len(others) == 2
    assert {other.body for other in others} == {first.body}


@every_channel
def test_a_permanent_400_is_not_repeated_and_says_who_and_what_but_no_secret(send: Send) -> None:
    with receiver(echoing(400)) as server, pytest.raises(Refused) as caught:
        send(server.base)
    assert len(server.received) == 1
    said = str(caught.value)
    assert caught.value.status == 400
    assert "did not take the message" in said and " answered 400: no: ***" in said
    assert SECRET not in said
    assert "\n" not in said


@every_channel
def test_a_server_that_stays_down_is_reported_after_a_few_tries(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with (
        receiver(echoing(502)) as server,
        pytest.raises(SourceError, match=r"in 4 attempts: .* answered 502") as caught,
    ):
        send(server.base)
    assert len(server.received) == 4
    assert SECRET not in str(caught.value)


@every_channel
def test_a_long_pause_is_reported_instead_of_waited_for(send: Send) -> None:
    with receiver((429, {"Retry-After": "3600"}, b"")) as server, pytest.raises(SourceError, match="3600 s"):
        send(server.base)
    assert len(server.received) == 1


@every_channel
def test_nobody_there_is_reported_without_the_secret(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="no connection") as caught:
            send(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@every_channel
def test_a_redirect_is_not_followed(send: Send) -> None:
    with (
        receiver() as elsewhere,
        receiver((307, {"Location": elsewhere.base}, b"")) as server,
        pytest.raises(Refused, match="redirects"),
    ):
        send(server.base)
    assert not elsewhere.received


@every_channel
def test_no_log_at_any_level_holds_a_secret(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver((500, {}, b""), OK) as server:
        send(server.base)
    assert SECRET not in caplog.text


def test_the_logs_of_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as server:
        to_slack(server.base)
        logging.getLogger("httpx2").info("of another program part")
    assert "of another program part" in caplog.text


@every_channel
@pytest.mark.parametrize(
    "base", ["hooks.slack.com", "ftp://x", "http://[", "https://", "http://a b", "http://x:port"]
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(send: Send, base: str) -> None:
    with pytest.raises(ConfigError, match="web address") as caught:
        send(base)
    assert SECRET not in str(caught.value)


def test_an_address_is_asked_exactly_as_written_with_its_login() -> None:
    with receiver() as server:
        base = server.base.replace("//", "//user:pass%20word@")
        webhook.send(alert(), url=f" {base}/a%2Fb/?sig=x%2By&n=1\n")
    (received,) = server.received
    assert received.path == "/a%2Fb/?sig=x%2By&n=1"
    assert received.headers["authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="


def test_a_signing_secret_stays_out_of_errors() -> None:
    said = f"expected whsec_{SIGNING}, or {SIGNING}".encode()
    with receiver((401, {}, said)) as server, pytest.raises(Refused, match="expected") as caught:
        to_webhook(server.base)
    assert SIGNING not in str(caught.value)


def test_a_login_in_the_address_stays_out_of_errors() -> None:
    with receiver((403, {}, b"user hunter22 may not")) as server, pytest.raises(Refused) as caught:
        webhook.send(alert(), url=server.base.replace("//", "//user:hunter22@"))
    assert "hunter22" not in str(caught.value)
    assert server.base.removeprefix("http://") in str(caught.value)
