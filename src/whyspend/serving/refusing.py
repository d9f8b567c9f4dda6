"""A request that is not taken: a status, and a sentence that says why."""

from html import escape

from starlette.responses import HTMLResponse, JSONResponse, Response

RETRY_SECONDS = "1"


class RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def said(status: int, why: str) -> Response:
    """The answer. What is still sent of the body is read past by the server, so the sender sees the answer, and the
    connection can be used again; for how long, says connections.HEAD_SECONDS."""
    return JSONResponse({"detail": why}, status, headers=headers_of(status))


def headers_of(status: int) -> dict[str, str]:
    """The headers of a refusal."""
    return {"Retry-After": RETRY_SECONDS} if status == 503 else {}


_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>whyspend</title>
<p>{said} <a href="{address}">{shown}</a></p>
</html>
"""


def followed(address: str) -> Response:
    """The answer to a link on another site's page: nothing is worked out until the person follows it from here.

    `address` is the path and the query.
    """
    # A path that begins with two slashes would be another site's address.
    own = "/" + address.lstrip("/\\")
    return _page(403, "A page of another site led here, so nothing was asked yet. To see it:", own, own)


def missing() -> Response:
    """The answer to a person who looks for a page that is not there."""
    return _page(404, "There is no such page. There is:", "/", "the overview")


def _page(status: int, said: str, address: str, shown: str) -> Response:
    """A sentence and a link, for a person in a browser."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    body = _PAGE.format(said=said, address=escape(address), shown=escape(shown))
    return HTMLResponse(body, status, headers=headers)
