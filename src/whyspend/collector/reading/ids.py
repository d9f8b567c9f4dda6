"""Ids as LangSmith's SDKs can read them: UUIDs. Those of the ledger are, or are spans' and traces' of OpenTelemetry.

A span's id is the last half of a UUID, as LangSmith itself shows it: 00f067aa0ba902b7 is
00000000-0000-0000-00f0-67aa0ba902b7. What is neither gets a UUID of its own, by which nothing is found.
"""

import re
import uuid
from functools import lru_cache

_HEX = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_HALF = "0" * 16


@lru_cache(4096)
def shown(call_id: str) -> str:
    """The UUID of an id."""
    plain = call_id.lower().replace("-", "")
    if _HEX.fullmatch(plain):
        return str(uuid.UUID(plain.rjust(32, "0")))
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"whyspend:run:{call_id}"))


def meant(text: str) -> tuple[str, ...]:
    """The ids that a ledger may hold where somebody asks for this one."""
    try:
        plain = uuid.UUID(text).hex
    except ValueError:
        return (text,)
    found = [str(uuid.UUID(plain)), plain]
    if plain.startswith(_HALF):
        found.append(plain.removeprefix(_HALF))
    return tuple(dict.fromkeys((text, *found)))


@lru_cache(1024)
def of_project(name: str) -> str:
    """The id of a project: the same for ever, so that who knows the name knows the id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"whyspend:project:{name}"))
