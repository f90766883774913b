"""The requests we make of ZooKeeper, in its own protocol: what is below a node, read, write and remove it.

They mend what a killed Pinot left there, by whoever knows that the process is gone: instances whose sessions
linger, and commits of segments that were under way.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Self

_DELETE, _GET, _SET, _GET_CHILDREN, _CLOSE = 2, 4, 5, 8, -11
_NO_NODE = -101
_SESSION_TIMEOUT_MS = 4000
_VERSION_IN_STAT = 32
"""Behind two transaction ids and two times of eight bytes each."""


class ZooKeeperUnavailable(Exception):
    """It is not there, or does not answer in time."""


class ZooKeeperRefusal(Exception):
    """It answered with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ZooKeeper answered with error {code}")
        self.code = code


class ZooKeeperClient:
    """A session, for a `with` block.

    Raises:
        ZooKeeperUnavailable: from every method, when the server does not answer.
    """

    def __init__(self, port: int, timeout_s: float = 2.0, host: str = "127.0.0.1") -> None:
        self._request_id = 0
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise ZooKeeperUnavailable(str(error)) from error
        try:
            self._send(struct.pack(">iqiqi16s", 0, 0, _SESSION_TIMEOUT_MS, 0, 16, bytes(16)))
            self._receive()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._request(_CLOSE, b"")
        except ZooKeeperUnavailable:
            pass
        finally:
            self._socket.close()

    def children(self, path: str) -> list[str]:
        """The names below a node; none when the node does not exist."""
        try:
            reply = self._request(_GET_CHILDREN, _string(path) + b"\0")
        except ZooKeeperRefusal as refusal:
            if refusal.code == _NO_NODE:
                return []
            raise
        (count,) = struct.unpack_from(">i", reply)
        names, at = list[str](), 4
        for _ in range(count):
            (length,) = struct.unpack_from(">i", reply, at)
            names.append(reply[at + 4 : at + 4 + length].decode())
            at += 4 + length
        return names

    def get(self, path: str) -> tuple[bytes, int] | None:
        """What a node holds, and the version of it; None when the node does not exist."""
        try:
            reply = self._request(_GET, _string(path) + b"\0")
        except ZooKeeperRefusal as refusal:
            if refusal.code == _NO_NODE:
                return None
            raise
        (length,) = struct.unpack_from(">i", reply)
        (version,) = struct.unpack_from(">i", reply, 4 + length + _VERSION_IN_STAT)
        return reply[4 : 4 + length], version

    def set(self, path: str, content: bytes, version: int) -> None:
        """Replace what a node holds.

        Raises:
            ZooKeeperRefusal: it is not there, or in another version by now.
        """
        self._request(
            _SET, _string(path) + struct.pack(">i", len(content)) + content + struct.pack(">i", version)
        )

    def delete(self, path: str) -> None:
        """Remove a node without children, in any version; done already counts as done."""
        try:
            self._request(_DELETE, _string(path) + struct.pack(">i", -1))
        except ZooKeeperRefusal as refusal:
            if refusal.code != _NO_NODE:
                raise

    def _request(self, kind: int, body: bytes) -> bytes:
        self._request_id += 1
        self._send(struct.pack(">ii", self._request_id, kind) + body)
        while True:
            reply = self._receive()
            request_id, _zxid, code = struct.unpack_from(">iqi", reply)
            if request_id == self._request_id:
                break
        if code:
            raise ZooKeeperRefusal(code)
        return reply[16:]

    def _send(self, body: bytes) -> None:
        try:
            self._socket.sendall(struct.pack(">i", len(body)) + body)
        except OSError as error:
            raise ZooKeeperUnavailable(str(error)) from error

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._read(4))
        return self._read(length)

    def _read(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            try:
                block = self._socket.recv(length - len(content))
            except OSError as error:
                raise ZooKeeperUnavailable(str(error)) from error
            if not block:
                raise ZooKeeperUnavailable("it closed the connection")
            content += block
        return content


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">i", len(encoded)) + encoded
