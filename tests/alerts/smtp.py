"""A mail server on loopback, with just enough of RFC 5321 for smtplib: STARTTLS, AUTH PLAIN, its own answers."""

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """What the server is told to do, and what it got. Answers are taken in turn; after them comes 250."""

    recipients: dict[str, list[str]] = field(default_factory=dict)
    """Answers to RCPT by address."""
    data: list[str] = field(default_factory=list)
    """Answers to a whole message."""
    login: tuple[str, str] | None = None
    """The only login that is accepted; offered only when there is one."""
    starttls: ssl.SSLContext | None = None
    """Offers STARTTLS, and takes neither a login nor mail before it."""
    tls: ssl.SSLContext | None = None
    """Speaks TLS from the first byte."""
    hangs_up: bool = False
    """Gives no answer to QUIT."""
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def served(mailbox: Mailbox) -> Iterator[int]:
    """The port of a running server."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            mailbox.connections += 1
            # A client that does not trust the certificate hangs up.
            with contextlib.suppress(OSError):
                request: socket.socket = self.request
                _Conversation(mailbox, request).run()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class _Conversation:
    def __init__(self, mailbox: Mailbox, connection: socket.socket) -> None:
        self.mailbox = mailbox
        self.connection = connection
        self.recipients: list[str] = []
        self.encrypted = False

    def run(self) -> None:
        if self.mailbox.tls:
            self._encrypt(self.mailbox.tls)
        try:
            self._say("220 loopback")
            while line := self._line():
                verb = line.split(" ")[0].split(":")[0].upper()
                if verb == "QUIT":
                    if not self.mailbox.hangs_up:
                        self._say("221 bye")
                    return
                self._answer(verb, line)
        finally:
            self.connection.close()

    def _answer(self, verb: str, line: str) -> None:
        box = self.mailbox
        if verb == "EHLO":
            offers = ["loopback"]
            offers += ["STARTTLS"] if box.starttls and not self.encrypted else []
            offers += ["AUTH PLAIN"] if box.login else []
            self._say(*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")
        elif verb == "STARTTLS" and box.starttls:
            self._say("220 go ahead")
            self._encrypt(box.starttls)
        elif box.starttls and not self.encrypted:
            self._say("530 STARTTLS first")
        elif verb == "AUTH":
            _, name, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            self._say("235 welcome" if (name, password) == box.login else f"535 not with {password}")
        elif verb == "RCPT":
            address = line.partition("<")[2].partition(">")[0]
            said = _next(box.recipients.get(address, []))
            self.recipients += [address] if said.startswith("250") else []
            self._say(said)
        elif verb == "DATA":
            self._say("354 end with a dot")
            content = self._content()
            said = _next(box.data)
            if said.startswith("250"):
                box.mails.append((self.recipients, message_from_bytes(content, policy=policy.default)))
            self.recipients = []
            self._say(said)
        else:
            self._say("250 OK")

    def _encrypt(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.encrypted = True

    def _say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _line(self) -> str:
        """One byte at a time: nothing may be read ahead of a handshake."""
        line = b""
        while not line.endswith(b"\n"):
            if not (byte := self.connection.recv(1)):
                return ""
            line += byte
        return line.decode().strip()

    def _content(self) -> bytes:
        content = b""
        while not content.endswith(b"\r\n.\r\n"):
            content += self.connection.recv(65536)
        return content[:-3].replace(b"\r\n..", b"\r\n.")


def _next(answers: list[str]) -> str:
    return answers.pop(0) if answers else "250 OK"
