"""Bills of providers, kept beside the calls: what each charged, by UTC day.

    LEDGER/bills/<first 16 hex digits of the SHA-256 of the source's name>.json    one file for each source

A pull replaces whole days, so pulling twice changes nothing; replacing the file is the commit. A crash leaves the old
bill or the new, and readers need no lock.
"""

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from whyspend.errors import LedgerError
from whyspend.ledger import disk
from whyspend.ledger import manifest as manifests
from whyspend.model import Bill, Billed

FOLDER = "bills"
SCHEMA = 1


class _Line(Struct, frozen=True, array_like=True):
    provider: str
    model: str | None
    token_class: str | None
    usd: Decimal | None
    tokens: int | None


class _File(Struct, frozen=True):
    source: str
    days: dict[date, tuple[_Line, ...]]
    """Every day that was covered, with and without charges."""
    version: int = SCHEMA


def keep(root: Path, source: str, bill: Bill) -> bool:
    """Put the days that a bill covers in the place of those held; whether that changed anything.

    Raises:
        LedgerError: what is held cannot be read, another writer does not finish, or the folder cannot be written.
    """
    if bill.since is None or bill.until is None:
        return False
    with manifests.exclusive(root):
        held = _read(root, source)
        before = held.days if held else {}
        days = {day: lines for day, lines in before.items() if not bill.since <= day <= bill.until}
        for number in range(bill.since.toordinal(), bill.until.toordinal() + 1):
            day = date.fromordinal(number)
            days[day] = tuple(_line(each) for each in bill.lines if each.day == day)
        if days == before:
            return False
        _swap(root, _File(source, dict(sorted(days.items()))))
    return True


def read(root: Path, source: str) -> Bill | None:
    """What is held of a source's bill; None where nothing is.

    Raises:
        LedgerError: the file is damaged, or a later version wrote it.
    """
    held = _read(root, source)
    if held is None or not held.days:
        return None
    lines = tuple(
        Billed(day, each.provider, each.model, each.token_class, each.usd, each.tokens)
        for day, of_day in held.days.items()
        for each in of_day
    )
    return Bill(lines, min(held.days), max(held.days), _gap(sorted(held.days)))


def _gap(days: list[date]) -> tuple[str, ...]:
    missing = (days[-1] - days[0]).days + 1 - len(days)
    if not missing:
        return ()
    said = (
        f"The bill lacks {missing} of the days from {days[0]} to {days[-1]}: their calls look overcounted. "
        f"Pull them: whyspend pull --since {days[0]} --until {days[-1]}."
    )
    return (said,)


def _line(billed: Billed) -> _Line:
    return _Line(billed.provider, billed.model, billed.token_class, billed.usd, billed.tokens)


def _path(root: Path, source: str) -> Path:
    name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return root / FOLDER / f"{name}.json"


def _read(root: Path, source: str) -> _File | None:
    path = _path(root, source)
    try:
        return disk.decoded(path.read_bytes(), _File, SCHEMA, f"{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}. Check who may read it.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise LedgerError(
            f"{path} is not what whyspend wrote. Delete it and pull the bill again: nothing else is in it."
        ) from None


def _swap(root: Path, content: _File) -> None:
    path = _path(root, content.source)
    disk.make_folder(path.parent)
    disk.put(path, msgspec.json.encode(content))
