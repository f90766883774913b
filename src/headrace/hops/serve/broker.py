"""Posts to Pinot's broker at the least cost to both sides.

Freshness is seen by asking again and again, so the observer must weigh little on the machine it looks at.
On two cores a small query takes 4.6 ms through the standard library's client and 6.3 ms through httpx
(medians of 300).
"""

from __future__ import annotations

import http.client
from collections import deque
from contextlib import suppress
from urllib.parse import urlsplit

from headrace.closing import Closing

_HEADERS = {"Content-Type": "application/json"}


class BrokerConnections(Closing):
    """Connections kept alive, as many as posts were ever under way at once.

    Promise: what is posted is sent again only when the broker had closed an idle connection; a post must
    therefore be a read.

    Args:
        url: `http://host:8099`, or https.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port
        secure = address.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._idle: deque[http.client.HTTPConnection] = deque()

    def close(self) -> None:
        """Close all connections but those on which an answer is awaited."""
        while (connection := self._take()) is not None:
            connection.close()

    def post(self, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Status and content of the answer.

        Raises:
            TimeoutError: none in time.
            OSError, http.client.HTTPException: not reached, or broken off.
        """
        while (connection := self._take()) is not None:
            with suppress(http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                return self._post(connection, path, body, timeout_s)
        return self._post(self._kind(self._host, self._port), path, body, timeout_s)

    def _take(self) -> http.client.HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        try:
            connection.request("POST", path, body, _HEADERS)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            # Half an answer must not be read as the next one's.
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, content
