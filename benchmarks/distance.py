"""A distant server: a proxy that delays traffic and counts round trips."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Distance:
    """Forwards a loopback port to another one, with half a round trip of delay each way."""

    def __init__(self, port: int, round_trip: float) -> None:
        self.target, self.round_trip = port, round_trip
        self.port = 0
        self.trips: list[tuple[float, str]] = []
        """The start time of each round trip, and its kind: "connect", or the bytes sent."""

    async def tunnel(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.trips.append((time.time(), "connect"))
        await asyncio.sleep(self.round_trip)
        server, forth = await asyncio.open_connection("127.0.0.1", self.target)
        answered = True

        def sent(data: bytes) -> None:
            nonlocal answered
            if answered:
                self.trips.append((time.time(), data[:80].decode(errors="replace")))
            answered = False

        def received(_: bytes) -> None:
            nonlocal answered
            answered = True

        await asyncio.gather(self.pump(client, forth, sent), self.pump(server, back, received))

    async def pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        seen: Callable[[bytes], None],
    ) -> None:
        later = asyncio.get_running_loop().call_later
        try:
            while data := await source.read(65536):
                seen(data)
                later(self.round_trip / 2, target.write, data)
        except ConnectionError:
            pass  # One side has closed the connection; the other is closed below.
        later(self.round_trip / 2, target.close)


@contextmanager
def distant(port: int, round_trip: float) -> Iterator[Distance]:
    """Put a server on this machine at a distance, in seconds for a round trip."""
    distance = Distance(port, round_trip)
    loop = asyncio.new_event_loop()
    listener = loop.run_until_complete(asyncio.start_server(distance.tunnel, "127.0.0.1", 0))
    distance.port = listener.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield distance
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
