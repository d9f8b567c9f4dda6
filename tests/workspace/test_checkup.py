"""What `doctor` finds in the ledger: dimensions, their spellings, and how old the newest call is."""

from pathlib import Path

import msgspec
from tests.reports.ledgers import NOW, place
from tests.workspace.test_keys import CALL

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Batch, Call, Finding
from whyspend.workspace import Workspace
from whyspend.workspace.checkup import findings


def found(engine: DuckDB, folder: Path, held: list[Call], section: str, config: str = "") -> list[Finding]:
    opened = place(folder, engine, held, f'dimensions = ["feature", "env"]\n{config}')
    return [finding for part, finding in findings(opened) if part == section]


def tagged(*features: str | None, started_at: int = CALL.started_at) -> list[Call]:
    return [
        msgspec.structs.replace(
            CALL, call_id=str(n), trace_id=str(n), started_at=started_at, dimensions=(feature, None)
        )
        for n, feature in enumerate(features)
    ]


def test_spellings_of_one_value_are_found_and_an_alias_proposed(engine: DuckDB, tmp_path: Path) -> None:
    held = tagged("rag-search", "rag-search", "rag_search", "RAG search", "chat", None)
    seen, variants, env = found(engine, tmp_path, held, "dimensions")
    assert seen.what.startswith("feature: on 83.3 % of the calls of 30 days: rag-search, ")
    assert variants.level == "problem"
    assert variants.next_step == (
        'Fold them in whyspend.toml: [aliases.feature] "RAG search" = "rag-search"; "rag_search" = "rag-search".'
    )
    assert (env.level, env.what) == ("empty", "env: on none of the last 6 calls")


def test_a_proposed_alias_is_toml_whatever_the_value(engine: DuckDB, tmp_path: Path) -> None:
    held = tagged('a"b', 'a"b', 'A"B')
    (variants,) = [f for f in found(engine, tmp_path, held, "dimensions") if f.level == "problem"]
    line = variants.next_step.partition("[aliases.feature] ")[2].rstrip(".")
    config = f"[aliases.feature]\n{line}\n"
    assert not [f for f in found(engine, tmp_path, held, "dimensions", config) if f.level == "problem"]


def test_the_share_is_of_all_calls_however_many_values_there_are(engine: DuckDB, tmp_path: Path) -> None:
    held = tagged(*(f"customer {n:05}" for n in range(2_500)), *(None for _ in range(2_500)))
    (seen, *_) = found(engine, tmp_path, held, "dimensions")
    assert seen.what.startswith("feature: on 50.0 % of the calls of 30 days:")


def test_an_old_ledger_is_a_problem_and_a_fresh_one_is_not(engine: DuckDB, tmp_path: Path) -> None:
    fresh = found(engine, tmp_path / "a", tagged("x", started_at=int(NOW.timestamp()) * 1_000_000), "ledger")
    assert [finding.level for finding in fresh] == ["ok"]
    old = found(engine, tmp_path / "b", tagged("x"), "ledger")
    assert [finding.level for finding in old] == ["ok", "problem"]
    assert (
        "Pull daily, before the source forgets: LangSmith keeps base traces for 14 days only."
        in old[1].next_step
    )


def test_calls_that_came_in_two_ways_are_counted_and_named(engine: DuckDB, tmp_path: Path) -> None:
    held = tagged("x", "y", "z", started_at=int(NOW.timestamp()) * 1_000_000)
    opened = place(tmp_path, engine, held, 'dimensions = ["feature", "env"]\n')
    assert not twice_held(opened)
    writer = opened.ledger.writer(engine, "collector", ("feature", "env"))
    writer.add(Batch(calls=[*held[:2], msgspec.structs.replace(held[2], call_id="of its own")]))
    writer.commit()
    (twice,) = twice_held(opened)
    assert twice.what == f"2 calls are held under 2 sources (collector, {CALL.source}): each counts twice"
    assert "--where source=collector" in twice.next_step


def twice_held(opened: Workspace) -> list[Finding]:
    return [each for part, each in findings(opened) if part == "ledger" and "sources" in each.what]


def test_a_damaged_file_is_a_problem_beside_the_others_and_hides_none(engine: DuckDB, tmp_path: Path) -> None:
    opened = place(tmp_path, engine, tagged("x"), 'dimensions = ["feature", "env"]\n')
    (held,) = opened.ledger.snapshot().manifest.files
    (opened.ledger.root / held.path).write_bytes(b"cut")
    told = list(findings(opened))
    assert [part for part, each in told if "is cut or grown" in each.what] == ["dimensions"]
    assert {"configuration", "ledger", "prices", "dimensions"} <= {part for part, _ in told}
    (way_out,) = [each.next_step for _, each in told if "is cut or grown" in each.what]
    assert way_out.startswith("Restore it from a backup, or pull that day anew: whyspend pull ")
