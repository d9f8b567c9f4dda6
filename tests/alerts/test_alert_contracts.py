"""What every channel keeps to, whoever wrote it. Found by the registry, so new ones are tested."""

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from whyspend import registry
from whyspend.model import Alert
from whyspend.model.digest import Digest

CHANNELS = registry.names("alerts")


def test_the_channels_are_found_by_their_files() -> None:
    assert {"slack", "pagerduty", "webhook", "email", "github", "apprise"} <= set(CHANNELS)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_sends_an_alert_with_documented_options(name: str) -> None:
    send = registry.load("alerts", name).send
    first, *options = inspect.signature(send).parameters.values()
    hints = get_type_hints(send)
    assert (first.name, hints["alert"], hints["return"]) == ("alert", Alert, type(None))
    documented = (inspect.getdoc(send) or "").split("Args:")[1]
    for option in options:
        assert option.kind is option.KEYWORD_ONLY
        assert f"\n    {option.name}: " in documented
    assert "SourceError: " in documented
    assert registry.question("alerts", name)


@pytest.mark.parametrize(
    ("name", "option", "written", "value"),
    [
        ("apprise", "url", ["a", "b"], ["a", "b"]),
        ("apprise", "url", "a", "a"),
        ("email", "to", ["a@example.com"], ["a@example.com"]),
        ("email", "security", "ssl", "ssl"),
        ("email", "port", 25, 25),
        ("github", "summary", "/tmp/summary.md", Path("/tmp/summary.md")),
    ],
)
def test_an_option_is_read_from_a_file_as_its_type_says(
    name: str, option: str, written: object, value: object
) -> None:
    def as_path(kind: type, item: Any) -> Path:
        return Path(item)

    annotation = get_type_hints(registry.load("alerts", name).send)[option]
    assert msgspec.convert(written, annotation, dec_hook=as_path) == value


@pytest.mark.parametrize("name", [n for n in CHANNELS if hasattr(registry.load("alerts", n), "send_digest")])
def test_a_channel_sends_a_digest_with_the_options_that_it_has_for_alerts(name: str) -> None:
    channel = registry.load("alerts", name)
    first, *options = inspect.signature(channel.send_digest).parameters.values()
    hints = get_type_hints(channel.send_digest)
    assert (first.name, hints["digest"], hints["return"]) == ("digest", Digest, type(None))
    known = inspect.signature(channel.send).parameters
    assert {option.name for option in options if option.kind is option.KEYWORD_ONLY} <= set(known)
    takes_all = any(option.kind is option.VAR_KEYWORD for option in options)
    assert takes_all or {"alert", *(option.name for option in options)} == set(known)
    assert inspect.getdoc(channel.send_digest)


def test_a_digest_wakes_nobody() -> None:
    assert not hasattr(registry.load("alerts", "pagerduty"), "send_digest")
