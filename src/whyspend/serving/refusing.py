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
    """The answer. What is still sent of the body is read past by the server, so the sender sees the answer, and the
    connection can be used again; for how long, says connections.HEAD_SECONDS."""
    return JSONResponse({"detail": why}, status, headers=headers_of(status))


def headers_of(status: int) -> dict[str, str]:
    """The headers of a refusal."""
    return {"Retry-After": RETRY_SECONDS} if status == 503 else {}
