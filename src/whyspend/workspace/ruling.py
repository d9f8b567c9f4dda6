"""What attribution rules do to the calls of the ledger, and what others would do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from whyspend.attribution import Rule, expressions, matches
from whyspend.config import Config
from whyspend.config import rules as written
from whyspend.errors import UsageError
from whyspend.model import Engine
from whyspend.workspace.keys import Key

ORIGINS: tuple[str | None, ...] = (None, "call", "ancestor", "root", "environment", "rule")
"""Where a value can be found (model.Attribution); a value that does not say so counts as the call's own."""


@dataclass(frozen=True)
class Trial:
    """A rule that is tried: nothing is changed by it."""

    line: str
    """The rule as a person wrote it."""
    toml: str
    """The entry of whyspend.toml that it would be."""
    matches: str
    """SQL over a ledger row: whether the call looks as the rule wants it, owned or not."""
    new: Mapping[str, Key]
    """By dimension that it sets: its value with the rule, after all that are configured."""


@dataclass(frozen=True)
class Rules:
    """The configured rules and aliases, as SQL of an engine."""

    config: Config
    engine: Engine

    @cached_property
    def values(self) -> dict[str, str]:
        """SQL of the value of each dimension over a ledger row, rules and aliases included."""
        return {dimension: value for dimension, (value, _) in self._expressions().items()}

    def origin(self, dimension: str) -> Key:
        """Where a call's value of a dimension was found (model.Attribution), to group by; NULL where there is none."""
        value, origin = self._expressions()[dimension]
        found = f"CASE WHEN {value} IS NOT NULL THEN coalesce({origin}, 'call') END"
        return Key(f"{dimension} from", found, "no")

    @property
    def origins(self) -> Key:
        """Where a call's values of all dimensions were found, in one number; `origins_of` takes it apart.

        One small number is grouped by at half the cost of a text for each dimension.
        """
        digits = []
        for at, (value, origin) in enumerate(self._expressions().values()):
            cases = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(ORIGINS[1:], 1))
            digit = f"CASE WHEN {value} IS NULL THEN 0 ELSE CASE {origin} {cases} ELSE 1 END END"
            digits.append(f"CAST({digit} AS BIGINT) * {len(ORIGINS) ** at}")
        return Key("origins", " + ".join(digits), "no")

    def origins_of(self, number: int) -> tuple[str | None, ...]:
        """Of each dimension where its value was found, from what `origins` groups by."""
        return tuple(
            ORIGINS[number // len(ORIGINS) ** at % len(ORIGINS)] for at in range(len(self.config.dimensions))
        )

    def tried(self, line: str) -> Trial:
        """A rule on trial.

        Raises:
            UsageError: it is no rule, or one that could not be used.
        """
        entry = written.parse(line, self.config.dimensions)
        new = self._expressions(entry.rule)
        keys = {name: Key(f"{name} with the rule", new[name][0], "no") for name in entry.rule.set}
        return Trial(line, written.toml(entry), matches(entry.rule, self.engine), keys)

    def proposed(self, when: Mapping[str, str], owners: Mapping[str, str]) -> tuple[str, str] | None:
        """A rule for calls that have just these values, as a line for `--try` and as TOML; None: no line can say it."""
        rule = Rule(when={key: written.literal(value) for key, value in when.items()}, set=owners)
        line = written.line_of(rule)
        try:
            same = written.parse(line, self.config.dimensions).rule == rule
        except UsageError:
            same = False
        return (line, written.toml(written.Written(rule))) if same else None

    def folded(self, dimension: str, spellings: Mapping[str, str]) -> str:
        """The TOML that folds spellings (spelling -> value) of a dimension."""
        return written.alias_toml(dimension, spellings)

    def _expressions(self, *more: Rule) -> dict[str, tuple[str, str]]:
        config = self.config
        return expressions(config.dimensions, (*config.attribution, *more), config.aliases, self.engine)
