"""Send the demo's digest to Slack and to a mailbox on loopback, and take a picture of what arrived.

    python -m scripts.pictures.digest [--chromium /usr/bin/chromium]

Writes docs/images/digest-*.png. Needs Playwright for Python and a Chromium, such as Debian's; with pngquant the files
are a third of the size.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from scripts.pictures import slack_preview
from tests.alerts.servers import receiver
from tests.alerts.slack_api import CHANNEL, TOKEN, slack
from tests.alerts.smtp import Mailbox, served

ROOT = Path(__file__).parent.parent.parent
IMAGES = ROOT / "docs" / "images"
DAYS = ("--since", "2026-11-15", "--until", "2026-11-21")
CONFIG = """
ledger = ".whyspend-demo"
[[budgets]]
name = "agent-copilot"
where = { feature = "agent-copilot" }
period = "month"
limit_usd = 380
[[budgets]]
name = "everything"
period = "month"
limit_usd = 900
[alerts.webhook]
type = "slack"
url = "env:SLACK_WEBHOOK_URL"
[alerts.app]
type = "slack"
token = "env:SLACK_BOT_TOKEN"
channel = "CHANNEL"
endpoint = "ENDPOINT"
[alerts.mail]
type = "email"
host = "127.0.0.1"
port = PORT
security = "plain"
sender = "whyspend <costs@example.com>"
to = "leads@example.com"
"""


def main() -> int:
    """Take all pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    asked = parser.parse_args()
    pages = _pages()
    IMAGES.mkdir(exist_ok=True)
    _photographed(pages, asked.chromium)
    for name in pages:
        print(IMAGES / f"{name}.png")
    return 0


def _pages() -> dict[str, tuple[str, int]]:
    """What arrived, as pages: name -> (HTML, width)."""
    mailbox = Mailbox()
    with tempfile.TemporaryDirectory() as folder, receiver() as hook, slack() as app, served(mailbox) as port:
        put = {"ENDPOINT": app.endpoint, "CHANNEL": CHANNEL, "PORT": str(port)}
        text = CONFIG
        for word, value in put.items():
            text = text.replace(word, value)
        (Path(folder) / "whyspend.toml").write_text(text, encoding="utf-8")
        url = f"{hook.base}/services/T/B/X"
        _whyspend(folder, url, "demo")
        _whyspend(folder, url, "digest", *DAYS, "--notify", "-o", "digest.txt")
        (mail,) = mailbox.mails
        (message,) = app.messages
        (posted,) = hook.received
    return {
        "digest-mail": (_mail_page(mail[1]), 820),
        "digest-slack": (slack_preview.page(message["blocks"], message["files"]), 780),
        "digest-slack-webhook": (slack_preview.page(posted.json["blocks"]), 780),
    }


def _whyspend(folder: str, hook: str, *arguments: str) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "src"),
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_WEBHOOK_URL": hook,
    }
    subprocess.run([sys.executable, "-m", "whyspend", *arguments], cwd=folder, env=environment, check=True)


def _mail_page(mail: EmailMessage) -> str:
    """The HTML of a mail with its pictures in it, as a mail program shows it."""
    page = mail.get_body(("html",))
    assert page is not None
    pictures = {
        part["Content-ID"].strip("<>"): bytes(part.get_payload(decode=True))
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }

    def shown(match: re.Match[str]) -> str:
        return f"data:image/png;base64,{b64encode(pictures[match[1]]).decode()}"

    return re.sub(r"cid:([^\"']+)", shown, page.get_content())


def _photographed(pages: dict[str, tuple[str, int]], chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser: Any = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (html, width) in pages.items():
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
            page.set_content(html)
            page.screenshot(path=IMAGES / f"{name}.png", full_page=True)
            if tool := shutil.which("pngquant"):
                file = str(IMAGES / f"{name}.png")
                subprocess.run([tool, "--force", "--skip-if-larger", "--output", file, file], check=True)
        browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
