import re
from collections.abc import Callable
from pathlib import Path

import pytest

from whyspend.attribution import Rule
from whyspend.config import Config, find, load
from whyspend.errors import ConfigError

Written = Callable[[str], Config]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Write a whyspend.toml into the current folder and load it."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Config:
        path = tmp_path / "whyspend.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return load(path, {})

    return write


def test_without_a_file_everything_has_a_default() -> None:
    config = load(None, {})
    assert config.path is None
    assert (config.timezone, config.ledger) == ("UTC", ".whyspend")
    assert config.dimensions == ("feature", "env", "user_tier")
    assert [(source.name, source.type) for source in config.sources.values()] == [("langsmith", "langsmith")]
    assert (dict(config.aliases), config.attribution, config.warnings) == ({}, (), ())


def test_a_file_is_read_as_it_is_written(written: Written, tmp_path: Path) -> None:
    config = written("""
timezone = "Europe/Berlin"
ledger = "data/calls"
dimensions = ["feature", "customer-id"]
[sources.prod]
type = "langsmith"
projects = ["a", "b"]
[aliases.feature]
rag_search = "rag-search"
[[attribution]]
when = { root_name = "re:^Support", "metadata.team" = ["cx", "cx-eu"] }
set = { feature = "support-bot" }
""")
    assert config.timezone == "Europe/Berlin"
    assert config.ledger == str(tmp_path / "data" / "calls")
    assert config.dimensions == ("feature", "customer-id")
    assert config.sources["prod"].options == {"projects": ["a", "b"]}
    assert config.aliases["feature"] == {"rag_search": "rag-search"}
    assert config.attribution == (
        Rule(
            when={"root_name": "re:^Support", "metadata.team": ["cx", "cx-eu"]},
            set={"feature": "support-bot"},
        ),
    )


def test_a_byte_order_mark_and_windows_line_ends_are_no_hindrance(written: Written) -> None:
    assert written('\ufefftimezone = "Asia/Tokyo"\r\nledger = "x"\r\n').timezone == "Asia/Tokyo"


