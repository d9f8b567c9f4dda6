"""Alerts whose names try everything that a name can try."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from whyspend.model import Alert

TEXTS = (
    "=HYPERLINK('http://evil.example','click')",
    "<script>alert(1)</script>",
    "*bold*<!channel> _it_ ~no~ `code` <@U024BE7LH> <http://evil.example|bank>",
    "@here @channel @everyone &amp; &lt;!here&gt;",
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "tag" * 3_500,
    "<" * 10_000,
    "nul\x00byte",
    "right\u202eto\u202dleft\u2066x\u2069",
    "half a pair \ud83d and \udc00",
    "line\r\nBcc: victim@example.com\r\n\r\n::error::injected\n##[error]injected",
    "%0A::set-output name=x::y %25",
    "https://evil.example/?a=1&b=2 www.evil.example [text](javascript:alert(1))",
    "😀" * 3_000,
    "-->]]></td></table>\n\n# heading\n\n```\n",
    "  ",
    "",
    "\u2028\u2029\ufeff\u00ad\u200b",
)

KINDS = (
    "over_budget",
    "near_budget",
    "spike",
    "new_feature",
    "new_model",
    "untagged",
    "unpriced",
    "stale",
    "test",
)

texts = (
    st.sampled_from(TEXTS)
    | st.text(st.characters(), max_size=40)
    | st.builds(str.__add__, *[st.sampled_from(TEXTS)] * 2)
)


def alerts() -> st.SearchStrategy[Alert]:
    """Any alert at all, hostile in every text."""
    return st.builds(
        Alert,
        kind=st.sampled_from(KINDS),
        state=st.sampled_from(["trigger", "remind", "resolve"]),
        severity=st.sampled_from(["info", "warning", "critical"]),
        key=texts,
        title=texts,
        at=st.datetimes(timezones=st.just(UTC)),
        facts=st.lists(st.tuples(texts, texts), max_size=24).map(tuple),
        drivers=st.lists(texts, max_size=5).map(tuple),
        command=texts,
        link=texts.map("https://example.com/".__add__) | texts | st.sampled_from(["", "javascript:alert(1)"]),
    )


def alert(**changes: Any) -> Alert:
    """A harmless alert, as budgets make them."""
    usual: dict[str, Any] = {
        "kind": "over_budget",
        "state": "trigger",
        "severity": "critical",
        "key": "whyspend:rag-search:2026-11-22",
        "title": "rag-search is over its budget for today: $2.31 of $2.00 (115 %).",
        "at": datetime(2026, 11, 22, 14, 0, tzinfo=UTC),
        "facts": (("Since", "2026-11-22 13:40 UTC"), ("Spent", "$2.31"), ("Projected", "$4.10")),
        "drivers": ("gpt-4o makes up 80 % of it.", "Longer prompts add $0.40."),
        "command": "whyspend explain --where feature=rag-search --since 1d",
        "link": "https://smith.example.com/o/1/projects/p/2?a=1&b=2",
    }
    return Alert(**(usual | changes))


def strings(value: Any) -> list[str]:
    """Every text within JSON, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return []


def assert_inert(text: str) -> None:
    """Nothing in it acts on a terminal or turns the direction of writing; it is one line, and UTF-8 holds it."""
    text.encode("utf-8")
    assert all(char.isprintable() or char == "\u200b" for char in text), ascii(text)
