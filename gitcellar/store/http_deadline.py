"""When does an HTTP answer end at the latest? requests, with a moment after which nothing is read any more.

A socket's timeout begins anew with every byte that comes. Here each read has what is left of the whole time, for the
status line, the headers, the framing and the body alike, and all of them together have a most number of bytes.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_MOST_BYTES = 32 * 1024 * 1024  # a line of headers or framing may have no end


class DeadlineAdapter(HTTPAdapter):
    """Sends requests whose answers are read until `until`, of time.monotonic()."""

    def __init__(self, until: float) -> None:
        self._until = until
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool of a request, with connections that keep to the moment."""
        pool = super().get_connection_with_tls_context(*args, **options)
        return self._bound(pool)

    def _bound(self, pool: HTTPConnectionPool) -> HTTPConnectionPool:
        until = self._until

        class Response(HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
                super().__init__(sock, *args, **options)
                self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock, until))

        class Plain(HTTPConnection):
            response_class = Response

        class Secure(HTTPSConnection):
            response_class = Response

        pool.ConnectionCls = Secure if isinstance(pool, HTTPSConnectionPool) else Plain
        return pool


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket's own reader, each time with no more patience than is left."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._source = source
        self._sock = sock
        self._until = until
        self._between = sock.gettimeout()
        self._room = _MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long as a whole")
        if self._room <= 0:
            raise OSError("the answer is too long")
        self._sock.settimeout(left if self._between is None else min(left, self._between))
        count: int = self._source.readinto(buffer)
        self._room -= count
        return count

    def close(self) -> None:
        self._source.close()
        super().close()
