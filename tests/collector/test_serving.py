"""A running collector and its HTTP: what it takes, what it refuses, and what is in the ledger afterwards."""

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.collector.running import (
    MULTIPART,
    Run,
    Serving,
    cells,
    environment,
    llm_run,
    multipart,
    report,
    send,
    serving,
    started,
    within,
    zstd,
)

MARKER = "words-that-nobody-may-keep"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all tests that only look at its answers."""
    with serving(tmp_path_factory.mktemp("shared")) as found:
        yield found


def post(server: Serving, path: str, content: bytes, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(f"{server.address}{path}", content=content, headers=named, timeout=60).status_code


def is_well(server: Serving) -> bool:
    return httpx2.get(f"{server.address}/healthz").text == "ok\n" and send(server.address, [llm_run()]) == 202


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_info_tells_sdks_to_send_batches_in_zstd(shared: Serving, prefix: str) -> None:
    answer = httpx2.get(f"{shared.address}{prefix}/info").json()
    assert answer["instance_flags"]["zstd_compression_enabled"]
    assert answer["batch_ingest_config"]["use_multipart_endpoint"]


def test_every_way_of_sending_leads_to_the_same_calls_within_two_seconds(tmp_path: Path) -> None:
    """The report comes from another process while the collector runs."""
    runs = [llm_run(number, feature=f"way-{number}", text=MARKER) for number in range(6)]
    singly = {"Content-Type": "application/json"}
    start = {key: value for key, value in runs[4].items() if key not in ("end_time", "outputs")}
    end = {"end_time": runs[4]["end_time"], "outputs": runs[4]["outputs"]}
    with serving(tmp_path) as server:
        batch = json.dumps({"post": [runs[2]], "patch": []}).encode()
        assert send(server.address, [runs[0]]) == 202
        assert send(server.address, [runs[1]], packed=False) == 202
        packed = gzip.compress(multipart([runs[5]]))
        assert post(server, "/runs/multipart", packed, Content_Type=MULTIPART, Content_Encoding="gzip") == 202
        assert post(server, "/runs/batch", batch) == 202
        assert post(server, "/api/v1/runs", json.dumps(runs[3]).encode()) == 202
        assert post(server, "/runs", json.dumps(start).encode()) == 202
        patched = httpx2.patch(f"{server.address}/runs/{start['id']}", json=end, headers=singly)
        assert patched.status_code == 202
        rows = within(5, tmp_path, 6, "feature")
        assert {row["feature"] for row in rows} == {f"way-{number}" for number in range(6)}
        assert all((row["input_tokens"], row["output_tokens"]) == (10, 2) for row in rows)
        assert server.end(signal.SIGINT) == 0
    assert MARKER not in server.text
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and MARKER.encode() in p.read_bytes()]


def test_a_patch_may_come_first_and_a_late_one_still_changes_the_call(tmp_path: Path) -> None:
    run = llm_run(feature=None)
    usage = run["extra"]["metadata"].pop("usage_metadata")
    start = {key: value for key, value in run.items() if key not in ("end_time", "outputs")}
    end = {"id": run["id"], "end_time": run["end_time"]}
    with serving(tmp_path) as server:
        url = f"{server.address}/runs"
        assert httpx2.patch(f"{url}/{run['id']}", json=end).status_code == 202
        assert httpx2.post(url, json=start).status_code == 202
        (row,) = within(5, tmp_path, 1)
        assert row["unpriced_calls"] == 1
        late = {"extra": {"metadata": {"usage_metadata": usage, "feature": "late"}}, **end}
        assert httpx2.patch(f"{url}/{run['id']}", json=late).status_code == 202
        assert server.end() == 0
    (row,) = report(tmp_path, "feature")
    assert (row["feature"], row["calls"], row["input_tokens"], row["unpriced_calls"]) == ("late", 1, 10, 0)


def test_a_run_that_never_ends_survives_a_restart_and_is_closed_as_unpriced_with_the_reason(
    tmp_path: Path,
) -> None:
    run = llm_run()
    del run["end_time"], run["outputs"], run["extra"]["metadata"]["usage_metadata"]
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n[collector]\nclose_after_s = 3600\n')
    with serving(tmp_path) as server:
        assert send(server.address, [run, llm_run()]) == 202
        within(5, tmp_path, 1)
        assert "whyspend_pending_runs 1" in httpx2.get(f"{server.address}/metrics").text
    assert sum(row["calls"] for row in report(tmp_path)) == 1
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n[collector]\nclose_after_s = 1\n')
    with serving(tmp_path):
        (row,) = within(10, tmp_path, 2)
        assert row["unpriced_calls"] == 1
    assert cells(
        tmp_path, "call_id = '" + run["id"] + "'", "status, error_kind, usage_source, usage_flag"
    ) == [("error", "NeverEnded", None, "missing")]


def test_a_second_server_on_the_ledger_says_so_in_one_line(tmp_path: Path) -> None:
    with serving(tmp_path):
        second = started(tmp_path)
        _, said = second.communicate(timeout=30)
    assert second.returncode == 2
    assert said.startswith("whyspend: Another `whyspend serve` runs on the ledger")
    assert said.count("\n") == 1


def test_an_address_that_is_taken_is_said_in_one_line(shared: Serving, tmp_path: Path) -> None:
    port = shared.address.rpartition(":")[2]
    second = started(tmp_path, "--port", port)
    _, said = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"port {port}" in said
    assert said.count("\n") == 1


# Who may speak


def test_an_address_that_others_reach_needs_a_key_and_refuses_everything_without_it(tmp_path: Path) -> None:
    refused = started(tmp_path, "--bind", "0.0.0.0")
    _, said = refused.communicate(timeout=30)
    assert refused.returncode == 2
    assert "--api-key env:NAME" in said
    options = ("--bind", "0.0.0.0", "--api-key", "env:THE_KEY")
    with serving(tmp_path, *options, THE_KEY="s3cret") as server:
        assert "s3cret" not in server.text
        local = f"http://127.0.0.1:{server.address.rpartition(':')[2]}"
        for path in ("/info", "/healthz", "/metrics", "/sessions?name=x", "/nowhere"):
            assert httpx2.get(local + path).status_code == 401
        assert send(local, [llm_run()]) == 401
        assert send(local, [llm_run()], headers={"x-api-key": "another"}) == 401
        assert send(local, [llm_run()], headers={"x-api-key": "s3cret"}) == 202
        assert send(local, [llm_run()], headers={"Authorization": "Bearer s3cret"}) == 202
        assert "s3cret" not in server.text


def test_a_key_on_the_command_line_is_refused(tmp_path: Path) -> None:
    done = started(tmp_path, "--api-key", "lsv2_the_key_itself")
    _, said = done.communicate(timeout=30)
    assert done.returncode == 2
    assert "env:NAME" in said
    assert "lsv2" not in said


def test_a_key_that_no_header_can_carry_is_refused_at_the_start_and_not_shown(tmp_path: Path) -> None:
    for key in ("schl\u00fcssel", "two\nlines"):
        done = started(tmp_path, "--api-key", "env:THE_KEY", THE_KEY=key)
        _, said = done.communicate(timeout=30)
        assert done.returncode == 2
        assert said.count("\n") == 1
        assert "the key in THE_KEY has other signs than ASCII has" in said
        assert key not in said


def test_a_wrong_key_of_other_letters_is_refused_like_any_other(tmp_path: Path) -> None:
    with serving(tmp_path, "--api-key", "env:THE_KEY", THE_KEY="s3cret") as server:
        for key in (b"schl\xc3\xbcssel", b"schl\xfcssel"):
            assert httpx2.get(f"{server.address}/info", headers={b"x-api-key": key}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8321"},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
def test_a_web_page_is_refused(shared: Serving, headers: dict[str, str]) -> None:
    assert send(shared.address, [llm_run()], headers=headers) == 403
    assert httpx2.get(f"{shared.address}/info", headers=headers).status_code == 403


def test_a_preflight_is_answered_with_nothing_that_would_let_a_page_in(shared: Serving) -> None:
    answer = httpx2.options(f"{shared.address}/runs", headers={"Access-Control-Request-Method": "POST"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


# What cannot be taken


BODY = multipart([llm_run()])


def bomb() -> bytes:
    return zstd(b"\0" * (300 << 20))


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (zstd(BODY)[:-9], {"Content_Encoding": "zstd"}, 400),
        (gzip.compress(BODY)[:-20], {"Content_Encoding": "gzip"}, 400),
        (BODY, {"Content_Encoding": "zstd"}, 400),
        (BODY, {"Content_Encoding": "br"}, 415),
        (BODY[:-8], {}, 400),
        (BODY, {"Content_Type": "multipart/form-data; boundary=another"}, 400),
        (BODY, {"Content_Type": "multipart/form-data"}, 400),
        (BODY, {"Content_Type": "application/json"}, 400),
        (b"", {}, 400),
    ],
    ids=[
        "zstd cut off", "gzip cut off", "not zstd", "unknown encoding", "cut off", "another boundary",
        "no boundary", "not multipart", "empty",
    ],
)  # fmt: skip
def test_a_broken_multipart_body_gets_its_status_and_the_server_lives(
    shared: Serving, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert post(shared, "/runs/multipart", content, **{"Content_Type": MULTIPART, **headers}) == status
    assert is_well(shared)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b'{"post": [{"name": "without an id"}]}', 422),
        (b"[" * 200_000, 400),
        (b'{"post": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
    ],
    ids=["cut off", "not UTF-8", "no object", "no id", "deep and open", "deep"],
)
def test_a_broken_batch_gets_its_status_and_the_server_lives(
    shared: Serving, content: bytes, status: int
) -> None:
    assert post(shared, "/runs/batch", content) in (status, 422)
    assert is_well(shared)


def peak_mb(server: Serving) -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_bombs_are_refused_without_growing(shared: Serving) -> None:
    assert is_well(shared)
    before = peak_mb(shared)
    packed = bomb()
    headers = {"Content_Type": MULTIPART, "Content_Encoding": "zstd"}
    assert post(shared, "/runs/multipart", packed, **headers) in (400, 413)
    head = b'--a-boundary-of-ours\r\nContent-Disposition: form-data; name="attachment.x.y"\r\n\r\n'
    assert post(shared, "/runs/multipart", zstd(head + b"\0" * (300 << 20)), **headers) == 413
    assert post(shared, "/runs/batch", packed, Content_Encoding="zstd") == 413
    assert post(shared, "/runs/batch", gzip.compress(b" " * (64 << 20)), Content_Encoding="gzip") == 413
    assert is_well(shared)
    assert peak_mb(shared) < before + 128


def test_a_declared_gigabyte_is_refused_before_it_is_sent(shared: Serving) -> None:
    import socket

    host, port = shared.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            f"POST /runs/multipart HTTP/1.1\r\nHost: {host}\r\nContent-Type: {MULTIPART}\r\n"
            f"Content-Length: {1 << 30}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert is_well(shared)


def test_what_is_not_there_is_a_404_that_says_nothing(shared: Serving) -> None:
    answer = httpx2.post(f"{shared.address}/runs/nothing/like/this", json={})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_runs_of_a_project_made_by_id_are_of_its_name(tmp_path: Path) -> None:
    """The name survives a restart."""
    run: Run = llm_run()
    project: dict[str, Any] = {"id": "6b0cd9ff-1111-4a4a-9999-2c7f0b7e0000", "name": "by id"}
    del run["session_name"]
    with serving(tmp_path) as server:
        assert httpx2.post(f"{server.address}/sessions", json=project).json()["name"] == "by id"
    with serving(tmp_path) as server:
        assert send(server.address, [run | {"session_id": project["id"]}]) == 202
    (row,) = report(tmp_path, "project")
    assert row["project"] == "by id"


def test_the_help_needs_none_of_the_packages_of_the_server() -> None:
    code = "import sys\nfrom whyspend.cli import run\nrun(['serve', '--help'])\nprint(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert "--api-key" in done.stdout
    assert "'uvicorn'" not in done.stdout
    assert "'duckdb'" not in done.stdout
