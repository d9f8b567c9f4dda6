"""What the runner of GitHub Actions does with a composite action: conditions, inputs, outputs, and the shell steps.

Steps that use another action are noted and not run: what they do is GitHub's. So is the package index: `uv` on the
PATH makes a whyspend of the code under test.
"""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent.parent
STOP = re.compile(r"::stop-commands::(\S+)")
COMMAND = re.compile(r"\s*::\w+[^:]*::|.*##\[")
INTERPOLATION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
OPERAND = re.compile(r"'[^']*'|[a-z][\w.-]*(?:\(\))?")
UV = """#!/bin/sh
echo "$@" >> "$RUNNER_TEMP/uv.log"
[ "$1" = venv ] || exit 0
for folder; do :; done
mkdir -p "$folder/bin"
printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$PYTHON" > "$folder/bin/python"
printf '#!/bin/sh\\nexec "%s" -m whyspend "$@"\\n' "$PYTHON" > "$folder/bin/whyspend"
chmod +x "$folder/bin/python" "$folder/bin/whyspend"
"""


@dataclass
class Ran:
    code: int = 0
    log: str = ""
    steps: dict[str, int] = field(default_factory=dict)
    """Name of each step that was not skipped, with its exit code, in their order."""
    used: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """`with` of each step that uses another action, by its name."""
    outputs: dict[str, str] = field(default_factory=dict)
    """`steps.ID.outputs.NAME`."""
    summary: str = ""

    @property
    def commands(self) -> list[str]:
        """The lines that the runner takes for commands, as it reads a log."""
        found, until = [], ""
        for line in self.log.splitlines():
            if until:
                until = "" if line == f"::{until}::" else until
            elif stop := STOP.fullmatch(line):
                until = stop[1]
            elif COMMAND.match(line):
                found.append(line)
        assert not until, "nothing after this is heard any more"
        return found


@dataclass
class Runner:
    folder: Path
    """Of the job: holds the work tree `work`, where whyspend.toml is."""
    api: str = "http://127.0.0.1:9"
    pull_request: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, until: str = "", **inputs: str) -> Ran:
        """Run the action, or no further than one step; an input `fail_under` is `fail-under`."""
        action = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= action["inputs"].keys()
        names = {
            f"inputs.{name}": given.get(name, each["default"]) for name, each in action["inputs"].items()
        }
        names |= {"github.token": "token-of-the-job", "github.run_id": "11", "github.run_attempt": "1"}
        names = {name: INTERPOLATION.sub(lambda part: names[part[1]], value) for name, value in names.items()}
        names["github.event.pull_request.number"] = str(self.pull_request or "")
        self._prepare()
        ran = Ran()
        for step in action["runs"]["steps"]:
            if self._is_due(step, {**names, **ran.outputs}, ran.code):
                self._step(step, names, ran)
            if step["name"] == until:
                break
        return ran

    def _prepare(self) -> None:
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        (self.folder / "temp").mkdir(exist_ok=True)
        (tools / "uv").write_text(UV)
        (tools / "uv").chmod(stat.S_IRWXU)

    def _is_due(self, step: Any, names: Mapping[str, str], code: int) -> bool:
        condition = step.get("if", "true")
        if code and "always()" not in condition:
            return False
        known = {"always()": "True", "true": "True"}
        python = OPERAND.sub(
            lambda word: (
                known.get(word[0]) or (word[0] if word[0][0] == "'" else repr(names.get(word[0], "")))
            ),
            condition,
        )
        return bool(eval(python.replace("&&", " and ").replace("||", " or ")))

    def _step(self, step: Any, names: Mapping[str, str], ran: Ran) -> None:
        def filled(text: str) -> str:
            found = {**names, **ran.outputs}
            return INTERPOLATION.sub(lambda part: found.get(part[1], ""), text)

        name = step["name"]
        if "uses" in step:
            ran.used[name] = {key: filled(str(value)) for key, value in step.get("with", {}).items()}
            ran.steps[name] = 0
            return
        assert step["shell"] == "bash"
        files = {kind: self.folder / f"{kind}.{len(ran.steps)}" for kind in ("output", "summary")}
        for file in files.values():
            file.write_bytes(b"")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / "work",
            env=self._environment(files) | {key: filled(value) for key, value in step.get("env", {}).items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        ran.steps[name] = done.returncode
        ran.code = done.returncode or ran.code
        ran.log += done.stdout
        ran.summary += files["summary"].read_text(encoding="utf-8")
        for line in files["output"].read_text().splitlines():
            key, _, value = line.partition("=")
            ran.outputs[f"steps.{step['id']}.outputs.{key}"] = value

    def _environment(self, files: Mapping[str, Path]) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONWARNINGS": "error",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self.api,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/product",
            "GITHUB_RUN_ID": "11",
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            **self.env,
        }
