"""A request that is not taken: a status, and a sentence that says why."""

from starlette.responses import JSONResponse, Response

RETRY_SECONDS = "1"


class RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def said(status: int, why: str) -> Response:
    """The answer."""
    # A body that is not read must not be taken for the next request on the connection.
    headers = {"Connection": "close"}
    if status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return JSONResponse({"detail": why}, status, headers=headers)
