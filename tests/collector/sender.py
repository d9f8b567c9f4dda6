"""An application with LangSmith's SDK that writes down which of its runs were acknowledged: `sender.py ADDRESS RUNS
FILE RETRIES`. It makes runs until so many ends of runs are; what the SDK gives up after its retries is not.

Every line of FILE is `post <run id>` or `patch <run id>`, written after the request with it was answered with 202.
"""

import re
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

AT_ONCE = 100
"""Runs between two flushes."""
UNENDED = 25
"""One run of so many is never ended."""

PART = re.compile(rb'name="(post|patch)\.([0-9a-f-]{36})"').findall
"""The first part of each run in a body; those with its inputs, outputs and so on have longer names."""


class Counts(NamedTuple):
    """What one run used."""

    input_tokens: int
    output_tokens: int


def counts(run_id: str) -> Counts:
    """Give a run counts of its own, so that those of another are noticed."""
    return Counts(int(run_id[-4:], 16), int(run_id[-8:-4], 16))


class Acknowledged:
    """What was acknowledged so far; several threads of the SDK tell of it."""

    def __init__(self, path: str) -> None:
        self.ended = 0
        self.packed = 0
        """Requests in zstd: all but the first ones, before the SDK knows that it may."""
        self._file = Path(path).open("a")  # noqa: SIM115 - until the process ends
        self._lock = threading.Lock()

    def note(self, body: bytes, is_packed: bool) -> None:
        import zstandard

        told = PART(zstandard.ZstdDecompressor().decompressobj().decompress(body) if is_packed else body)
        with self._lock:
            self.packed += is_packed
            self._file.writelines(f"{op.decode()} {run_id.decode()}\n" for op, run_id in told)
            self._file.flush()
            self.ended += sum(op == b"patch" for op, _ in told)


def client(address: str, acknowledged: Acknowledged, retries: int) -> Any:
    """LangSmith's client, whose own session says what was acknowledged."""
    import requests
    from langsmith import Client
    from urllib3.util import Retry

    class Watching(requests.Session):
        def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
            answer = super().send(request, **settings)
            if request.path_url == "/runs/multipart" and answer.status_code == 202:
                body: Any = request.body
                is_packed = request.headers.get("Content-Encoding") == "zstd"
                acknowledged.note(body.getvalue() if is_packed else body, is_packed)
            return answer

    patience = None if retries else Retry(total=0)
    return Client(api_url=address, api_key="local", session=Watching(), retry_config=patience)


def main(address: str, runs: int, path: str, retries: int) -> None:
    from langsmith.run_trees import RunTree

    acknowledged = Acknowledged(path)
    sdk = client(address, acknowledged, retries)
    made = 0
    while (before := acknowledged.ended) < runs:
        for _ in range(AT_ONCE):
            run = RunTree(
                name="ChatOpenAI",
                run_type="llm",
                project_name="tests",
                inputs={"messages": [{"role": "user", "content": "hello"}]},
                extra={"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}},
                ls_client=sdk,
            )
            run.post()
            made += 1
            if made % UNENDED:
                used = counts(str(run.id))._asdict()
                run.end(outputs={"usage_metadata": {**used, "total_tokens": sum(used.values())}})
                run.patch()
        sdk.flush()
        if acknowledged.ended == before:
            time.sleep(0.1)  # it was killed, and the SDK gave up
    print(made, acknowledged.packed)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
