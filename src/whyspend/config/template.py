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
    "prices": """\
[[prices]]
provider = "azure"
model = "our-gpt4o"                        # a deployment: priced as the model behind it
same_as = "openai/gpt-4o"

[[prices]]
provider = "ollama"
model = "llama3*"
per_second = 0.0006                        # a machine for $2.16 an hour
from = 2026-01-01

[[prices]]
model = "our-finetune"
input = 3.00                               # US dollars per million tokens
cache_read = 0.30
output = 12.00
tiers = [{ over = 200_000, input = 6.00, cache_read = 0.60, output = 18.00 }]
""",
    "discounts": """\
[[discounts]]
name = "contract 2026"
provider = "openai"
model = "gpt-*"
percent = 15
from = 2026-01-01
to = 2027-01-01
""",
    "free_quotas": """\
[[free_quotas]]
provider = "google"
model = "gemini-2.5-*"
unit = "web_searches"
per = "day"
amount = 1_500
""",
    "budgets": """\
[[budgets]]
name = "rag-search"
where = { feature = "rag-search", env = "production" }
period = "day"                             # hour, day, week, month, quarter, or "rolling 30d"
limit_usd = 2.00                           # or limit_tokens, or limit_calls
warn_at = [0.5, 0.8]

[[budgets]]
name = "any customer"
each = "customer_id"                       # one such budget for every customer
limit_usd = 50
""",
    "alerts": """\
[alerts.team]
type = "slack"
url = "env:SLACK_WEBHOOK_URL"

[alerts.oncall]
type = "pagerduty"
routing_key = "env:PAGERDUTY_ROUTING_KEY"
only = ["over_budget", "spike"]

[alerts.leads]
type = "slack"
token = "env:SLACK_BOT_TOKEN"              # of an app, which can post pictures; a webhook cannot
channel = "C0123456789"
only = ["digest"]                          # the week on one page: whyspend digest --notify
""",
    "spikes": """\
[spikes]
new_model = false
floor_usd = 20
""",
    "planned": """\
[[planned]]
name = "launch of the new search"
from = 2026-12-01
to = 2026-12-08                            # the first day after
where = { feature = "rag-search" }
note = "twice the traffic for a week"
""",
    "collector": """\
[collector]
api_key = "env:WHYSPEND_COLLECTOR_KEY"     # senders must give it; needed where others can reach the port
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
