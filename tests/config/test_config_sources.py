import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whyspend.config import load
from whyspend.config.sources import SourceConfig
from whyspend.errors import ConfigError, UsageError

PLUGIN = '''
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal


def read(
    window: object, *, source: str, dimensions: tuple[str, ...], watermarks: dict[str, int],
    full: bool = False, on_progress: Any = print, token: str, region: Literal["eu", "us"] = "eu",
    folder: Path = Path("x"), names: Sequence[str] = (),
    size: int = 1, rate: float | None = None, strict: bool = False,
) -> Iterator[Any]:
    """Yield nothing."""
    yield from ()
'''

Resolve = Callable[..., SourceConfig]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """An installed plug-in `acme`; resolves a source `mine` of it with some lines and an environment."""
    installed = tmp_path / "site" / "acme-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "entry_points.txt").write_text(
        "[whyspend.sources]\nacme = acme_spend\nhollow = acme_hollow\n"
    )
    (tmp_path / "site" / "acme_spend.py").write_text(PLUGIN)
    (tmp_path / "site" / "acme_hollow.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)

    def resolve(lines: str, kind: str = "acme", **environ: str) -> SourceConfig:
        path = tmp_path / "whyspend.toml"
        path.write_text(f'[sources.mine]\ntype = "{kind}"\n{lines}')
        return load(path, environ).source("mine")

    return resolve


def test_options_are_the_keyword_only_parameters_of_read_with_their_types(
    acme: Resolve, tmp_path: Path
) -> None:
    source = acme(
        'token = "env:TOKEN"\nregion = "us"\nfolder = "in"\nnames = ["a", "env:B"]\n'
        "size = 3\nrate = 1\nstrict = true",
        TOKEN=" t\n",
        B="b",
    )
    assert (source.name, source.type) == ("mine", "acme")
    assert source.options == {
        "token": "t",
        "region": "us",
        "folder": tmp_path / "in",
        "names": ["a", "b"],
        "size": 3,
        "rate": 1.0,
        "strict": True,
    }


def test_only_what_is_configured_is_passed_on(acme: Resolve) -> None:
    assert acme('token = "t"').options == {"token": "t"}


def test_a_number_may_come_from_the_environment(acme: Resolve) -> None:
    assert acme('token = "t"\nsize = "env:SIZE"', SIZE="8").options["size"] == 8


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'token = "t"\nnam = ["a"]',
            (
                "whyspend.toml line 4: unknown option 'nam' of source 'mine'. Did you mean 'names'? "
                "The type acme has: token, region, folder, names, size, rate, strict."
            ),
        ),
        (
            'token = "t"\nwatermarks = 1',
            "whyspend.toml line 4: unknown option 'watermarks' of source 'mine'.",
        ),
        (
            "size = 1",
            "whyspend.toml line 1: source 'mine' needs token. Write token = ... below [sources.mine].",
        ),
        ("token = 3", "whyspend.toml line 3: token of source 'mine': expected text, got a whole number."),
        (
            'token = "t"\nsize = "3"',
            "whyspend.toml line 4: size of source 'mine': expected a whole number, got text.",
        ),
        (
            'token = "t"\nnames = "a"',
            "whyspend.toml line 4: names of source 'mine': expected a list, got text.",
        ),
        (
            'token = "t"\nregion = "asia"',
            "whyspend.toml line 4: region of source 'mine': expected one of eu, us.",
        ),
        (
            'token = "env:ACME_TOKEN"',
            (
                "whyspend.toml line 3: token of source 'mine' needs the environment variable ACME_TOKEN, "
                "which is not set. Set it."
            ),
        ),
        ('token = "env:"', "needs the environment variable named there, which is not set."),
    ],
)
def test_an_option_that_cannot_be_used_is_told_with_its_line(acme: Resolve, lines: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        acme(lines)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        'token = "env:lsv2_pt_secret"',
        'token = ["lsv2_pt_secret"]',
        'token = "t"\nsize = "lsv2_pt_secret"',
        'token = "t"\nregion = "lsv2_pt_secret"',
        'token = "t"\nrate = "env:KEY"',
    ],
)
def test_no_message_ever_holds_a_secret(acme: Resolve, lines: str) -> None:
    with pytest.raises(ConfigError) as caught:
        acme(lines, KEY="lsv2_pt_secret")
    assert "lsv2" not in str(caught.value)


def test_a_plug_in_without_read_is_told(acme: Resolve) -> None:
    with pytest.raises(ConfigError, match="'hollow' has no function read"):
        acme("", kind="hollow")


def test_a_source_that_is_not_configured_is_told_with_the_nearest(acme: Resolve) -> None:
    acme('token = "t"')
    with pytest.raises(UsageError, match=r"no source named 'mien'\. Did you mean 'mine'"):
        load(Path("whyspend.toml"), {}).source("mien")


def test_langsmith_is_understood_without_a_file() -> None:
    environ = {
        "LANGSMITH_API_KEY": "key",
        "LANGCHAIN_API_KEY": "older",
        "LANGCHAIN_ENDPOINT": "https://eu.api.smith.langchain.com",
        "LANGSMITH_WORKSPACE_ID": "w",
    }
    assert load(None, environ).source("langsmith").options == {
        "api_key": "key",
        "endpoint": "https://eu.api.smith.langchain.com",
        "workspace": "w",
    }
    assert load(None, {}).source("langsmith").options == {}
    assert load(None, {"LANGSMITH_API_KEY": " ", "LANGCHAIN_API_KEY": "b"}).source("langsmith").options == {
        "api_key": "b"
    }


def test_a_configured_langsmith_source_falls_back_to_the_environment_key_by_key(acme: Resolve) -> None:
    environ = {"LANGSMITH_API_KEY": "key", "LANGSMITH_ENDPOINT": "https://a"}
    source = acme('endpoint = "https://b"\nprojects = ["p"]', kind="langsmith", **environ)
    assert source.options == {"api_key": "key", "endpoint": "https://b", "projects": ["p"]}


def test_reading_a_configuration_imports_no_source_and_no_engine(tmp_path: Path) -> None:
    path = tmp_path / "whyspend.toml"
    path.write_text('[sources.prod]\ntype = "langsmith"\napi_key = "env:NO"\n[aliases.feature]\na = "b"\n')
    program = (
        "import sys, pathlib; from whyspend import config; config.load(pathlib.Path(sys.argv[1]), {}); "
        "print(*sorted({name.split('.')[0] for name in sys.modules} "
        "& {'httpx2', 'duckdb', 'rich', 'arro3', 'click'}), "
        "*[name for name in sys.modules if name.startswith('whyspend.sources')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
