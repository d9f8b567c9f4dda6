"""The commented whyspend.toml that `whyspend init` writes."""

import json
import textwrap
from pathlib import Path
from typing import get_args

from msgspec.structs import fields

from whyspend.config.loading import FILE
from whyspend.config.model import Settings
from whyspend.errors import ConfigError

_HEAD = """\
# whyspend.toml: the settings of whyspend. Every key may be left out; what stands here is the default.
# A line with a '#' and no space after it is an example: take the '#' away to use it.
"""

_EXAMPLES = {
    "sources": """\
[sources.prod]
type = "langsmith"
api_key = "env:LANGSMITH_API_KEY"          # the name of an environment variable, never the key itself
endpoint = "https://eu.api.smith.langchain.com"
projects = ["prod-chat", "prod-agents"]    # default: all
""",
    "aliases": """\
[aliases.feature]
rag_search = "rag-search"
""",
    "attribution": """\
[[attribution]]
when = { project = "nightly-eval" }
set = { feature = "evals", env = "ci" }

[[attribution]]
when = { root_name = "re:^Support", "metadata.team" = ["cx", "cx-*"] }
set = { feature = "support-bot" }
""",
}
"""For the tables, which are empty by default."""


def template() -> str:
    """A whyspend.toml of every key with its default and one explanation, from the model."""
    parts = [_HEAD]
    for field in fields(Settings):
        described = textwrap.fill(get_args(field.type)[1].description, 108)
        example = _EXAMPLES.get(field.name)
        body = example or f"{field.name} = {json.dumps(field.default)}\n"
        parts.append(_behind("# ", described) + (_behind("#", body) if example else body))
    return "\n".join(parts)


def write_template(folder: Path) -> list[Path]:
    """Write whyspend.toml, and a line for the ledger into .gitignore. Return the files that were written.

    Raises:
        ConfigError: there is a whyspend.toml already, or the folder cannot be written.
    """
    path, ignored = folder / FILE, folder / ".gitignore"
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(template())
        return [path, ignored] if _ignore(ignored, Settings().ledger) else [path]
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already and was left as it is. Edit it, or delete it first."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be written: {error.strerror}. Check the folder."
        ) from None


def _ignore(path: Path, ledger: str) -> bool:
    """Add a line for the ledger, unless there is one."""
    before = path.read_bytes() if path.exists() else b""
    lines = {line.strip().strip(b"/") for line in before.splitlines()}
    if ledger.encode() in lines:
        return False
    separator = b"" if not before or before.endswith(b"\n") else b"\n"
    path.write_bytes(before + separator + f"{ledger}/\n".encode())
    return True


def _behind(sign: str, text: str) -> str:
    return "".join(f"{sign}{line}".rstrip() + "\n" for line in text.splitlines())
