"""An export in a bucket, read from a real S3 server on loopback."""

import socket
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.traffic import traffic
from tests.sources.export_files import (
    close_all,
    differences,
    expected,
    pulled,
    runs_of,
    workspace,
    write_hive,
)

from whyspend.errors import MissingExtraError, SourceError
from whyspend.sources import langsmith_export
from whyspend.sources.langsmith_export import files

stores = pytest.importorskip("obstore.store")
moto = pytest.importorskip("moto.server")

DAYS = ("2026-11-10", "2026-11-12")
SECRET = "SECRET-KEY-OF-THE-BUCKET"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    running.start()
    yield f"http://127.0.0.1:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The name of a new one, for which the environment has credentials."""
    for key, value in {
        "AWS_ENDPOINT_URL": server, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "key-id",
        "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    name = f"exports-{abs(hash(tmp_path)) % 10**9}"
    urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT")).close()
    yield name
    close_all()


def upload(folder: Path, bucket: str, prefix: str) -> None:
    store = stores.from_url(f"s3://{bucket}/{prefix}")
    for path in sorted(folder.rglob("*.parquet")):
        store.put(path.relative_to(folder).as_posix(), path.read_bytes())


def test_an_export_in_a_bucket_gives_the_same_rows_as_in_a_folder(tmp_path: Path, bucket: str) -> None:
    runs = runs_of(traffic(datetime(2026, 11, 10, tzinfo=UTC), 3, 13))
    write_hive(tmp_path / "export", [run for run in runs if run["start_time"] < "2026-11-12"], "typed")
    upload(tmp_path / "export", bucket, "team a/exports")
    place = workspace(tmp_path, f"s3://{bucket}/team a/exports")
    assert pulled(place, *DAYS)
    assert [step.calls for step in place.pull("export", place.window(*DAYS))] == [0]
    write_hive(tmp_path / "export", runs, "typed")
    upload(tmp_path / "export", bucket, "team a/exports")
    assert differences(pulled(place, *DAYS), expected(runs)) == {}


def test_what_was_fetched_is_removed_again(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    write_hive(tmp_path / "export", runs_of(traffic(datetime(2026, 11, 10, tzinfo=UTC), 1, 13)))
    upload(tmp_path / "export", bucket, "e")
    assert pulled(workspace(tmp_path, f"s3://{bucket}/e"), *DAYS)
    assert [path.name for path in temporary.iterdir() if "export" in path.name] == []


def test_a_bucket_that_cannot_be_read_says_so_without_the_key(tmp_path: Path, bucket: str) -> None:
    with pytest.raises(SourceError, match=r"s3://no-such-bucket/x cannot be read") as caught:
        pulled(workspace(tmp_path, "s3://no-such-bucket/x"), *DAYS)
    assert SECRET not in str(caught.value)
    with pytest.raises(SourceError, match="no address of an object store"):
        pulled(workspace(tmp_path / "b", "floppy://a"), *DAYS)


def test_without_obstore_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, Any] = {"obstore": None, "obstore.store": None}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    (finding,) = langsmith_export.check(path="s3://bucket/prefix")
    assert finding.level == "problem"
    assert finding.next_step == "Install it: pip install 'whyspend[s3]'"
    with pytest.raises(MissingExtraError):
        files.place("s3://bucket/prefix")


def test_a_check_names_files_days_and_projects_without_a_name(tmp_path: Path, bucket: str) -> None:
    write_hive(tmp_path / "export", runs_of(traffic(datetime(2026, 11, 10, tzinfo=UTC), 2, 13)))
    upload(tmp_path / "export", bucket, "e")
    for path in (f"s3://{bucket}/e", str(tmp_path / "export")):
        files, columns, names = langsmith_export.check(path=path)
        assert "2026-11-10 to 2026-11-11" in files.what
        assert columns.level == "ok"
        assert names.what.startswith("3 projects are shown by their UUID")
    (empty,) = langsmith_export.check(path=f"s3://{bucket}/nothing")
    assert empty.level == "empty"
