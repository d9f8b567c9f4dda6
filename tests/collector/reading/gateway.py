"""A gateway on loopback that lets only version 1 of an API through, as a server does that is too old for the next."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2


@contextmanager
def old_api(address: str) -> Iterator[str]:
    """The address of one before another address."""
    client = httpx2.Client(base_url=address, timeout=30)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Silent."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found = client.request(self.command, self.path, content=body)
            is_new = self.path.startswith("/api/v2")
            content = b'{"detail": "Not Found"}' if is_new else found.content
            self.send_response(404 if is_new else found.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        client.close()
