"""The stages joined: pull brings calls in, ask answers questions. The only place where stages meet."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from inspect import signature
from pathlib import Path
from typing import Any

from whyspend import registry
from whyspend.config import Config
from whyspend.errors import ConfigError
from whyspend.ledger import Ledger, Published, Writer, bills, identity
from whyspend.ledger import prices as kept
from whyspend.model import Batch, Bill, Engine, Progress, Table, Window
from whyspend.pricing.plan import Basis, Prices
from whyspend.workspace import comparing, prices, whatif
from whyspend.workspace.adjusting import of_closed
from whyspend.workspace.answer import Answer, answer
from whyspend.workspace.data import Data
from whyspend.workspace.guarding import Guards
from whyspend.workspace.missing import reached
from whyspend.workspace.ruling import Rules
from whyspend.workspace.watching import Watch
from whyspend.workspace.windows import window

PUBLISH_AT = 50_000
"""Calls held in memory (as Arrow, about 500 bytes each) before they are published within a step."""

PULL_MEMORY = "400MB"
"""What the engine may use while it merges a day; a larger day spills to a temporary folder."""


@dataclass(frozen=True)
class Pulled:
    """What a pull has published so far."""

    source: str
    calls: int = 0
    """New, or changed."""
    removed: int = 0
    pending: int = 0
    """Runs that had not ended; the next pull picks them up."""
    seen: int = 0
    """Calls that the source handed over."""
    complete: bool = False
    billed: int | None = None
    """Lines of a bill that it handed over instead; None: it is no source of bills."""
    notes: tuple[str, ...] = ()
    """What the source could not read."""


@dataclass
class Workspace:
    """A configuration, its ledger, its prices, and an engine to ask."""

    config: Config
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    memory_limit: str = ""

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger that is configured."""
        if "://" in self.config.ledger:
            raise ConfigError(
                f"The ledger {self.config.ledger} is an address; this version keeps ledgers in folders. "
                "Give a folder as `ledger`."
            )
        if re.search("[\ud800-\udfff]", self.config.ledger):
            raise ConfigError(
                f"The name of the ledger {self.config.ledger!a} is not UTF-8. Give a folder with another name."
            )
        return Ledger(Path(self.config.ledger))

    @cached_property
    def engine(self) -> Engine:
        """The engine, opened on first use."""
        opened: Engine = registry.load("engines", "duckdb").connect(memory_limit=self.memory_limit)
        return opened

    def window(self, since: str = "", until: str = "", timezone: str = "") -> Window:
        """The days that a question is about; the configured time zone unless another is given."""
        return window(since, until, timezone or self.config.timezone, self.now)

    def pull(
        self,
        name: str,
        asked: Window,
        *,
        full: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Iterator[Pulled]:
        """Bring in the calls of a source, step by step; each step is published whole before it is reported.

        Args:
            name: a configured source.
            asked: the days.
            full: read everything of these days again, whatever the ledger holds.
            on_progress: told how far the source has come.
        """
        source = self.config.source(name)
        held = self.ledger.snapshot().manifest.watermarks.get(name, {})
        engine = registry.load("engines", "duckdb").connect(memory_limit=PULL_MEMORY, threads=1)
        try:
            writer = self.ledger.writer(
                engine, name, self.config.dimensions, replace_damaged=full, asked=asked
            )
            read = registry.load("sources", source.type).read
            batches: Iterator[Batch] = read(
                asked,
                source=name,
                dimensions=self.config.dimensions,
                watermarks=held,
                full=full,
                on_progress=on_progress or _ignore,
                **self.known_to(read),
                **source.options,
            )
            keep = partial(bills.keep, self.ledger.root, name)
            for done in _publishing(Pulled(name), batches, writer, keep):
                if done.seen:
                    prices.keep_first(self.ledger.root)
                yield done
        finally:
            engine.close()

    def known_to(self, source: Callable[..., object]) -> dict[str, str]:
        """Which ledger this is, for a function of a source that asks for it: a collector's calls are in one already."""
        if "ledger_id" not in signature(source).parameters:
            return {}
        return {"ledger_id": identity.known(self.ledger.root)}

    def ask(
        self,
        report: str,
        asked: Window,
        *,
        where: Sequence[str] = (),
        basis: Basis | None = None,
        for_terminal: bool = False,
        pictures: bool = False,
        others: Any = None,
        **options: Any,
    ) -> Answer:
        """Answer a question. `options` are those that the report's `run` names; `others` is others.Others.

        With `pictures` the answer has its charts, which may cost more queries.
        """
        data = self.data(
            asked, where=where, basis=basis, for_terminal=for_terminal, pictures=pictures, others=others
        )
        found: Table = registry.load("reports", report).run(data, **options)
        if where and found.rows:
            # A figure that is passed on must say what it is of.
            found = replace(found, notes=(f"Only calls with {' and '.join(where)}.", *found.notes))
        return answer(found)

    def data(
        self,
        asked: Window,
        *,
        where: Sequence[str] = (),
        basis: Basis | None = None,
        for_terminal: bool = False,
        pictures: bool = False,
        others: Any = None,
    ) -> Data:
        """The view of the ledger as it is now that a question gets."""
        held, snapshot = kept.read(self.ledger.root), self.ledger.snapshot()
        return Data(
            engine=self.engine,
            window=asked,
            snapshot=snapshot,
            attribution=self.attribution,
            prices=self._prices(held),
            basis=basis or Basis(),
            where=tuple(where),
            for_terminal=for_terminal,
            pictures=pictures,
            closed=held.closed if held else (),
            booked=of_closed(held.adjustments) if held else (),
            quotas=prices.quotas(held, self.config.free_quotas),
            newer=partial(prices.newer, self.ledger.root, held),
            rules=self.rules,
            others=others,
            guards=Guards(self.config.budgets, self.now, self.config.spikes.floor_usd),
            watch=Watch(self.config.planned, self.config.spikes.floor_usd, self.now),
            comparing=partial(comparing.asked, now=self.now),
            repricing=whatif.asked,
            reached=reached(self.config, snapshot.manifest, self.now),
        )

    @property
    def prices(self) -> Prices:
        """The ledger's price book with the user's own prices and discounts; frozen ones for the closed months.

        Raises:
            LedgerError: what the ledger is priced with is missing or changed.
            ConfigError: an entry of [[prices]] that cannot be used.
        """
        return self._prices(kept.read(self.ledger.root))

    def _prices(self, held: kept.Basis | None) -> Prices:
        return prices.of_ledger(self.ledger.root, held, self.config.prices, self.config.discounts)

    @property
    def attribution(self) -> Mapping[str, str]:
        """SQL of the value of each dimension over a ledger row, rules and aliases included."""
        return self.rules.values

    @cached_property
    def rules(self) -> Rules:
        """Who owns the calls that do not say so themselves, in the words of the engine."""
        return Rules(self.config, self.engine)


def _publishing(
    done: Pulled, batches: Iterator[Batch], writer: Writer, keep: Callable[[Bill], bool]
) -> Iterator[Pulled]:
    """Publish each step when it is whole, and a large one in parts; bills go beside the calls."""
    for batch in batches:
        if batch.billed is not None:
            keep(batch.billed)
            done = replace(done, billed=(done.billed or 0) + len(batch.billed.lines))
        writer.add(batch)
        done = replace(done, pending=done.pending + batch.pending, notes=(*done.notes, *batch.notes))
        if batch.watermarks is not None or writer.waiting >= PUBLISH_AT:
            done = _with(done, writer.commit(batch.watermarks))
            yield done
    yield replace(_with(done, writer.commit()), complete=True)


def _with(done: Pulled, news: Published) -> Pulled:
    return replace(
        done, calls=done.calls + news.calls, removed=done.removed + news.removed, seen=done.seen + news.seen
    )


def _ignore(_: Progress) -> None:
    return None
