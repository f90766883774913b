"""Posts over kept connections, against a server that breaks them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from headrace.hops.serve.broker import BrokerConnections

Talk = Callable[[socket.socket, int], None]


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """Calls `talk` with each connection and its number; closes it behind."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            number = 0
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                number += 1
                with connection:
                    talk(connection, number)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def read_body(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as lines:
        length = 0
        for line in iter(lines.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return lines.read(length)


def answer(connection: socket.socket, content: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))


def test_one_connection_serves_many_posts() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        for _ in range(3):
            answer(connection, b"%d:%s" % (number, read_body(connection)))

    with server(talk) as url, BrokerConnections(url) as broker:
        answers = [broker.post("/query/sql", text, 5.0) for text in (b"a", b"b", b"c")]
    assert answers == [(200, b"1:a"), (200, b"1:b"), (200, b"1:c")]


def test_an_idle_connection_that_was_closed_is_made_again() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        answer(connection, b"%d:%s" % (number, read_body(connection)))

    with server(talk) as url, BrokerConnections(url) as broker:
        assert broker.post("/query/sql", b"a", 5.0) == (200, b"1:a")
        assert broker.post("/query/sql", b"b", 5.0) == (200, b"2:b")


def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    asked_again = threading.Event()

    def talk(connection: socket.socket, number: int) -> None:
        body = read_body(connection)
        if number == 1:
            asked_again.wait(5.0)
        answer(connection, b"%d:%s" % (number, body))

    with server(talk) as url, BrokerConnections(url) as broker:
        with pytest.raises(TimeoutError):
            broker.post("/query/sql", b"a", 0.1)
        asked_again.set()
        assert broker.post("/query/sql", b"b", 5.0) == (200, b"2:b")


def test_a_new_connection_that_breaks_is_an_error() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        read_body(connection)

    with (
        server(talk) as url,
        BrokerConnections(url) as broker,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        broker.post("/query/sql", b"a", 5.0)


def test_half_an_answer_is_an_error() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        read_body(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with server(talk) as url, BrokerConnections(url) as broker, pytest.raises(http.client.IncompleteRead):
        broker.post("/query/sql", b"a", 5.0)
