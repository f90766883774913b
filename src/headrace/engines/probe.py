"""Questions put to a server to see whether it serves; never an exception for one that is not up."""

from __future__ import annotations

import socket

import httpx

TIMEOUT_S = 2.0


def listens(port: int) -> bool:
    """Whether anything accepts connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S):
            return True
    except OSError:
        return False


def get(port: int, path: str) -> httpx.Response | None:
    """The answer to a GET on a loopback port, whatever its status; None without an answer."""
    try:
        # No proxy of the environment for our own machine.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            return client.get(f"http://127.0.0.1:{port}{path}")
    except httpx.HTTPError:
        return None
