"""How the bills of providers are read: page after page, each once, to the last."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from whyspend.errors import InputError, SourceError
from whyspend.net import Refused, Web


def pages(web: Web, path: str, params: Mapping[str, str | int], key_help: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a report: `{"data": [...], "has_more": true, "next_page": "..."}`.

    Raises:
        SourceError: the key is refused, the server does not answer usefully, or its paging leads back or nowhere.
    """
    followed: set[str] = set()
    more: dict[str, str] = {}
    while True:
        try:
            page = web.ask("GET", path, _read, params={**params, **more})
        except Refused as error:
            if error.status in (401, 403):
                raise SourceError(f"{web.address} refused the key ({error.status}). {key_help}") from None
            raise SourceError(f"{error}. Update whyspend, or report it with this line.") from None
        yield page
        cursor = page.get("next_page")
        if not page.get("has_more"):
            return
        if not isinstance(cursor, str) or not cursor:
            raise SourceError(
                f"{web.address}{path} says that more pages follow, and not where. Pull again later."
            )
        if cursor in followed:
            raise SourceError(f"{web.address}{path} sends the same page again and again. Pull again later.")
        followed.add(cursor)
        more = {"page": cursor}


def _read(body: bytes) -> dict[str, Any]:
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(str(error)) from None
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise InputError("a page without data")
    return page
