"""The edge of this machine: a small HTTP server in place of a service."""

import base64
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

NO_CONTENT = 204
Hosts = Mapping[str, ssl.SSLContext]


@dataclass(frozen=True)
class Request:
    """A program's request."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes

    @property
    def token(self) -> str:
        """The token in any usual form; next to a password, the user name has no meaning."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(value).decode().partition(":")
            return password or user
        return value


@dataclass(frozen=True)
class Answer:
    """The service's answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(status: int, value: object, **headers: str) -> Answer:
    """An answer in JSON."""
    kind = {"Content-Type": "application/json"}
    return Answer(status, json.dumps(value).encode(), kind | headers)


def identity(host: str, certificate: Path) -> Hosts:
    """Make a host's certificate, with which `listen` can be that host."""
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    key = certificate.with_suffix(".key")
    subprocess.run(
        ["openssl", "req", *kind, *names, "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return {f"{host}:443": context}


@contextmanager
def listen(
    service: Callable[[Request], Answer], socket: Path | None = None, hosts: Hosts | None = None
) -> Iterator[str]:
    """Let a service answer on a unix socket or a free port, and yield the port's address.

    A program that uses the address as its proxy reaches `hosts`, all of which are this service,
    and to no others.
    """
    handler = partial(_Handler, service, hosts or {})
    server = _UnixServer(str(socket), handler) if socket else _Server(("127.0.0.1", 0), handler)
    with server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}" if isinstance(server, _Server) else ""
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    block_on_close = False  # A client may keep its connection open.


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, service: Callable[[Request], Answer], hosts: Hosts, *arguments: Any) -> None:
        self.service, self.hosts = service, hosts
        super().__init__(*arguments)

    def do_CONNECT(self) -> None:
        """Act as the proxy for a host, and then as the host."""
        if self.path not in self.hosts:
            self.send_error(502, f"{self.path} cannot be reached")
            return
        self.send_response(200)
        self.end_headers()
        self.request = self.hosts[self.path].wrap_socket(self.request, server_side=True)
        self.setup()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        answer = self.service(Request(self.command, url.path, url.query, self.headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_DELETE = do_PATCH = do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Log nothing."""
