"""Where programs leave this machine: a small HTTP server in the place of a service."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread
from urllib.parse import urlsplit

NO_CONTENT = 204


@dataclass(frozen=True)
class Request:
    """What a program asks."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes

    @property
    def token(self) -> str | None:
        """The token of any of the usual forms; with a password, the user's name says nothing."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(value).decode().partition(":")
            return password or user
        return value or None


@dataclass(frozen=True)
class Answer:
    """What the service answers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(status: int, value: object, **headers: str) -> Answer:
    """An answer in JSON."""
    kind = {"Content-Type": "application/json"}
    return Answer(status, json.dumps(value).encode(), kind | headers)


@contextmanager
def listen(service: Callable[[Request], Answer], socket: Path | None = None) -> Iterator[str]:
    """Let a service answer, on a unix socket or a free port, and give that port's address."""
    handler = partial(_Handler, service)
    server = _UnixServer(str(socket), handler) if socket else _Server(("127.0.0.1", 0), handler)
    with server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield "" if socket else f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    block_on_close = False  # A client may keep its connection open.


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, service: Callable[[Request], Answer], *arguments: object) -> None:
        self.service = service
        super().__init__(*arguments)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        request = Request(self.command, url.path, url.query, self.headers, self._body())
        answer = self.service(request)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_DELETE = do_PATCH = do_POST = do_PUT = do_GET

    def _body(self) -> bytes:
        """The request's body; git sends one of more than a megabyte in chunks."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        chunk = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return chunk

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
