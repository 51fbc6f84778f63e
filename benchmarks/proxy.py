"""A proxy on this machine that counts the fetched bytes."""

import socket
import socketserver
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Handler(socketserver.StreamRequestHandler):
    """Tunnels one CONNECT request, as package installers make them."""

    server: "Proxy"

    def handle(self) -> None:
        if not (request := self.rfile.readline()):
            return
        method, target, _ = request.decode().split()
        while self.rfile.readline().strip():
            pass
        if method != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 Only CONNECT\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            upwards = threading.Thread(
                target=lambda: deque(self.pump(self.connection, upstream), maxlen=0), daemon=True
            )
            upwards.start()
            for data in self.pump(upstream, self.connection):
                self.server.fetched += len(data)

    @staticmethod
    def pump(source: socket.socket, target: socket.socket) -> Iterator[bytes]:
        """Pass on what comes from `source`, and yield it, until one side hangs up."""
        try:
            while data := source.recv(65536):
                target.sendall(data)
                yield data
        except OSError:
            return


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port; `fetched` counts bytes, encryption included."""

    daemon_threads = True
    fetched = 0

    def environment(self) -> dict[str, str]:
        address = f"http://127.0.0.1:{self.server_address[1]}"
        return {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": "127.0.0.1"}


@contextmanager
def counting_proxy() -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
