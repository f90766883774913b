"""Questions put to a server to see whether it serves; never an exception for one that is not up.

They are asked all the time, also by short processes of their own: hence the standard library's client, which
loads in a moment.
"""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass

TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status_code: int
    text: str

    @property
    def is_error(self) -> bool:
        return self.status_code >= 400

    def json(self) -> object:
        return json.loads(self.text)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether anything accepts connections on a port, a loopback one unless said otherwise."""
    try:
        with socket.create_connection((host, port), TIMEOUT_S):
            return True
    except OSError:
        return False


def get(port: int, path: str) -> Answer | None:
    """The answer to a GET on a loopback port, whatever its status; None without an answer."""
    # No proxy of the environment for our own machine.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode("utf-8", errors="replace"))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
