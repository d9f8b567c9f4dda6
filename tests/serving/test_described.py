"""What is declared of endpoints, and the description that is made of it."""

import asyncio

import httpx2
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyspend.serving import JSON, Answers, Endpoint, Guard, Parameter, Reply, application
from whyspend.serving.describing import description


async def find(request: Request) -> Response:
    """Find a thing.

    More that is not in the summary.
    """
    return JSONResponse({"name": request.path_params["name"]})


THING = Endpoint(
    "GET",
    "/things/{name:path}",
    find,
    prefixes=("", "/v1"),
    replies={200: Reply("The thing.", {JSON: {"type": "object"}}), 204: Reply("There is none.")},
    refusals={422: "The name is odd."},
    parameters=(Parameter("limit", "How many.", {"type": "integer"}),),
)


def asked(path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    async def answered() -> httpx2.Response:
        app = application([THING], Guard("", is_local=True), Answers())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(answered())


def test_a_description_is_valid_and_says_what_was_declared() -> None:
    found = asked("/openapi.json").json()
    OpenAPIV31SpecValidator(found).validate()
    assert list(found["paths"]) == ["/things/{name}", "/v1/things/{name}", "/openapi.json"]
    get = found["paths"]["/v1/things/{name}"]["get"]
    assert get["summary"] == "Find a thing."
    assert list(get["responses"]) == ["200", "204", "401", "403", "404", "405", "422", "503"]
    assert [(each["in"], each["name"]) for each in get["parameters"]] == [
        ("path", "name"),
        ("query", "limit"),
    ]


def test_an_endpoint_of_which_nothing_is_declared_is_described_too() -> None:
    found = description([Endpoint("POST", "/x", find)])
    OpenAPIV31SpecValidator(found).validate()


def test_what_is_not_there_is_said_as_every_other_refusal() -> None:
    missing, wrong = asked("/nowhere"), asked("/openapi.json", "DELETE")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    assert (wrong.status_code, set(wrong.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert wrong.json() == {"detail": "Method Not Allowed"}


def test_a_person_in_a_browser_reads_on_a_page_that_there_is_none() -> None:
    missing = asked("/nowhere", accept="text/html,*/*")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such page." in missing.text
