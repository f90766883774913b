"""How large the logs of the partitions are on the brokers' disks.

librdkafka has no call for it, so one request of Kafka's protocol is written here by hand: DescribeLogDirs,
version 1, which every broker of Kafka 1.0 to 4.x answers. Promise: sizes are those the brokers stated, all
replicas together; where one of them cannot be asked this way, there are none at all.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from headrace.hops.topic.client import Broker, KafkaClient

API_KEY = 35
API_VERSION = 1
TIMEOUT_S = 5.0
LARGEST_ANSWER_BYTES = 100_000_000

Sizes = dict[str, dict[int, int]]
"""Topic, partition, bytes."""


def log_sizes(client: KafkaClient, brokers: Sequence[Broker]) -> Sizes | None:
    """Bytes on disk of every partition; None when that cannot be told: a secured cluster, a broker away."""
    if client.is_secured:
        return None
    found: Sizes = {}
    try:
        for broker in brokers:
            for topic, partition, size_bytes in _parsed(_ask(broker)):
                sizes = found.setdefault(topic, {})
                sizes[partition] = sizes.get(partition, 0) + size_bytes
    except (OSError, ValueError, struct.error, UnicodeDecodeError):
        return None
    return found


def _ask(broker: Broker) -> bytes:
    name = b"headrace"
    header = struct.pack(">hhih", API_KEY, API_VERSION, 1, len(name)) + name
    request = header + struct.pack(">i", -1)  # of every topic
    with socket.create_connection((broker.host, broker.port), TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _received(connection, 4))
        if not 0 < length < LARGEST_ANSWER_BYTES:
            raise ValueError("not an answer of Kafka")
        return _received(connection, length)


def _received(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ValueError("the broker hung up")
        data += part
    return bytes(data)


class _Reader:
    """Takes values of Kafka's protocol from the front of an answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from(f">{form}", self._data, self._at)
        self._at += struct.calcsize(f">{form}")
        return int(value)

    def text(self) -> str:
        length = self.take("h")
        text = self._data[self._at : self._at + length].decode()
        self._at += length
        return text


def _parsed(answer: bytes) -> list[tuple[str, int, int]]:
    reader = _Reader(answer)
    found: list[tuple[str, int, int]] = []
    reader.take("i")  # the number of the request
    reader.take("i")  # for how long it was throttled
    for _ in range(reader.take("i")):
        if reader.take("h"):
            raise ValueError("the broker refuses, or a folder of its logs is broken")
        reader.text()
        for _ in range(reader.take("i")):
            topic = reader.text()
            for _ in range(reader.take("i")):
                partition, size_bytes = reader.take("i"), reader.take("q")
                reader.take("q")  # how far a replica is behind
                # A log that is being moved to another folder is there twice for a while.
                if not reader.take("b"):
                    found.append((topic, partition, size_bytes))
    return found
