"""What `whyspend coverage` does beside answering: it writes rules, and it fails where too little has an owner."""

import json
from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from whyspend.cli.common import put_in_place
from whyspend.config import rules
from whyspend.errors import ConfigError, InputError, UsageError
from whyspend.ledger.lock import alone_with
from whyspend.model import Table
from whyspend.workspace import Workspace

ALL = 0
"""`--suggest` without a number."""

STEP = Decimal("0.1")
"""Percent. What a ratchet holds is rounded down to this, so that a day more or less in the window does not fail."""

_EXACT = Context(prec=100)

Ask = Callable[..., Table]
Finish = Callable[[], int]

OPTIONS = (
    click.Option(
        ["--dimension", "--by", "dimension"],
        default="",
        help="Whose untagged calls to look at. Default: the first configured dimension.",
    ),
    click.Option(
        ["--suggest"],
        type=int,
        is_flag=False,
        flag_value=ALL,
        metavar="[N]",
        help="Propose rules for the untagged, with what each would settle; with a number, what that one would move.",
    ),
    click.Option(["--write"], is_flag=True, help="Append the rule of --try or --suggest N to whyspend.toml."),
    click.Option(
        ["--fail-under"],
        metavar="PERCENT",
        help="Exit with 1 if less of the dollars than this have an owner.",
    ),
    click.Option(
        ["--ratchet"],
        type=click.Path(path_type=Path),
        help="Exit with 1 if coverage is below the best so far, which this file holds.",
    ),
)
"""In place of, and beside, those that follow from the report."""


def answered(place: Workspace, ask: Ask, given: dict[str, Any]) -> tuple[Table, Finish]:
    """The answer, and what to do once it is written, which says the exit code.

    Raises:
        UsageError: options that do not go together.
        ConfigError: there is no file to write to.
    """
    write, number = given.pop("write"), given.pop("suggest", None)
    bar, ratchet = _percent(given.pop("fail_under", None)), given.pop("ratchet", None)
    _refuse_mixtures(given, write, number, gated=bar is not None or ratchet is not None)
    target = _target(place) if write else None
    if number:
        given["try_"] = _proposed(ask(**{**given, "suggest": True, "top": 0}), number)
    answer = ask(**given, suggest=number == ALL)

    def finish() -> int:
        if target is not None:
            rules.append(target, rules.parse(given["try_"], place.config.dimensions))
            click.echo(f"Written to {target}. It holds for the past, too: no pull is needed.", err=True)
        return _gated(answer, given.get("dimension") or place.config.dimensions[0], bar, ratchet)

    return answer, finish


def _refuse_mixtures(given: Mapping[str, Any], write: bool, number: int | None, *, gated: bool) -> None:
    if write and not given.get("try_") and not number:
        raise UsageError(
            "--write needs to know what: give --try RULE, or the number of a proposal: --suggest N."
        )
    if number is not None and (given.get("try_") or given.get("variants")):
        raise UsageError("--try, --suggest and --variants are questions of their own. Give one of them.")
    if number is not None and number < ALL:
        raise UsageError(f"--suggest {number} is no proposal. They are numbered from 1.")
    if gated and (given.get("try_") or given.get("variants") or number is not None):
        raise UsageError(
            "--fail-under and --ratchet measure what is: leave out --try, --suggest and --variants."
        )


def _target(place: Workspace) -> Path:
    if place.config.path is None:
        raise ConfigError(
            "There is no whyspend.toml to write to, here or above. Write one first: whyspend init."
        )
    return place.config.path


def _proposed(answer: Table, number: int) -> str:
    """The rule of a proposal, as `--try` takes it."""
    if number > len(answer.rows):
        count = len(answer.rows)
        raise UsageError(
            f"There is no proposal {number}: there are {count}. See: whyspend coverage --suggest."
        )
    at = [column.name for column in answer.columns].index("rule")
    return str(answer.rows[number - 1][at])


# Gates


def _percent(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        percent = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 <= percent <= 100):
        raise UsageError(
            f"--fail-under {text[:20]!r} is no percentage from 0 to 100. Example: --fail-under 95."
        )
    return percent


def _gated(answer: Table, dimension: str, bar: Decimal | None, ratchet: Path | None) -> int:
    """1 where a gate failed. Both are looked at, so that the ratchet holds the best in any case."""
    if bar is None and ratchet is None:
        return 0
    owned = _owned_percent(answer, dimension)
    failed = []
    if bar is not None and owned < bar:
        failed.append(f"{_shown(owned)} % of the dollars have a {dimension}, less than {bar} %")
    if ratchet is not None and (best := _best(ratchet, dimension, owned)) > owned:
        failed.append(
            f"{_shown(owned)} % of the dollars have a {dimension}, less than the best so far, {best} %"
        )
    for message in failed:
        click.echo(f"whyspend: {message}. The table names the places to fix.", err=True)
    return 1 if failed else 0


def _owned_percent(answer: Table, dimension: str) -> Decimal:
    """Exact to a hundred digits: of the dollars of calls, those with an owner."""
    at = {column.name: place for place, column in enumerate(answer.columns)}
    owned = whole = Decimal(0)
    for row in answer.rows:
        cost, owner = row[at["cost_usd"]], row[at["owner"]]
        if row[at["dimension"]] == dimension and owner != "(adjustment)" and isinstance(cost, Decimal):
            whole = _EXACT.add(whole, cost)
            owned = owned if owner == "untagged" else _EXACT.add(owned, cost)
    if not whole:
        raise UsageError(
            "No call of these days has a price above 0: there is no coverage to measure. Pull first."
        )
    return _EXACT.divide(_EXACT.multiply(owned, Decimal(100)), whole)


def _shown(owned: Decimal) -> Decimal:
    return owned.quantize(Decimal("0.01"), rounding=ROUND_FLOOR)


def _best(path: Path, dimension: str, owned: Decimal) -> Decimal:
    """The best of a dimension so far, which the file holds from now on: `{"feature": "97.3"}`."""
    with alone_with(path):
        held = _held(path)
        best = held.get(dimension, Decimal(0))
        reached = owned.quantize(STEP, rounding=ROUND_FLOOR)
        if dimension not in held or reached > best:
            body = {**held, dimension: reached}
            put_in_place(path, f"{json.dumps({name: str(each) for name, each in body.items()})}\n".encode())
        return best


def _held(path: Path) -> dict[str, Decimal]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
        best = {str(name): Decimal(value) for name, value in content.items()}
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        best = {"": Decimal(-1)}
    if not all(each.is_finite() and 0 <= each <= 100 for each in best.values()):
        raise InputError(
            f"{path} holds no ratchet of whyspend. Give another file, or delete it to begin anew."
        )
    return best
