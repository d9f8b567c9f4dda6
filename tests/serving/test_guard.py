"""Who is let in."""

import pytest

from whyspend.serving.guard import Guard, is_loopback

LOCAL = Guard("", is_local=True)
BOUND = Guard("s3cret", is_local=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8321", "localhost:1", "LOCALHOST", "[::1]:8321", "[::1]"]
)
def test_programs_of_this_machine_are_let_in_by_any_of_its_names(host: str) -> None:
    assert LOCAL.refusal({"host": host}) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "evil.example:127", "10.0.0.1:8321"]
)
def test_another_name_for_this_machine_is_refused(host: str) -> None:
    refused = LOCAL.refusal({"host": host})
    assert refused is not None
    assert refused[0] == 403


@pytest.mark.parametrize(
    ("bind", "host"), [("127.0.0.2", "127.0.0.2:8321"), ("0:0:0:0:0:0:0:1", "[0:0:0:0:0:0:0:1]:1")]
)
def test_the_address_that_it_is_bound_to_is_one_of_the_names(bind: str, host: str) -> None:
    guard = Guard.of(bind, "")
    assert guard.refusal({"host": host}) is None
    refused = guard.refusal({"host": "127.0.0.3:8321"})
    assert refused is not None
    assert refused[0] == 403


def test_whoever_calls_it_by_a_wrong_name_is_told_the_right_one() -> None:
    assert Guard.of("127.0.0.2", "").refusal({"host": "box"}) == (
        403,
        "This address is for this machine: call it 127.0.0.2.",
    )


def test_a_page_that_this_address_served_itself_is_no_other_site() -> None:
    own = {"host": "127.0.0.1:8321", "origin": "http://127.0.0.1:8321", "sec-fetch-site": "same-origin"}
    assert LOCAL.refusal(own) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://[",
        "http://127.0.0.1:8321@evil.example",
        "ftp://127.0.0.1:8321",
        "http://127.0.0.1",
        "",
        "//",
    ],
)
def test_an_origin_that_is_not_this_address_is_refused_whatever_it_is(origin: str) -> None:
    refused = LOCAL.refusal({"host": "127.0.0.1:8321", "origin": origin})
    assert refused is not None
    assert refused[0] == 403


@pytest.mark.parametrize("given", ["", "S3CRET", "s3cret ", "s3cre", "käse"])
def test_only_the_key_itself_opens(given: str) -> None:
    refused = BOUND.refusal({"host": "box:8321", "x-api-key": given})
    assert refused is not None
    assert refused[0] == 401
    assert BOUND.refusal({"host": "box:8321", "x-api-key": "s3cret"}) is None


def test_a_page_is_refused_even_with_the_key() -> None:
    refused = BOUND.refusal({"host": "box:8321", "x-api-key": "s3cret", "origin": "https://evil.example"})
    assert refused is not None
    assert refused[0] == 403


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("box", False),
        ("", False),
    ],
)
def test_what_only_this_machine_can_reach_is_known(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_the_key_is_in_no_representation() -> None:
    assert "s3cret" not in repr(BOUND)
