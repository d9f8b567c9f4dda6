"""What a file of the ledger looks like, and how a file with other dimensions is read as if it had today's."""

from collections.abc import Sequence

from whyspend.model import COLUMNS, Engine


def columns_of(dimensions: Sequence[str], engine: Engine) -> list[tuple[str, str]]:
    """(name, type) of every column of a ledger file; the names of dimensions are quoted."""
    names = [(column.name, column.sql) for column in COLUMNS]
    for name in dimensions:
        names += [(engine.identifier(name), "VARCHAR"), (engine.identifier(f"{name}_from"), "VARCHAR")]
    return names


def names_of(dimensions: Sequence[str], engine: Engine) -> str:
    """The names of all columns, for a SELECT."""
    return ", ".join(name for name, _ in columns_of(dimensions, engine))


def empty(dimensions: Sequence[str], engine: Engine) -> str:
    """All columns without a value, for a SELECT that yields no row."""
    return ", ".join(f"CAST(NULL AS {sql}) AS {name}" for name, sql in columns_of(dimensions, engine))


def promoted(engine: Engine, paths: list[str], held: Sequence[str], wanted: Sequence[str]) -> str:
    """A relation of ledger files as if they had been written with the wanted dimensions.

    A key that was not configured when a file was written moves out of its metadata into a column; one that no
    longer is moves back. What the process was tagged with is not in the metadata, so only a new pull brings it.
    """
    if tuple(held) == tuple(wanted):
        return engine.scan(paths)
    lost = [name for name in held if name not in wanted]
    gained = [name for name in wanted if name not in held]
    cells = [column.name for column in COLUMNS if column.name != "metadata"]
    cells.append(f"{_moved(engine, lost, gained)} AS metadata")
    for name in wanted:
        column, source = engine.identifier(name), engine.identifier(f"{name}_from")
        if name in held:
            cells += [column, source]
        else:
            value = f"nullif(trim({engine.json_text('metadata', name)}), '')"
            cells += [f"{value} AS {column}", f"CASE WHEN {value} IS NOT NULL THEN 'call' END AS {source}"]
    return f"(SELECT {', '.join(cells)}, day FROM {engine.scan(paths)})"


def _moved(engine: Engine, lost: Sequence[str], gained: Sequence[str]) -> str:
    """SQL of the metadata with dimensions that lose their columns put back, and those that gain one taken out.

    A merge patch (RFC 7396) sets keys, and removes those that it gives as null.
    """
    if not lost and not gained:
        return "metadata"  # the same dimensions in another order
    pairs = [f"{engine.literal(name)}, {engine.identifier(name)}" for name in lost]
    pairs += [f"{engine.literal(name)}, NULL" for name in gained]
    patch = f"json_object({', '.join(pairs)})"
    held = "coalesce(CAST(metadata AS JSON), CAST('{}' AS JSON))"
    return f"nullif(CAST(json_merge_patch({held}, {patch}) AS VARCHAR), '{{}}')"
