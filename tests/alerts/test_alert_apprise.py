"""Apprise: each address told once, hostile names inert, and nothing of an address in errors or logs."""

import logging
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from tests.alerts.hostile import alert, alerts
from tests.alerts.servers import OK, receiver

from whyspend.alerts import apprise
from whyspend.errors import ConfigError, SourceError
from whyspend.model import Alert

SECRET = "hunter22secret"

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own import


def address(base: str, name: str = SECRET) -> str:
    return base.replace("http://", f"json://user:{name}@") + f"/{name}"


def test_several_addresses_are_told_and_read_alike() -> None:
    with receiver() as first, receiver() as second:
        apprise.send(alert(), url=[address(first.base), address(second.base)])
    (one,), (other,) = first.received, second.received
    assert one.json == other.json
    assert one.json["title"] == "Over budget"
    assert one.json["type"] == "failure"
    assert one.json["message"].splitlines()[-2:] == [
        "More: whyspend explain --where feature=rag-search --since 1d",
        "https://smith.example.com/o/1/projects/p/2?a=1&b=2",
    ]


def test_a_429_and_a_500_are_survived() -> None:
    with receiver((429, {}, b""), (500, {}, b""), OK) as server:
        apprise.send(alert(), url=address(server.base))
    assert len(server.received) == 3


def test_one_that_refuses_is_told_once_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refused = r"address 1 \(JSON\) did not take the message: it answered 400"
    with (
        receiver((400, {}, SECRET.encode())) as refusing,
        receiver() as other,
        pytest.raises(SourceError, match=refused) as caught,
    ):
        apprise.send(alert(), url=[address(refusing.base), address(other.base)])
    assert (len(refusing.received), len(other.received)) == (1, 1)
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text


def test_nobody_there_is_reported_after_a_few_tries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError, match="in 4 attempts") as caught:
        apprise.send(alert(), url=address("http://127.0.0.1:9"))
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("bad", [f"nothing://{SECRET}", SECRET, "", "json://"])
def test_an_address_that_apprise_does_not_know_is_refused_before_any_is_told(bad: str) -> None:
    with receiver() as server, pytest.raises(ConfigError, match="address 2 of the channel") as caught:
        apprise.send(alert(), url=[address(server.base), bad])
    assert not server.received
    assert SECRET not in str(caught.value)


def test_a_channel_without_an_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="no address"):
        apprise.send(alert(), url=[])


@settings(max_examples=60)
@given(alerts())
def test_no_name_is_a_mention_or_markup_and_the_text_fits_everywhere(alert: Alert) -> None:
    text = apprise.body(alert)
    assert len(text.encode("utf-16-le")) // 2 <= 1_600
    for line in text.splitlines():
        if not line.startswith(("http://", "https://")):
            assert not [char for char in "@*`~<[" if char in line.replace(f"{char}\u200b", "")]
        assert all(char.isprintable() or char == "\u200b" for char in line)


def test_without_apprise_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['apprise'] = None\n"
        "from tests.alerts.hostile import alert\n"
        "from whyspend.alerts import apprise\n"
        "apprise.send(alert(), url='json://localhost')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "MissingExtraError" in done.stderr and "pip install 'whyspend[alerts]'" in done.stderr


def test_no_channel_imports_apprise_before_it_is_used() -> None:
    code = (
        "import sys\n"
        "from whyspend import registry\n"
        "assert len([registry.load('alerts', name) for name in registry.names('alerts')]) >= 6\n"
        "assert not {'apprise', 'requests'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
