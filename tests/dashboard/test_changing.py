"""What pages can change: a rule is added to whyspend.toml, a month is closed. Nothing else, and by nobody else."""

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.dashboard.served import SETTINGS, WEEK, Page, Served, serving

RULE = "when project=nightly set feature=nightly-jobs  # what nobody tagged"


@pytest.fixture(scope="module")
def own(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("changed") / "own"
    shutil.copytree(demo_folder, folder, ignore=shutil.ignore_patterns("spool"))
    (folder / "whyspend.toml").chmod(0o640)
    with serving(folder) as found:
        yield found


def form_of(own: Served, path: str) -> dict[str, str]:
    """The hidden fields of the last form of a page, the cookie taken."""
    page = own.page(path)
    return {name: value for name, value in page.fields.items() if name in ("token", "rule", "since", "until")}


def sent(own: Served, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
    origin = {"Origin": own.address, "Sec-Fetch-Site": "same-origin"}
    return own.client.post(own.address + path, data=fields, headers={**origin, **headers})


def test_a_rule_is_tried_then_saved_and_the_file_is_otherwise_as_it_was(own: Served) -> None:
    config = own.folder / "whyspend.toml"
    before = json.loads(own.get(f"/api/reports/report?{WEEK}").content)
    page = own.page(f"/reports/coverage?{WEEK}&try={RULE.replace('#', '%23')}")
    assert "nightly-jobs" in page.text
    assert config.read_text() == SETTINGS
    answer = sent(
        own, "/coverage/rules", form_of(own, f"/reports/coverage?{WEEK}&try={RULE.replace('#', '%23')}")
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/reports/coverage?{WEEK}")
    assert config.read_text() == SETTINGS + (
        "\n# what nobody tagged\n[[attribution]]\n"
        'when = { project = "nightly" }\nset = { feature = "nightly-jobs" }\n'
    )
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    told = own.page(f"/reports/coverage?{WEEK}")
    assert "The rule is written to whyspend.toml." in told.text
    assert "The rule is written to whyspend.toml." not in own.page(f"/reports/coverage?{WEEK}").text
    after = json.loads(own.get(f"/api/reports/report?{WEEK}").content)
    assert "nightly-jobs" not in [row["feature"] for row in before["rows"]]
    assert "nightly-jobs" in [row["feature"] for row in after["rows"]]


def test_a_rule_that_is_none_is_refused_and_nothing_is_written(own: Served) -> None:
    config = own.folder / "whyspend.toml"
    before = config.read_bytes()
    token = form_of(own, "/prices")["token"]
    for rule in ("when", "", "when project=x set nope=y", "when a=b set feature=\x00"):
        answer = sent(own, "/coverage/rules", {"token": token, "rule": rule})
        assert answer.status_code in (400, 500), rule
        assert "Traceback" not in answer.text
    assert config.read_bytes() == before


def test_a_month_is_closed_once(own: Served) -> None:
    token = form_of(own, "/prices")["token"]
    assert sent(own, "/prices/close", {"token": token, "month": "2026-10"}).headers["location"] == "/prices"
    page = own.page("/prices")
    assert "The month is closed: its prices do not move any more." in page.text
    assert "2026-10" in page.text
    again = sent(own, "/prices/close", {"token": token, "month": "2026-10"})
    assert again.status_code == 400
    assert "2026-10 is closed already" in Page.of(again.text).text
    assert "is not a month" in Page.of(sent(own, "/prices/close", {"token": token, "month": "<b>"}).text).text


CHANGES = (
    ("/coverage/rules", {"rule": "when project=x set feature=y"}),
    ("/prices/close", {"month": "2026-09"}),
)


@pytest.mark.parametrize(("path", "fields"), CHANGES)
def test_nothing_is_changed_without_the_page_s_own_token_and_origin(
    path: str, fields: dict[str, str], own: Served
) -> None:
    held = {each: each.read_bytes() for each in own.folder.rglob("*.json")} | {
        own.folder / "whyspend.toml": (own.folder / "whyspend.toml").read_bytes()
    }
    token = form_of(own, "/prices")["token"]
    whole = {**fields, "token": token}
    refused = [
        sent(own, path, fields),
        sent(own, path, {**fields, "token": ""}),
        sent(own, path, {**fields, "token": "0" * 64}),
        sent(own, path, {**fields, "token": "käse"}),
        sent(own, path, whole, Cookie="whyspend_session=another"),
        sent(own, path, whole, Cookie=""),
        sent(own, path, whole, Origin="https://evil.example"),
        sent(own, path, whole, Origin="null"),
        sent(own, path, whole, **{"Sec-Fetch-Site": "cross-site"}),
        sent(own, path, whole, **{"Sec-Fetch-Site": "same-site"}),
        own.client.post(own.address + path, data=whole),
        own.client.post(own.address + path, json=whole, headers={"Origin": own.address}),
        sent(own, path, {**whole, "more": "x" * 70_000}),
    ]
    assert [answer.status_code for answer in refused] == [*[403] * 11, 400, 413]
    assert own.get(f"{path}?{'&'.join(f'{k}={v}' for k, v in whole.items())}").status_code == 405
    assert {each: each.read_bytes() for each in held} == held
