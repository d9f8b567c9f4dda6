"""Over every endpoint that a running collector answers, whoever declared it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.collector.running import Serving, serving

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("endpoints")) as found:
        yield found


def operations(description: dict[str, Any]) -> list[Operation]:
    """Method, path with something in each place, and what is declared."""
    return [
        (method.upper(), path.replace("{", "x-").replace("}", ""), declared)
        for path, methods in description["paths"].items()
        for method, declared in methods.items()
    ]


@pytest.fixture(scope="module")
def description(shared: Serving) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{shared.address}/openapi.json").json()
    return found


def test_the_description_is_valid_and_tells_every_endpoint_apart(description: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(description).validate()
    names = [declared["operationId"] for _, _, declared in operations(description)]
    assert len(set(names)) == len(names) > 15


def test_every_endpoint_says_what_it_is_for_what_it_answers_and_what_it_takes(
    description: dict[str, Any],
) -> None:
    for method, path, declared in operations(description):
        statuses = [int(status) for status in declared["responses"]]
        assert declared["summary"], path
        assert any(status < 400 for status in statuses), (path, "declares no reply: Endpoint.replies")
        if method != "GET":
            assert declared["requestBody"]["content"], (path, "declares no body: Endpoint.body")
            assert {400, 413} <= set(statuses), (path, "declares no refusals: Endpoint.refusals")


def test_without_the_key_an_address_that_others_reach_refuses_every_endpoint(tmp_path: Path) -> None:
    """Open are only the page that asks for the key and what it is made of."""
    with serving(tmp_path, "--bind", "0.0.0.0", "--api-key", "env:THE_KEY", THE_KEY="s3cret") as server:
        address = f"http://127.0.0.1:{server.address.rpartition(':')[2]}"
        with httpx2.Client(base_url=address) as client:
            assert client.get("/openapi.json").status_code == 401
            described = client.get("/openapi.json", headers={"x-api-key": "s3cret"}).json()
            for method, path, declared in operations(described):
                if declared.get("security") == []:
                    assert path.startswith(("/sign-", "/static")), path
                    continue
                for headers in ({}, {"x-api-key": "S3CRET"}, {"Authorization": "Basic s3cret"}):
                    refused = client.request(method, path, content=b"{}", headers=headers)
                    assert refused.status_code == 401, path
                    assert "s3cret" not in refused.text
        assert "s3cret" not in server.text


def test_every_endpoint_answers_as_it_declares_and_refuses_pages_of_other_sites(
    shared: Serving, description: dict[str, Any]
) -> None:
    with httpx2.Client(base_url=shared.address) as client:
        for method, path, declared in operations(description):
            for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                assert client.request(method, path, headers=headers).status_code == 403, path
            answer = client.request(method, path, content=None if method == "GET" else b"{")
            contents = declared["responses"][str(answer.status_code)].get("content", {})
            assert answer.headers["content-type"].partition(";")[0] in contents, (path, answer.text)
