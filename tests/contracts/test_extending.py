"""docs/extending.md: each example is one file, and all the rest follows from it."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cli.shell import ROOT, Result, environment, piped
from tests.dashboard.served import serving

PAGE = ROOT / "docs" / "extending.md"
EXAMPLES = dict(
    re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
)
LOG = (
    '{"at": "2026-11-20T10:00:00+00:00", "provider": "openai", "model": "gpt-4o", "input": 1000, "output": 100,'
    ' "request": "a", "feature": "chat"}\n'
    '{"at": "2026-11-20T10:01:00+00:00", "provider": "openai", "model": "gpt-4o-mini", "input": 50, "output": 5,'
    ' "request": "a"}\n'
)
DAYS = ("--since", "2026-11-20", "--until", "2026-11-20")


def test_the_page_has_an_example_of_each() -> None:
    assert [path.partition("/")[0] for path in EXAMPLES] == ["reports", "formats", "sources"]


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture(scope="module", params=["in the package", "as a plug-in"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with whyspend, and the examples put there in one of the two ways."""
    site = tmp_path_factory.mktemp("site")
    package = site / "whyspend"
    shutil.copytree(ROOT / "src" / "whyspend", package, ignore=shutil.ignore_patterns("__pycache__"))
    before = files(site)
    if request.param == "in the package":
        for path, code in EXAMPLES.items():
            (package / path).write_text(code, encoding="utf-8")
        assert files(site) - before == {f"whyspend/{path}" for path in EXAMPLES}
        return site
    info = site / "our_package-1.dist-info"
    info.mkdir()
    (site / "our_package").mkdir()
    lines = []
    for path, code in EXAMPLES.items():
        stage, _, name = path.removesuffix(".py").partition("/")
        (site / "our_package" / f"{name}.py").write_text(code, encoding="utf-8")
        lines.append(f"[whyspend.{stage}]\n{name} = our_package.{name}\n")
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


def test_an_example_has_its_command_help_options_and_output(installed: Path, tmp_path: Path) -> None:
    env = environment(PYTHONPATH=str(installed), COLUMNS="110")

    def whyspend(*args: str) -> Result:
        result = piped(args, tmp_path, env)
        assert (result.code, "Traceback" in result.err) == (0, False), result.err
        return result

    (tmp_path / "gateway.jsonl").write_text(LOG)
    (tmp_path / "whyspend.toml").write_text('[sources.gateway]\ntype = "gateway"\nfile = "gateway.jsonl"\n')
    assert re.search("sizes +How large is a call of each model\\?", whyspend("--help").text)
    assert re.search(
        r"--at-least INTEGER +Leave out models with fewer calls.  \[default: 1\]",
        whyspend("sizes", "--help").text,
    )
    assert "gateway: read 2 calls, 2 new or changed" in whyspend("pull", "gateway", *DAYS).err
    answer = json.loads(whyspend("sizes", "--format", "json", *DAYS).out)
    assert answer["rows"][0] == {"model": "gpt-4o", "calls": 1, "input_tokens": 1000, "output_tokens": 100}
    assert answer["trust"]["priced"] == 1
    assert json.loads(whyspend("sizes", "--at-least", "2", "--format", "json", *DAYS).out)["rows"] == []
    lines = whyspend("report", "--by", "model", "--format", "tsv", *DAYS).text.splitlines()
    assert [line.split("\t")[:3] for line in lines[1:]] == [["gpt-4o", "1", "1"], ["gpt-4o-mini", "1", "1"]]
    assert "ok       gateway: configured" in piped(["doctor"], tmp_path, env).text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('[sources.gateway]\ntype = "gateway"\n', "source 'gateway' needs file"),
        (
            '[sources.gateway]\ntype = "gateway"\nfile = "x"\nfle = 1\n',
            "unknown option 'fle'.*Did you mean 'file'",
        ),
        ('[sources.gateway]\ntype = "gateway"\nfile = "missing.jsonl"\n', "missing.jsonl: No such file"),
        (
            '[sources.gateway]\ntype = "gateway"\nfile = "whyspend.toml"\n',
            "line 1 is no line of the gateway's log",
        ),
    ],
)
def test_the_options_of_a_new_source_are_checked(
    installed: Path, tmp_path: Path, body: str, said: str
) -> None:
    (tmp_path / "whyspend.toml").write_text(body)
    args: Sequence[str] = ["pull", "gateway", *DAYS]
    result = piped(args, tmp_path, environment(PYTHONPATH=str(installed)))
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert re.search(said, result.err)


def test_a_new_report_and_format_are_on_the_dashboard(installed: Path, tmp_path: Path) -> None:
    env = environment(PYTHONPATH=str(installed))
    (tmp_path / "gateway.jsonl").write_text(LOG)
    (tmp_path / "whyspend.toml").write_text('[sources.gateway]\ntype = "gateway"\nfile = "gateway.jsonl"\n')
    assert piped(["pull", "gateway", *DAYS], tmp_path, env).code == 0
    query = "since=2026-11-20&until=2026-11-20&at-least=1"
    with serving(tmp_path, PYTHONPATH=str(installed)) as served:
        page = served.page(f"/reports/sizes?{query}")
        assert "How large is a call of each model?" in page.text
        assert {"at-least", "since", "where"} <= set(page.fields)
        assert {"1000", "100"} <= set(page.numbers)
        assert "whyspend sizes --since 2026-11-20 --until 2026-11-20" in page.commands
        for form in ("json", "tsv"):
            written = piped(["sizes", *DAYS, "--format", form], tmp_path, env).out
            assert served.get(f"/api/reports/sizes?{query}&format={form}").content == written
        described = served.get("/openapi.json").json()["paths"]["/api/reports/sizes"]["get"]
        assert "at-least" in [each["name"] for each in described["parameters"]]
