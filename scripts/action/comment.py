"""Keep one comment on the pull request: made once, then brought up to date.

A hidden line at its top finds it again. Anybody may write such a line, so only comments of bots and of those who may
write to the repository are taken for ours.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

BYTES = 65_000
"""GitHub takes 65,536 characters; so many bytes are never more."""
TRUSTED = {"OWNER", "MEMBER", "COLLABORATOR"}
PAGE = 100
PAGES = 30
PAUSES = (1, 2)
"""Seconds before the second try and the third; GitHub may ask for more, up to LONGEST."""
LONGEST = 60
SECONDS = 15
"""How long an answer may take."""


def main() -> int:
    """Write the comment; returns the exit code: 3 if GitHub is away, 0 with a warning where it does not allow it."""
    for pause in (*PAUSES, None):
        try:
            _write()
            return 0
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404) and "retry-after" not in error.headers:
                return _refused(error.code)
            why, again = f"GitHub answered {error.code}", error.code >= 500 or error.code in (403, 429)
            asked = error.headers.get("retry-after", "")
            pause = min(int(asked), LONGEST) if pause is not None and asked.isdecimal() else pause
        except (OSError, http.client.HTTPException):
            why, again = "GitHub could not be reached", True
        if pause is None or not again:
            break
        time.sleep(pause)
    print(f"::error title=No comment::{why}. Run the job again.")
    return 3


def _refused(code: int) -> int:
    print(
        f"::warning title=No comment::GitHub does not allow it ({code}). Give the job the permission "
        "pull-requests: write. A pull request from a fork never has it."
    )
    return 0


def body(page: str, marker: str, run: str) -> str:
    """The comment: the marker, the page or as many whole lines of it as fit, and where the rest is."""
    end = f"\n[Job summary and CSV file]({run})\n"
    cut = f"\nThe rest is in the job summary.\n{end}"
    room = BYTES - len(f"{marker}\n{cut}".encode())
    lines = page.splitlines(keepends=True)
    sizes = [len(line.encode()) for line in lines]
    if sum(sizes) <= room:
        return f"{marker}\n{page}{end}"
    kept = 0
    while kept < len(lines) and sum(sizes[: kept + 1]) <= room:
        kept += 1
    return f"{marker}\n{''.join(lines[:kept])}{cut}"


def _write() -> None:
    """Look for the comment, then change or make it: a try that is repeated finds what the one before it made."""
    repository, number = os.environ["GITHUB_REPOSITORY"], os.environ["WHYSPEND_PULL_REQUEST"]
    marker = f"<!-- whyspend: {os.environ['WHYSPEND_KEY']} -->"
    run = f"{os.environ['GITHUB_SERVER_URL']}/{repository}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    said = {"body": body(Path(os.environ["WHYSPEND_PAGE"]).read_text(encoding="utf-8"), marker, run)}
    held = _held(f"repos/{repository}/issues/{number}/comments", marker)
    if held is None:
        _asked("POST", f"repos/{repository}/issues/{number}/comments", said)
    else:
        _asked("PATCH", f"repos/{repository}/issues/comments/{held}", said)


def _held(path: str, marker: str) -> int | None:
    for page in range(1, PAGES + 1):
        comments = _asked("GET", f"{path}?per_page={PAGE}&page={page}")
        for comment in comments:
            if _is_ours(comment, marker):
                return int(comment["id"])
        if len(comments) < PAGE:
            return None
    return None


def _is_ours(comment: Any, marker: str) -> bool:
    is_bot = (comment["user"] or {}).get("type") == "Bot"  # an account that is gone is null
    trusted = is_bot or comment["author_association"] in TRUSTED
    return trusted and (comment["body"] or "").startswith(f"{marker}\n")


def _asked(method: str, path: str, said: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  the address is GitHub's, from the runner
        f"{os.environ['GITHUB_API_URL']}/{path}",
        data=None if said is None else json.dumps(said).encode(),
        method=method,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "User-Agent": "whyspend",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main())
