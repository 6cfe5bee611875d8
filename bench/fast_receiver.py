"""A receiver of webhooks that answers 204 at once: `python -m bench.fast_receiver PORT`.

`GET /` answers how many requests came, and when the last one did (monotonic seconds).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Counter:
    """Counts requests, on any number of connections."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection until it is closed."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    writer.write(self._shown())
                    continue
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.count += 1
                self.last = time.monotonic()
                writer.write(_NO_CONTENT)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _shown(self) -> bytes:
        body = json.dumps({"count": self.count, "last": self.last}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def main() -> None:
    """Serve on loopback until the process is ended."""
    server = await asyncio.start_server(Counter().serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
