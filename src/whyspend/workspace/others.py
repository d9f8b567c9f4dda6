"""Whose figures the ledger is compared with: LangSmith's own, or those of a provider's bill."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import partial
from pathlib import Path
from typing import Any

from whyspend.config import Config
from whyspend.errors import InputError, UsageError
from whyspend.ledger import bills as kept
from whyspend.model import Bill, Window
from whyspend.pricing.names import PROVIDERS
from whyspend.reports.reconcile.sides import DIGITS, Amount, MapRow, Place, Seen, Shown, Theirs
from whyspend.reports.reconcile.split import Placing, differs
from whyspend.sources.langsmith import api, stats
from whyspend.wire import bills
from whyspend.workspace.windows import of_days

BILLING = "_billing"
"""How the types of sources end that bring bills instead of calls."""

EDGE = timedelta(milliseconds=1)
"""How near to the end of a day a run must begin, that a sum which counts it bounds its days otherwise."""

_EXACT = Context(prec=100)
_EPOCH = date(1970, 1, 1)

Recorded = Mapping[tuple[int, Place], Amount]
AskLangSmith = Callable[[str, Recorded, Placing], Theirs]


@dataclass(frozen=True)
class Others:
    """The other side of a comparison."""

    source: str = ""
    """The source whose calls are compared; empty: all calls."""
    bill: Bill | None = None
    langsmith: AskLangSmith | None = field(default=None, repr=False)
    """Asks LangSmith, given the metadata key to group by, what the ledger recorded, and which row is whose."""

    @staticmethod
    def seller(provider: str | None) -> str:
        """One name for a provider, however runs and bills spell it."""
        said = (provider or "unknown").strip().lower()
        return PROVIDERS.get(said.replace("-", "_").replace(" ", "_"), said)


def langsmith(config: Config, name: str, asked: Window) -> Others:
    """The figures of the LangSmith that a source pulls from; nothing is asked yet.

    Raises:
        UsageError: the source is of another type, or there are several and none was named.
    """
    known = [each for each, source in config.sources.items() if source.type == "langsmith"]
    if not name and len(known) != 1:
        said = (
            f"Give one of them: {', '.join(known)}" if known else "Compare with --recorded costs, or a --bill"
        )
        raise UsageError(f"There are {len(known)} sources of type langsmith. {said}.")
    chosen = name or known[0]
    source = config.source(chosen)
    if source.type != "langsmith":
        raise UsageError(
            f"The source {chosen!r} is of type {source.type}, which has no figures of its own. "
            "Compare with --recorded costs, or a --bill."
        )
    return Others(chosen, langsmith=partial(_asked, dict(source.options), asked))


def of_files(files: Sequence[Path]) -> Bill:
    """The bill in some files, together.

    Raises:
        InputError: one cannot be read.
    """
    found = []
    for path in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}. Give another file as --bill."
            ) from None
        found.append(bills.read(content, path.name))
    return together(found)


def fetched(config: Config, root: Path, name: str) -> Bill | None:
    """The bill that was pulled from a source of bills; None where the source is of another kind.

    Raises:
        UsageError: no source has this name, or nothing was pulled from it yet.
    """
    if name not in config.sources or not config.sources[name].type.endswith(BILLING):
        return None
    bill = kept.read(root, name)
    if bill is None:
        raise UsageError(f"The ledger holds no bill of {name!r} yet. Fetch it: whyspend pull {name}.")
    return bill


def together(found: Sequence[Bill]) -> Bill:
    """Several bills as one."""
    return Bill(
        tuple(line for each in found for line in each.lines),
        min((each.since for each in found if each.since), default=None),
        max((each.until for each in found if each.until), default=None),
        tuple(note for each in found for note in each.notes),
    )


def _asked(
    options: Mapping[str, Any], asked: Window, path: str, recorded: Recorded, place: Placing
) -> Theirs:
    server = api.connect(
        options.get("api_key", ""),
        options.get("endpoint", "https://api.smith.langchain.com"),
        options.get("workspace", ""),
        options.get("requests_per_10s", 0),
        options.get("in_flight", 1),
    )
    try:
        found = api.projects(server, options.get("projects", ()))
        if not found:
            return Theirs((), {}, {}, ("LangSmith has no project in this workspace.",))
        api.choose_version(server, found[0], options.get("requests_per_10s", 0))
        return _Comparison(server, [project.id for project in found], asked, path).against(recorded, place)
    finally:
        server.web.close()


class _Comparison:
    """One conversation with LangSmith about the days of a window."""

    def __init__(self, server: api.Server, ids: Sequence[str], asked: Window, path: str) -> None:
        self._server, self._ids, self._asked, self._path = server, ids, asked, path
        self._notes: list[str] = []

    def against(self, recorded: Recorded, place: Placing) -> Theirs:
        """LangSmith's figures; the single runs of those days that differ; its prices."""
        shown: list[Shown] = []
        listed: dict[int, list[Seen]] = {}
        for number in self._days():
            of_day = list(self._shown(number))
            shown += of_day
            if self._differs(number, of_day, recorded, place):
                calls = sum(figure.amount.calls for figure in of_day)
                if calls <= stats.MOST_LISTED[self._server.version]:
                    listed[number] = self._listed(number)
                else:
                    self._note(f"Days of more than {stats.MOST_LISTED[self._server.version]:,} runs were not "
                               "looked at run by run: their difference is unexplained.")  # fmt: skip
        return Theirs(shown, listed, self._prices(), tuple(self._notes))

    def _days(self) -> Iterator[int]:
        for offset in range((self._asked.until - self._asked.since).days + 1):
            yield (self._asked.since - _EPOCH).days + offset

    def _bounds(self, number: int) -> Window:
        day = _EPOCH + timedelta(days=number)
        return of_days(day, day, self._asked.timezone)

    def _shown(self, number: int) -> Iterator[Shown]:
        day = self._bounds(number)
        rest = _amount(stats.whole(self._server, self._ids, day.start, day.end))
        if self._path:
            groups, complete = stats.grouped(self._server, self._ids, day.start, day.end, self._path)
            for value, figures in groups.items():
                yield Shown(number, value or None, _amount(figures))
                rest -= _amount(figures)
            if not complete:
                self._note(
                    f"LangSmith has more values of {self._path} than it names; the rest is with the untagged."
                )
        yield Shown(number, None, rest)

    def _differs(self, number: int, shown: Sequence[Shown], recorded: Recorded, place: Placing) -> bool:
        theirs: dict[Place, Amount] = {}
        for figure in shown:
            where = place(number, figure.value)
            theirs[where] = theirs.get(where, Amount()) + figure.amount
        held = {where: amount for (day, where), amount in recorded.items() if day == number}
        return any(
            differs(theirs.get(where, Amount()), held.get(where, Amount())) for where in {**theirs, **held}
        )

    def _listed(self, number: int) -> list[Seen]:
        day = self._bounds(number)
        runs = list(stats.listed(self._server, self._ids, day.start, day.end, self._path))
        outer = {parent for run in runs for parent in run.parent_run_ids or ()}
        amounts = {run.id: Amount(1, run.total_tokens or 0, _pico_units(run.total_cost)) for run in runs}
        if self._server.version == "v1":
            amounts = _own(runs, amounts)
        return [
            Seen(
                run_id=run.id,
                day=number,
                value=run.value(self._path) if self._path else None,
                pending=(run.status or "").lower() == "pending",
                outer=run.id in outer,
                edge=run.began >= day.end,
                amount=amounts[run.id],
            )
            for run in runs
            if run.began <= day.end + EDGE
        ]

    def _prices(self) -> dict[str, MapRow]:
        rows = stats.price_map(self._server)
        if rows is None:
            self._note(
                "LangSmith does not show its price table to this key: its prices are guessed from its costs."
            )
        return {row.id: _row(row) for row in rows or ()}

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def _own(runs: Sequence[stats.Run], amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """What each run used itself: in v1 the tokens and costs of a run include those of the runs below it."""
    own = dict(amounts)
    for run in runs:
        above = next((parent for parent in reversed(run.parent_run_ids or ()) if parent in own), None)
        if above is not None:
            own[above] -= Amount(0, amounts[run.id].tokens, amounts[run.id].units)
    return own


def _amount(figures: stats.Stats) -> Amount:
    return Amount(figures.run_count or 0, figures.total_tokens or 0, _units(figures.total_cost))


def _units(usd: Decimal | None) -> int:
    """Dollars as whole 1e-24 dollars."""
    return int(usd.scaleb(DIGITS, _EXACT).to_integral_value()) if usd else 0


def _pico_units(usd: Decimal | None) -> int:
    """The same in whole pico-dollars, as the ledger keeps the cost of a run."""
    return int(usd.scaleb(12, _EXACT).to_integral_value()) * 10**12 if usd else 0


def _row(price: stats.Price) -> MapRow:
    return MapRow(
        id=price.id,
        name=price.name or price.id,
        prompt=_units(price.prompt_cost),
        completion=_units(price.completion_cost),
        prompt_details=_details(price.prompt_cost_details),
        completion_details=_details(price.completion_cost_details),
    )


def _details(details: Mapping[str, Decimal | None] | None) -> dict[str, int]:
    return {name: _units(usd) for name, usd in (details or {}).items() if usd is not None}
