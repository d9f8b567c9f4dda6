"""whyspend.toml: found, read once, checked."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from whyspend.config.channels import channels
from whyspend.config.checks import literal_secrets, nul_faults, setting_faults
from whyspend.config.fitting import misfit, reason
from whyspend.config.lines import Document, Place
from whyspend.config.model import Config, Settings
from whyspend.config.sources import DEFAULT_SOURCE, SourceConfig, has_key
from whyspend.errors import ConfigError

FILE = "whyspend.toml"

MONEY = ("prices", "discounts", "free_quotas", "budgets", "spikes", "planned")
"""The keys whose numbers are read as they are written: 0.1 is one tenth, not the nearest binary fraction. Messages
about a list of them name the entry."""


def find(start: Path) -> Path | None:
    """The whyspend.toml of a folder, or of the nearest folder above that has one."""
    folder = start.resolve()
    return next((path for parent in (folder, *folder.parents) if (path := parent / FILE).is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read a configuration file; without one, all defaults. Imports no source.

    Raises:
        ConfigError: the file cannot be read, or something in it cannot be used; with the line.
    """
    document = Document(path, _text(path) if path else "")
    content = document.parsed(exact=MONEY)
    for place, message in nul_faults(content):
        raise document.error(place, message)
    settings = _settings(content, document)
    for place, message in setting_faults(settings):
        raise document.error(place, message)
    return Config(
        path=path,
        timezone=settings.timezone,
        ledger=_ledger(settings.ledger, document),
        dimensions=settings.dimensions,
        sources=MappingProxyType(_sources(settings)),
        is_source_named=bool(settings.sources),
        is_source_configured=bool(settings.sources) or has_key(DEFAULT_SOURCE, environ),
        aliases=MappingProxyType({key: MappingProxyType(folds) for key, folds in settings.aliases.items()}),
        attribution=settings.attribution,
        prices=settings.prices,
        discounts=settings.discounts,
        free_quotas=settings.free_quotas,
        budgets=settings.budgets,
        alerts=MappingProxyType(channels(settings.alerts)),
        spikes=settings.spikes,
        planned=settings.planned,
        collector=settings.collector,
        warnings=tuple(document.pointing(*found) for found in literal_secrets(settings)),
        document=document,
        environ=environ,
    )


def _text(path: Path) -> str:
    try:
        # Notepad puts a byte order mark before UTF-8.
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}. `whyspend init` writes one.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Check what it is and who may read it."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8. Save it as UTF-8.") from None


def _settings(content: dict[str, Any], document: Document) -> Settings:
    try:
        return msgspec.convert(content, Settings)
    except msgspec.ValidationError as error:
        place, message = misfit(content, Settings) or ((), reason(error))
        raise document.error(place, _entry(place, content) + message) from None


def _entry(place: Place, content: Mapping[str, Any]) -> str:
    """Which of the entries about money a place is in: `[[prices]] entry 3 (azure/our-gpt4o): `."""
    if len(place) < 2 or place[0] not in MONEY or not isinstance(place[1], int):
        return ""
    entry = content[place[0]][place[1]]
    if not isinstance(entry, dict):
        return f"[[{place[0]}]] entry {place[1] + 1}: "
    names = ("name",) if place[0] in ("budgets", "planned") else ("provider", "model")
    named = [entry[key] for key in names if isinstance(entry.get(key), str)]
    return f"[[{place[0]}]] entry {place[1] + 1}{' (' + '/'.join(named) + ')' if named else ''}: "


def _ledger(written: str, document: Document) -> str:
    if "://" in written:
        return written
    try:
        folder = Path(written).expanduser()
    except RuntimeError:
        raise document.error(
            ("ledger",), "'ledger' begins with '~', and there is no such home folder."
        ) from None
    return str(document.path.parent / folder) if document.path else str(folder)


def _sources(settings: Settings) -> dict[str, SourceConfig]:
    if not settings.sources:
        return {DEFAULT_SOURCE: SourceConfig(DEFAULT_SOURCE, DEFAULT_SOURCE, MappingProxyType({}))}
    return {
        name: SourceConfig(name, options["type"], MappingProxyType(_without_type(options)))
        for name, options in settings.sources.items()
    }


def _without_type(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "type"}
