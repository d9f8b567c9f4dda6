"""Endpoints as an OpenAPI 3.1 description: https://spec.openapis.org/oas/v3.1.1."""

import re
from collections.abc import Iterator, Mapping, Sequence

from whyspend import __version__
from whyspend.serving.endpoints import JSON, Endpoint, Parameter, Reply, Schema

_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")
"""A parameter of a path, with or without a convertor of starlette's."""

_REFUSAL: Schema = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string", "description": "Why, in a sentence."}},
}
_REFERENCE: Schema = {"$ref": "#/components/schemas/Refusal"}

_OF_THE_GUARD = {
    401: "A key is needed, and it is missing or wrong.",
    403: "A request of a web page of another site, or to a name that is not this machine's.",
    503: "Too many requests at once. Send it again after Retry-After.",
}

_OF_PLACES = {404: "Nothing can have this name.", 405: "The name is one of another path."}
"""What a name in a path can lead to."""


def description(endpoints: Sequence[Endpoint]) -> dict[str, object]:
    """The description of some endpoints."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in endpoints:
        for prefix in endpoint.prefixes:
            path = _PLACE.sub(r"{\1}", prefix + endpoint.path)
            paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "whyspend", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Refusal": _REFUSAL},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        # The last: bound to this machine alone, no key is needed.
        "security": [{"key": []}, {"bearer": []}, {}],
    }


def _operation(endpoint: Endpoint, path: str) -> dict[str, object]:
    meaning = (endpoint.answer.__doc__ or "").strip().partition("\n")[0]
    found: dict[str, object] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}{path}").strip("_"),
        "summary": meaning,
        "responses": {str(status): _response(reply) for status, reply in sorted(_replies(endpoint).items())},
    }
    if endpoint.door == "open":
        found["security"] = []
    if parameters := list(_parameters(endpoint)):
        found["parameters"] = parameters
    if endpoint.body:
        found["requestBody"] = {"required": True, "content": _contents(endpoint.body)}
    return found


def _replies(endpoint: Endpoint) -> dict[int, Reply]:
    refusals = {**_OF_THE_GUARD, **(_OF_PLACES if "{" in endpoint.path else {}), **endpoint.refusals}
    refused = {status: Reply(why, {JSON: _REFERENCE}) for status, why in refusals.items()}
    return {**refused, **endpoint.replies}


def _response(reply: Reply) -> dict[str, object]:
    found: dict[str, object] = {"description": reply.meaning}
    if reply.contents:
        found["content"] = _contents(reply.contents)
    return found


def _contents(schemas: Mapping[str, Schema]) -> dict[str, object]:
    return {content_type: {"schema": dict(schema)} for content_type, schema in schemas.items()}


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, object]]:
    for name in _PLACE.findall(endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for parameter in endpoint.parameters:
        yield _of_query(parameter)


def _of_query(parameter: Parameter) -> dict[str, object]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "required": parameter.is_required,
        "schema": dict(parameter.schema),
    }
