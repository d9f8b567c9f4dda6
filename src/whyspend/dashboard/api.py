"""The JSON API: every report as the command line writes it, byte for byte, in every format; and what pages load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyspend import registry
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.exploring import known
from whyspend.dashboard.links import sheet_path
from whyspend.dashboard.markup import SAFE, asset, asset_bytes
from whyspend.errors import UsageError, nearest
from whyspend.model.sheet import Sheet
from whyspend.serving import ASKING_REFUSALS, JSON, Endpoint, Parameter, RefusedError, Reply, Schema
from whyspend.workspace import sheets
from whyspend.workspace.questions import SHARED, Option, of_pairs, options_of
from whyspend.workspace.sheet_questions import argument_of
from whyspend.workspace.sheet_questions import of_pairs as sheet_of_pairs
from whyspend.workspace.sheet_questions import options_of as sheet_options_of
from whyspend.workspace.writing import forms_of

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": JSON,
    "markdown": "text/markdown; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "svg": "image/svg+xml",
    "text": "text/plain; charset=utf-8",
}
"""Content types by format; a format of a plug-in is bytes."""

ENDINGS = {"markdown": "md", "text": "txt"}

ASSETS = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

FOR_EVER = "public, max-age=31536000, immutable"

ANSWER: Schema = {
    "type": "object",
    "required": ["report", "window", "columns", "rows", "total", "trust", "notes"],
    "properties": {
        "report": {"type": "string"},
        "window": {"type": "object", "required": ["since", "until", "timezone"]},
        "headline": {"type": "string"},
        "columns": {"type": "array", "items": {"type": "object", "required": ["name", "unit"]}},
        "rows": {"type": "array", "items": {"type": "object"}},
        "total": {"type": "object"},
        "trust": {"type": "object"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
"""Of every answer; money and shares are numbers with all their digits."""


@dataclass(frozen=True)
class Api:
    """Answers as files: of reports, and what else a command answers."""

    desk: Desk

    def endpoints(self) -> list[Endpoint]:
        """What it answers: an endpoint for each report."""
        listed = {200: Reply("The reports.", {JSON: {"type": "object"}})}
        file = {200: Reply("The file.", {media.partition(";")[0]: {} for media in ASSETS.values()})}
        return [
            Endpoint("GET", "/api/reports", self.reports, replies=listed, door="session"),
            *(self._endpoint(name) for name in registry.names("reports")),
            *(self._of_sheet(name) for name in sheets.NAMES),
            Endpoint("GET", "/static/{version}/{name}", self.asset, replies=file, door="open"),
        ]

    def _endpoint(self, name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            return await self._answered(request, name)

        answer.__doc__ = registry.question("reports", name)
        contents: dict[str, Schema] = {_media(form): {} for form in registry.names("formats")}
        return Endpoint(
            "GET",
            f"/api/reports/{name}",
            answer,
            replies={200: Reply("The answer.", {**contents, JSON: ANSWER})},
            refusals=ASKING_REFUSALS,
            parameters=tuple(_parameters(name)),
            door="session",
        )

    def _of_sheet(self, name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            form, pairs = _form_of(request, forms_of(Sheet))
            return _file(await self.desk.written(sheet_of_pairs(name, pairs), form), name, form)

        answer.__doc__ = sheets.question(name)
        contents: dict[str, Schema] = {_media(form): {} for form in forms_of(Sheet)}
        return Endpoint(
            "GET",
            f"/api/{sheet_path(name)}",
            answer,
            replies={200: Reply("The answer.", {**contents, JSON: {"type": "object"}})},
            refusals=ASKING_REFUSALS,
            parameters=tuple(_parameters_of_sheet(name)),
            door="session",
        )

    async def reports(self, _: Request) -> Response:
        """All reports: name, question, address."""
        found = [
            {
                "name": name,
                "question": registry.question("reports", name),
                "address": f"/api/reports/{quote(name)}",
            }
            for name in registry.names("reports")
        ]
        return JSONResponse({"reports": found}, headers=SAFE)

    async def asset(self, request: Request) -> Response:
        """A file that pages load."""
        name, version = request.path_params["name"], request.path_params["version"]
        if name not in ASSETS or asset(name) != f"/static/{version}/{name}":
            raise RefusedError(404, "There is no such file.")
        headers = {**SAFE, "Cache-Control": FOR_EVER}
        return Response(asset_bytes(name), media_type=ASSETS[name], headers=headers)

    async def _answered(self, request: Request, name: str) -> Response:
        known(name)
        form, pairs = _form_of(request, registry.names("formats"))
        return _file(await self.desk.written(of_pairs(name, pairs), form), name, form)


def _form_of(request: Request, formats: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The format that is asked for, and everything else that is."""
    pairs = request.query_params.multi_items()
    form = next((value for word, value in reversed(pairs) if word == "format"), "") or "json"
    if form not in formats:
        raise UsageError(
            f"There is no format '{form[:40]}'.{nearest(form, formats)} There is: {', '.join(formats)}."
        )
    return form, [pair for pair in pairs if pair[0] != "format"]


def _file(body: bytes, name: str, form: str) -> Response:
    headers = {
        **SAFE,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if form != "json":
        # A file to keep: what it holds is never run as a page of this address.
        file = f"{name.replace(' ', '-')}.{ENDINGS.get(form, form)}"
        headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return Response(body, media_type=TYPES.get(form, "application/octet-stream"), headers=headers)


def _media(form: str) -> str:
    return TYPES.get(form, "application/octet-stream").partition(";")[0]


def _parameters(name: str) -> Iterator[Parameter]:
    for word, text in SHARED.items():
        yield Parameter(word, text, _REPEATED if word == "where" else {"type": "string"})
    for option in options_of(name):
        yield Parameter(option.word, option.text, _schema(option))
    yield Parameter("format", "How it is written.", {"enum": registry.names("formats"), "default": "json"})


def _parameters_of_sheet(name: str) -> Iterator[Parameter]:
    for option in sheet_options_of(name):
        is_needed = option.name == argument_of(name)
        yield Parameter(option.word, option.text, _REPEATED if option.is_list else _schema(option), is_needed)
    yield Parameter("format", "How it is written.", {"enum": forms_of(Sheet), "default": "json"})


_REPEATED: Schema = {"type": "array", "items": {"type": "string"}}


def _schema(option: Option) -> Schema:
    kinds: dict[Any, Schema] = {
        bool: {"enum": ["yes", "no"]},
        int: {"type": "integer"},
        float: {"type": "number"},
    }
    return kinds.get(option.kind, {"type": "string"})
