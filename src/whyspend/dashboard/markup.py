"""Pages: templates that escape every value, and the headers that keep a page from doing anything else."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from whyspend import __version__
from whyspend.charts import stylesheet

HERE = Path(__file__).parent

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing is loaded from anywhere else, and nothing that stands in a page runs."""

SAFE = {
    "X-Content-Type-Options": "nosniff",
    # No other site is told which page led there. `no-referrer` says more: a browser then sends `Origin: null` with a
    # form, also to this address (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

PAGE_HEADERS = {**SAFE, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"}


@cache
def templates() -> Environment:
    """The templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"version": __version__, "asset": asset}
    return made


def page(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page of a template and its values."""
    body = templates().get_template(template).render(values)
    return HTMLResponse(body, status, headers=PAGE_HEADERS)


@cache
def asset(name: str) -> str:
    """The address of a file that pages load. It changes with the file, so a browser may keep it for ever."""
    return f"/static/{hashlib.sha256(asset_bytes(name)).hexdigest()[:12]}/{name}"


@cache
def asset_bytes(name: str) -> bytes:
    """The content of such a file; the colours of pictures are with the style."""
    held = (HERE / "static" / name).read_bytes()
    return held + stylesheet().encode() if name == "app.css" else held
