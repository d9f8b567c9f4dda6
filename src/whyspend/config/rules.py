"""An attribution rule as one line (`when project=nightly-eval set feature=evals`), and as an entry of whyspend.toml.

The line is read as a shell reads it: words are parted by blanks, and quotes keep blanks together. Between `when` and
`set` stand conditions, all of which must hold; after `set` the dimensions and their values. Several may stand in one
word, parted by commas, or in several words with or without `and`:

    when project=nightly-eval set feature=evals
    when root_name='re:^Support' and metadata.team='cx|cx-*' set feature=support-bot,env=production
    when project=batch set feature=imports  # moved here in October

`a|b` is a list of which any may match; in a regular expression (`re:`) it is part of that. What follows ` #` is a
comment, kept above the entry in the file.
"""

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whyspend.attribution import Condition, Rule, faults
from whyspend.config.loading import load
from whyspend.errors import ConfigError, UsageError
from whyspend.ledger import disk
from whyspend.ledger.lock import alone_with

EXAMPLE = "Example: --try 'when project=nightly-eval set feature=evals'."

_PAIR = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_NEXT_PAIR = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_.-]*=)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Written:
    """A rule that a person wrote down."""

    rule: Rule
    comment: str = ""
    """One line, without the sign."""


def parse(text: str, dimensions: Sequence[str]) -> Written:
    """Read a rule from its line.

    Raises:
        UsageError: it is no rule, or one that could not be used.
    """
    if re.search("[\ud800-\udfff]", text):
        raise UsageError("The rule is not UTF-8. Write it as UTF-8.")
    line, comment = _parted(text)
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError(f"The rule has a quote that does not end. {EXAMPLE}") from None
    if not words or words[0] != "when" or words.count("set") != 1:
        raise UsageError(f"A rule reads: when KEY=VALUE set DIMENSION=VALUE. {EXAMPLE}")
    at = words.index("set")
    when = {key: _condition(value) for key, value in _pairs(words[1:at])}
    rule = Rule(when=when, set=dict(_pairs(words[at + 1 :])))
    for _, message in faults(rule, dimensions):
        raise UsageError(f"The rule: {message}")
    return Written(rule, comment)


def line_of(rule: Rule) -> str:
    """A rule as a line that `parse` reads as the same rule. A value that no line can say is widened: see `literal`."""
    when = [
        f"{key}={value if isinstance(value, str) else '|'.join(value)}" for key, value in rule.when.items()
    ]
    owners = [f"{key}={value}" for key, value in rule.set.items()]
    return f"when {' and '.join(map(shlex.quote, when))} set {' '.join(map(shlex.quote, owners))}"


def literal(text: str) -> str:
    """A condition that a text fulfils, as narrow as a line of printable signs can say it.

    Signs with a meaning of their own, and such as a terminal would not show, become `?`, which is any sign:
    `a*b|c` is `a?b?c`.
    """
    plain = "".join(sign if sign.isprintable() and sign not in "*|" else "?" for sign in text)
    plain = re.sub(r"^re:", "?e:", plain)
    return _NEXT_PAIR.sub("?", plain)


def toml(written: Written) -> str:
    """The entry of whyspend.toml, three lines or, with a comment, four."""
    comment = f"# {written.comment}\n" if written.comment else ""
    return f"{comment}[[attribution]]\nwhen = {_table(written.rule.when)}\nset = {_table(written.rule.set)}\n"


def alias_toml(dimension: str, spellings: Mapping[str, str]) -> str:
    """The table of whyspend.toml that folds spellings of a dimension's values."""
    lines = [f"{_key(spelling)} = {_text(value)}" for spelling, value in spellings.items()]
    return "\n".join([f"[aliases.{_key(dimension)}]", *lines]) + "\n"


def append(path: Path, written: Written) -> None:
    """Add a rule as the last entry of a configuration file, whole or not at all; every byte before it stays.

    One at a time, whoever does it: of two that are saved at once both are there.

    Raises:
        ConfigError: the file cannot be read or written, or would not mean what it should.
        InputError: another whyspend writes to it for too long.
    """
    target = path.resolve()
    try:
        with alone_with(target):
            _append(path, target, written)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}. Check who may write it.") from None


def _append(path: Path, target: Path, written: Written) -> None:
    held = target.read_bytes()
    wanted = (*load(path, {}).attribution, written.rule)
    line_end = "\r\n" if b"\r\n" in held else "\n"
    gap = "" if not held else line_end if held.endswith(b"\n") else line_end * 2
    with _beside(target) as temporary:
        disk.write(temporary, held + (gap + toml(written).replace("\n", line_end)).encode())
        if _rules_in(temporary) != wanted:
            raise ConfigError(f"{path} cannot take another [[attribution]] at its end. Add the rule by hand.")
        if target.read_bytes() != held:  # an editor keeps to no lock
            raise ConfigError(f"{path} was changed by somebody else just now. Run the command again.")
        temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
        disk.sync_folder(target.parent)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file in the folder of another, gone at the end unless it took its place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _rules_in(path: Path) -> tuple[Rule, ...] | None:
    try:
        return load(path, {}).attribution
    except ConfigError:
        return None


def _parted(text: str) -> tuple[str, str]:
    """The rule and its comment, which begins with a `#` at the start of a word outside quotes."""
    quote = ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at], " ".join(text[at + 1 :].split())
    return text, ""


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for at, word in enumerate(words):
        if word == "and" and 0 < at < len(words) - 1:
            continue
        for part in _NEXT_PAIR.split(word):
            pair = _PAIR.fullmatch(part)
            if not pair:
                raise UsageError(f"In the rule, {part[:60]!r} is not key=value. {EXAMPLE}")
            key = pair[1].strip()
            if key in seen:
                raise UsageError(
                    f"The rule names {key[:60]!r} twice. Write {key[:60]}='a|b' for either of two."
                )
            seen.add(key)
            yield key, pair[2]


def _condition(value: str) -> Condition:
    return value if value.startswith("re:") or "|" not in value else value.split("|")


def _table(values: Mapping[str, Condition]) -> str:
    cells = (f"{_key(key)} = {_value(value)}" for key, value in values.items())
    return "{ " + ", ".join(cells) + " }"


def _value(value: Condition) -> str:
    return _text(value) if isinstance(value, str) else "[" + ", ".join(map(_text, value)) + "]"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """A basic string: what JSON escapes, TOML reads alike; it also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
