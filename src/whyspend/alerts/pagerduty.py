"""PagerDuty, through its Events API v2: an incident opens, and closes by itself when it is over."""

import hashlib
from typing import Any

import msgspec

from whyspend.alerts._post import post
from whyspend.alerts._words import drivers, facts, fitted, heading, moment, web_link
from whyspend.model import Alert

ONLY = ("over_budget", "spike")
"""What is worth waking somebody for, unless the channel says otherwise."""

INCIDENTS = True
"""What was opened stays open until it is resolved."""

# Limits: https://developer.pagerduty.com/docs/events-api-v2/trigger-events (read 2026-11). An event has at
# most 512 KB; with these limits on its parts it has less than 80 KB, however many bytes a character takes.
_SUMMARY = 1024
_DEDUP_KEY = 255
_LABEL = 100
_VALUE = 500
_SOURCE = 255


def send(
    alert: Alert,
    *,
    routing_key: str,
    system: str = "whyspend",
    endpoint: str = "https://events.pagerduty.com",
) -> None:
    """Open, remind of, or close an incident: the alert's key is the incident's.

    Args:
        alert: What to say.
        routing_key: The integration key of a service, of type Events API v2: write `env:PAGERDUTY_ROUTING_KEY`.
        system: What PagerDuty shows as the affected system.
        endpoint: `https://events.eu.pagerduty.com` for accounts in the EU.

    Raises:
        ConfigError: the endpoint is no web address.
        SourceError: PagerDuty refused the event, or could not be reached.
    """
    post(
        "PagerDuty",
        f"{endpoint.rstrip('/')}/v2/enqueue",
        msgspec.json.encode(event(alert, routing_key=routing_key, system=system)),
        advice="Check the routing_key of the channel: an integration of type Events API v2, with 32 characters.",
        secrets=(routing_key,),
    )


def event(alert: Alert, *, routing_key: str, system: str) -> dict[str, Any]:
    """The JSON of the event. A reminder is a trigger with the same key: PagerDuty adds it to the open incident."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if alert.state == "resolve" else "trigger",
        "dedup_key": dedup_key(alert.key),
        "client": "whyspend",
        "payload": {
            "summary": fitted(alert.title, _SUMMARY),
            "source": fitted(system, _SOURCE),
            "severity": alert.severity,
            "timestamp": moment(alert),
            "class": alert.kind,
            "custom_details": _details(alert),
        },
    }
    if link := web_link(alert):
        event["links"] = [{"href": link, "text": "Open"}]
    return event


def dedup_key(key: str) -> str:
    """A key of up to 255 plain ASCII characters as it is; of any other the beginning and its SHA-256."""
    if key.isascii() and key.isprintable() and 0 < len(key) <= _DEDUP_KEY:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{fitted(key, 40)}:{digest}"


def _details(alert: Alert) -> dict[str, Any]:
    details: dict[str, Any] = {"what": heading(alert)}
    for label, value in facts(alert):
        name = fitted(label, _LABEL)
        if name in details:
            name = f"{name} ({len(details)})"
        details[name] = fitted(value, _VALUE)
    if causes := [fitted(driver, _VALUE) for driver in drivers(alert)]:
        details["largest drivers"] = causes
    if alert.command:
        details["more"] = fitted(alert.command, _SUMMARY)
    return details
