"""The words of an alert: cut at the limit, never within an escape, and plain to see."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.hostile import alert, assert_inert, texts

from whyspend.alerts._words import fitted, guarded, heading, web_link


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a<b", 6, "a&lt;b"),
        ("a<b", 5, "a…"),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("😀😀", 4, "😀😀"),
        ("😀😀", 3, "😀…"),
        ("a\x1b[0m", 20, "a\\x1b[0m"),
        ("a\x1bb", 5, "a…"),
        ("one two", 5, "one…"),
        ("\ud800", 20, "\\ud800"),
        ("a\u202eb", 20, "a\\u202eb"),
        ("a\r\nb\x00", 20, "a\\r\\nb\\x00"),
        (" \u00a0 ", 9, "–"),
        ("", 9, "–"),
    ],
)
def test_text_is_visible_and_cut_with_an_ellipsis(text: str, limit: int, shown: str) -> None:
    assert fitted(text, limit, html.escape) == shown


@given(texts, st.integers(1, 300))
def test_no_text_is_longer_than_its_limit_and_every_escape_is_whole(text: str, limit: int) -> None:
    shown = fitted(text, limit, html.escape)
    assert 1 <= len(shown.encode("utf-16-le")) // 2 <= limit
    assert_inert(shown)
    assert "<" not in shown
    assert html.escape(html.unescape(shown)) == shown


def test_what_a_chat_acts_on_is_broken_up_and_plain_words_are_not() -> None:
    plain = "rag_search: $1.20 of $2.00 (60 %) since 14:00, gpt-4.1"
    assert guarded(plain) == plain
    assert guarded("@here *b* https://evil.example") == (
        "@\u200bhere *\u200bb*\u200b https:\u200b//evil.\u200bexample"
    )


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://example.com/a?b=1&c=%20#d", "https://example.com/a?b=1&c=%20#d"),
        ("https://example.com/<x>|\"'`()[]@*", "https://example.com/%3Cx%3E%7C%22%27%60%28%29%5B%5D%40%2A"),
        ("https://example.com/\ud800\n", "https://example.com/?%0A"),
        ("https://example.com/" + "&" * 1_000, ""),
        ("https://user:password@example.com/", ""),
        ("javascript:alert(1)", ""),
        ("//example.com", ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_a_link_is_a_web_address_that_no_markup_can_break_out_of(link: str, shown: str) -> None:
    assert web_link(alert(link=link)) == shown


def test_headings_tell_the_state() -> None:
    headings = [heading(alert(state=state)) for state in ("trigger", "remind", "resolve")]
    assert headings == ["Over budget", "Still: Over budget", "Resolved: Over budget"]