def test_an_address_as_ledger_stays_as_it_is_and_a_home_folder_is_found(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert written('ledger = "s3://bucket/prefix"').ledger == "s3://bucket/prefix"
    assert written('ledger = "~/calls"').ledger == str(tmp_path / "home" / "calls")


def test_the_nearest_file_above_a_folder_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "whyspend.toml").write_text("")
    assert find(inner) == tmp_path / "whyspend.toml"
    (tmp_path / "a" / "whyspend.toml").write_text("")
    assert find(inner) == tmp_path / "a" / "whyspend.toml"
    (inner / "whyspend.toml").mkdir()
    assert find(inner) == tmp_path / "a" / "whyspend.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # unknown keys
        (
            "\n" * 11 + 'dimension = ["feature"]',
            "whyspend.toml line 12: unknown key 'dimension'. Did you mean 'dimensions'?",
        ),
        (
            '[source.prod]\ntype = "langsmith"',
            "whyspend.toml line 1: unknown key 'source'. Did you mean 'sources'?",
        ),
        (
            (
                '[[attribution]]\nwhen = {project = "a"}\nset = {feature = "a"}\n'
                '[[attribution]]\nwhen = {project = "b"}\nsets = {feature = "b"}'
            ),
            "whyspend.toml line 6: unknown key 'sets'. Did you mean 'set'?",
        ),
        (
            "[[zzz]]\nlimit_usd = 2",
            (
                "whyspend.toml line 1: unknown key 'zzz'. "
                "Known: timezone, ledger, dimensions, sources, aliases, attribution, prices, discounts, free_quotas, "
                "budgets, alerts, spikes, planned, collector."
            ),
        ),
        ('"a\\nb" = 1', r"whyspend.toml line 1: unknown key 'a\nb'."),
        # types
        ("\ntimezone = 3", "whyspend.toml line 2: timezone: expected text, got a whole number."),
        ('dimensions = "feature"', "whyspend.toml line 1: dimensions: expected a list, got text."),
        (
            'dimensions = ["feature",\n 3]',
            "whyspend.toml line 1: dimensions: expected text, got a whole number.",
        ),
        ("dimensions = []", "whyspend.toml line 1: dimensions: expected a list of length >= 1."),
        ("sources = 1", "whyspend.toml line 1: sources: expected a table, got a whole number."),
        (
            "[aliases.feature]\na = 'b'\nc = 2026-01-01",
            "whyspend.toml line 3: aliases.feature.c: expected text, got a date.",
        ),
        (
            "[[attribution]]\nset = {feature = 'a'}\nwhen.project = 'x'\nwhen.metadata.team = 'cx'",
            (
                "whyspend.toml line 4: attribution.when.metadata: expected text or a list, got a table. "
                'Write "metadata.KEY" in quotes'
            ),
        ),
        (
            "[[attribution]]\nwhen = {project = ['a', true]}\nset = {feature = 'a'}",
            "whyspend.toml line 2: attribution.when.project: expected text, got true or false.",
        ),
        ("[[attribution]]\nset = {feature = 'a'}", "whyspend.toml line 1: attribution: 'when' is missing."),
        (
            "[attribution]\nwhen = {}",
            "whyspend.toml line 1: attribution: expected a list, got a table. Write [[attribution]]",
        ),
        # TOML
        (
            "\ntimezone = Europe/Berlin",
            "whyspend.toml line 2: not valid TOML: invalid value. Text values stand in quotes.",
        ),
        (
            'timezone = "UTC"\ndimensions = [\n"a"\n',
            "whyspend.toml line 2: not valid TOML: unclosed array.",
        ),
        ('\n\nledger = "a\n', "whyspend.toml line 3: not valid TOML: illegal character"),
        (
            'timezone = "UTC"\n\ntimezone = "UTC"',
            "whyspend.toml line 3: this key or table was given before. Keep one of the two.",
        ),
        (
            "[sources.a]\n[sources.b]\n[sources.a]\n",
            "whyspend.toml line 3: this key or table was given before. Keep one of the two.",
        ),
        ("ledger = 'a'\nledger = '''\nb'''\ntimezone = 'UTC'", "whyspend.toml line 2: this key or table was"),
        # values
        (
            '\ntimezone = "Europe/Berln"',
            "whyspend.toml line 2: 'Europe/Berln' is not a time zone. Did you mean 'Europe/Berlin'?",
        ),
        ('timezone = "../x"', "is not a time zone. Use an IANA name, such as Europe/Berlin or UTC."),
        ('timezone = "localtime"', "is not a time zone."),
        ('timezone = "Europe"', "is not a time zone."),
        ('ledger = " "', "whyspend.toml line 1: 'ledger' is empty. Name a folder, such as .whyspend."),
        ('ledger = "a\\u0000"', "whyspend.toml line 1: this text holds a NUL character. Take it out."),
        (
            'dimensions = ["feature", "user tier"]',
            "'user tier' cannot be a dimension. Use at most 64 letters",
        ),
        (f'dimensions = ["{"x" * 65}"]', "cannot be a dimension."),
        ('dimensions = ["feature", "Project"]', "the dimension 'Project' clashes with another column."),
        ('dimensions = ["feature", "feature"]', "the dimension 'feature' clashes with another column."),
        ('dimensions = ["feature", "feature_from"]', "the dimension 'feature_from' clashes"),
        ('dimensions = ["feature_from", "Feature"]', "the dimension 'Feature' clashes"),
        ('dimensions = ["day"]', "the dimension 'day' clashes with another column."),
        (
            "[sources.prod]\nprojects = ['a']",
            "whyspend.toml line 1: source 'prod' needs a type. There is: ",
        ),
        ("[sources.prod]\ntype = 1", "whyspend.toml line 2: the type of source 'prod' must be a text."),
        (
            "[sources.prod]\ntype = 'langsmit'",
            "whyspend.toml line 2: 'langsmit' is not a type of source. Did you mean 'langsmith'?",
        ),
        ("[sources.'../x']\ntype = 'langsmith'", "'../x' cannot be the name of a source."),
        (
            "[aliases.featur]\na = 'b'",
            "whyspend.toml line 1: 'featur' is not a dimension. Did you mean 'feature'?",
        ),
        (
            "[aliases.feature]\na = 'b'\nb = 'c'",
            "whyspend.toml line 2: 'a' is folded into 'b', itself an alias.",
        ),
        (
            "[[attribution]]\nset = {feature = 'a'}\n[attribution.when]\nname = 'n'\nprojct = 'x'",
            "whyspend.toml line 5: 'projct' is not a column of the ledger. Did you mean 'project'?",
        ),
        (
            "[[attribution]]\nwhen = {project = 'a'}\nset = {featur = 'a'}",
            "whyspend.toml line 3: 'featur' is not a dimension. Did you mean 'feature'?",
        ),
        (
            "[[attribution]]\nwhen = {project = 're:(?=x)'}\nset = {feature = 'a'}",
            "whyspend.toml line 2: the regular expression for 'project' cannot be used: ",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_with_its_place(
    written: Written, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        written(text)
    assert message in str(caught.value)
    assert re.match(r"whyspend\.toml line \d+: ", str(caught.value))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`whyspend init` writes one"):
        load(tmp_path / "whyspend.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})
    (tmp_path / "latin.toml").write_bytes(b'ledger = "\xe9"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin.toml", {})
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    with pytest.raises(ConfigError, match="nested too deep"):
        load(tmp_path / "deep.toml", {})


def test_a_file_elsewhere_is_named_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "whyspend.toml"
    path.write_text("x = 1")
    with pytest.raises(ConfigError, match=re.escape(f"{path} line 1: unknown key 'x'")):
        load(path, {})


def test_a_key_written_out_is_accepted_with_a_warning_and_never_shown(written: Written) -> None:
    config = written('[sources.prod]\ntype = "langsmith"\napi_key = "lsv2_pt_secret"')
    assert config.warnings == (
        (
            "whyspend.toml line 3: api_key of source 'prod' is written out, "
            "so whoever reads the file can use it. "
            'Put it into an environment variable and write api_key = "env:NAME".'
        ),
    )
    source = config.source("prod")
    assert source.options["api_key"] == "lsv2_pt_secret"
    assert "lsv2" not in f"{config!r} {config} {source!r} {source}"


def test_a_key_that_comes_from_the_environment_gives_no_warning(written: Written) -> None:
    assert written('[sources.prod]\ntype = "langsmith"\napi_key = "env:KEY"').warnings == ()


def test_the_environment_is_never_shown() -> None:
    config = load(None, {"LANGSMITH_API_KEY": "lsv2_pt_secret"})
    assert config.source("langsmith").options["api_key"] == "lsv2_pt_secret"
    assert "lsv2" not in f"{config!r} {config.source('langsmith')!r}"
