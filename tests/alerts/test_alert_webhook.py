"""The webhook: documented JSON, and a signature that the receiver of docs/alerts.md verifies."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.alerts.hostile import alert, alerts, assert_inert, strings
from tests.alerts.servers import OK, receiver

from whyspend.alerts import webhook
from whyspend.errors import ConfigError
from whyspend.model import Alert

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
Verify = Callable[[bytes, Mapping[str, str], str], bool]


@pytest.fixture(scope="module")
def verify() -> Verify:
    """The receiver that the page shows, as it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Verify = names["is_from_whyspend"]
    return found


@pytest.mark.parametrize(
    "secret", ["correct horse battery staple", "schlüssel", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_the_receiver_of_the_page_verifies_what_is_sent(verify: Verify, secret: str) -> None:
    with receiver() as server:
        webhook.send(alert(title="<script>\x00"), url=server.base + "/in", secret=secret)
    (received,) = server.received
    assert verify(received.body, received.headers, secret)
    assert not verify(received.body + b" ", received.headers, secret)
    assert not verify(received.body, received.headers, secret + "BBBB")
    assert not verify(received.body, received.headers | {"webhook-id": "msg_other"}, secret)
    late = str(int(received.headers["webhook-timestamp"]) - 301)
    assert not verify(received.body, received.headers | {"webhook-timestamp": late}, secret)
    assert not verify(received.body, {}, secret)


def test_a_late_attempt_has_a_fresh_signature_and_the_same_id(verify: Verify) -> None:
    with receiver((500, {}, b""), (500, {}, b""), OK) as server:
        webhook.send(alert(), url=server.base, secret="s3cret")
        assert abs(int(server.received[-1].headers["webhook-timestamp"]) - time.time()) <= 1
    assert len({received.headers["webhook-id"] for received in server.received}) == 1
    assert all(verify(received.body, received.headers, "s3cret") for received in server.received)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, in its own libraries' tests."""
    key = webhook._key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_there_is_no_signature() -> None:
    with receiver() as server:
        webhook.send(alert(), url=server.base, authorization="Bearer abc")
    (received,) = server.received
    assert "webhook-signature" not in received.headers
    assert received.headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    "options", [{"secret": "whsec_!!!"}, {"secret": "whsec_"}, {"authorization": "Bearer a\nb"}]
)
def test_a_secret_that_cannot_be_used_is_refused_without_showing_it(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="Copy it again") as caught:
        webhook.send(alert(), url="http://127.0.0.1:9", **options)
    assert "!!!" not in str(caught.value) and "Bearer" not in str(caught.value)


def test_the_json_is_what_the_page_says() -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0])
    with receiver() as server:
        webhook.send(
            replace(alert(), drivers=tuple(shown["drivers"]), command=shown["command"]), url=server.base
        )
    assert server.received[0].json == shown


@settings(max_examples=60)
@given(alerts())
def test_any_alert_is_small_harmless_json(alert: Alert) -> None:
    message = webhook.message(alert)
    assert len(msgspec.json.encode(message)) <= 256 * 1024
    for text in strings(message):
        assert_inert(text)
