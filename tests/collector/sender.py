"""Sends runs until they are all acknowledged, and writes down their ids: `sender.py ADDRESS BATCHES FILE PAUSE`.

Each run is sent as a start in one request and as an end in a later one; what was not acknowledged is sent again.
"""

import sys
import time
from pathlib import Path

import httpx2
from tests.collector.running import MULTIPART, Run, llm_run, multipart, zstd

AT_ONCE = 20


def main(address: str, batches: int, path: str, pause: float) -> None:
    with httpx2.Client(timeout=10) as client, Path(path).open("w") as acknowledged:
        waiting: list[Run] = []
        for _ in range(batches):
            runs = [llm_run() for _ in range(AT_ONCE)]
            starts = [{key: run[key] for key in run if key not in ("end_time", "outputs")} for run in runs]
            _insist(client, address, zstd(multipart(starts) if not waiting else _both(starts, waiting)))
            acknowledged.writelines(f"{run['id']}\n" for run in waiting)
            waiting = runs
            time.sleep(pause)
        _insist(client, address, zstd(multipart([_end(run) for run in waiting], "patch")))
        acknowledged.writelines(f"{run['id']}\n" for run in waiting)


def _both(starts: list[Run], ended: list[Run]) -> bytes:
    """Starts of new runs and ends of earlier ones in one body."""
    first = multipart(starts).removesuffix(b"--a-boundary-of-ours--\r\n")
    return first + multipart([_end(run) for run in ended], "patch")


def _end(run: Run) -> Run:
    return {key: run[key] for key in ("id", "trace_id", "dotted_order", "end_time", "outputs")}


def _insist(client: httpx2.Client, address: str, body: bytes) -> None:
    headers = {"Content-Type": MULTIPART, "Content-Encoding": "zstd"}
    for _ in range(600):
        try:
            answer = client.post(f"{address}/runs/multipart", content=body, headers=headers)
        except httpx2.HTTPError:
            time.sleep(0.1)  # it was killed
            continue
        if answer.status_code == 202:
            return
        assert answer.status_code == 503, answer.text
        time.sleep(float(answer.headers["Retry-After"]))
    raise SystemExit("never acknowledged")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
