"""By what a ledger is known, wherever its folder lies: random letters in the file `id`, made once."""

import re
import secrets
from pathlib import Path

from whyspend.errors import LedgerError
from whyspend.ledger import disk

_SHAPE = re.compile("[0-9a-f]{32}")


def known(root: Path) -> str:
    """The id of a ledger; empty where it has none yet.

    Raises:
        LedgerError: the file cannot be read.
    """
    try:
        found = (root / "id").read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LedgerError(
            f"{root / 'id'} cannot be read: {error.strerror or error}. Check who may read it."
        ) from None
    return found if _SHAPE.fullmatch(found) else ""


def made(root: Path) -> str:
    """The id of a ledger, which gets one where it has none. One process at a time may ask.

    Raises:
        LedgerError: the file cannot be read.
        OSError: it cannot be written.
    """
    if found := known(root):
        return found
    disk.make_folder(root)
    disk.put(root / "id", f"{secrets.token_hex(16)}\n".encode())
    return known(root)
