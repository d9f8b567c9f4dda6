import json
import re
import tomllib
from dataclasses import fields as dataclass_fields
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import fields

from whyspend.config import Config, Settings, load, options_of, schema, template, write_template
from whyspend.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"
KEYS = [field.name for field in fields(Settings)]


def test_the_template_loads_and_says_the_defaults() -> None:
    assert msgspec.convert(tomllib.loads(template()), Settings) == Settings()


def test_every_key_stands_in_the_template() -> None:
    stated = set(tomllib.loads(uncommented(template())))
    assert stated == set(KEYS)


def test_the_examples_of_the_template_load_when_they_are_used(tmp_path: Path) -> None:
    path = tmp_path / "whyspend.toml"
    path.write_text(uncommented(template()), encoding="utf-8")
    config = load(path, {"LANGSMITH_API_KEY": "k"})
    assert config.warnings == ()
    assert config.source("prod").options["api_key"] == "k"
    assert len(config.attribution) == 2


def test_no_line_of_the_template_is_wider_than_a_terminal() -> None:
    assert max(map(len, template().splitlines())) <= 110


def test_a_config_has_every_setting() -> None:
    assert set(KEYS) <= {field.name for field in dataclass_fields(Config)}


def test_the_published_schema_is_that_of_the_model() -> None:
    published = json.loads((DOCS / "whyspend.schema.json").read_text(encoding="utf-8"))
    assert published == schema(), (
        "write json.dumps(whyspend.config.schema(), indent=2) to docs/whyspend.schema.json"
    )
    assert list(published["properties"]) == KEYS
    assert all(published["properties"][key]["description"] for key in KEYS)


def test_every_key_and_option_is_documented_with_its_default() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `\[*(\w+).*?`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == KEYS
    for field in fields(Settings):
        if isinstance(field.default, (str, tuple)) and field.default:
            value = field.default if isinstance(field.default, str) else list(field.default)
            assert f"Default: `{json.dumps(value)}`" in sections[field.name]
    assert re.findall(r"^\| `(\w+)` \|", sections["sources"], re.MULTILINE) == [
        "type",
        *options_of("langsmith"),
    ]


def test_the_examples_of_the_documentation_load(tmp_path: Path) -> None:
    examples = re.findall(
        r"^```toml\n(.*?)^```", (DOCS / "configuration.md").read_text(encoding="utf-8"), re.M | re.S
    )
    assert len(examples) >= len(KEYS)
    for example in examples:
        path = tmp_path / "whyspend.toml"
        path.write_text(example, encoding="utf-8")
        assert load(path, {}).warnings == ()


def test_init_writes_the_template_and_keeps_the_ledger_out_of_git(tmp_path: Path) -> None:
    assert write_template(tmp_path) == [tmp_path / "whyspend.toml", tmp_path / ".gitignore"]
    assert (tmp_path / "whyspend.toml").read_text(encoding="utf-8") == template()
    assert (tmp_path / ".gitignore").read_bytes() == b".whyspend/\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"*.pyc", b"*.pyc\n.whyspend/\n"),
        (b"a\r\n", b"a\r\n.whyspend/\n"),
        (b"x\n/.whyspend\n", b"x\n/.whyspend\n"),
    ],
)
def test_init_adds_its_line_to_a_gitignore_once(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / ".gitignore").write_bytes(before)
    write_template(tmp_path)
    assert (tmp_path / ".gitignore").read_bytes() == after


def test_init_never_overwrites_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "whyspend.toml").write_text("mine")
    with pytest.raises(ConfigError, match="exists already and was left as it is"):
        write_template(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_template(tmp_path / "absent")
    assert (tmp_path / "whyspend.toml").read_text() == "mine"


def uncommented(text: str) -> str:
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)
