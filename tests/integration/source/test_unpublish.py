"""A table leaves a publication at one point of the WAL: what is committed later never passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from headrace.contract import TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.source import locking
from headrace.hops.source.client import SourceClient
from headrace.hops.source.resource import Publication, read_publications, unpublish
from headrace.hops.source.slot import drop_slot
from headrace.names import TableName
from tests.integration.source.servers import OWNER

NAME = "headrace_unpublish_1"
TABLE = TableName("public", "t")

_PASSED = """
SELECT count(*) FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1',
                                                         'publication_names', %s)
 WHERE get_byte(data, 0) = ascii('I')
"""


@pytest.fixture
def published(client: SourceClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceClient]:
    """A partitioned and a plain table in one publication with a slot."""
    monkeypatch.setattr(locking, "_PAUSE_S", 0.05)
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE leaf PARTITION OF t FOR VALUES FROM (0) TO (99); CREATE TABLE u (id int PRIMARY KEY)"
    )
    contracts = [TableContract(TableName("public", name), name, ("id",), ()) for name in ("t", "u")]
    Publication(client, NAME, contracts, OWNER).apply()
    client.execute(f"SELECT pg_create_logical_replication_slot('{NAME}', 'pgoutput')")  # pyright: ignore[reportArgumentType]
    yield client
    drop_slot(client, NAME)


def passed(client: SourceClient) -> int:
    """Rows that come out of the slot."""
    return int(client.value(_PASSED, (NAME, NAME)))


def published_tables(client: SourceClient) -> list[str]:
    (state,) = read_publications(client, NAME)
    return [table.table for table in state.tables]


def test_what_is_committed_later_does_not_pass(published: SourceClient) -> None:
    published.execute("INSERT INTO t VALUES (1)")
    for _ in range(2):
        unpublish(published, NAME, TABLE)
        assert published_tables(published) == ["u"]
    published.execute("INSERT INTO t VALUES (2)")
    assert passed(published) == 1
    published.execute("INSERT INTO u VALUES (1)")
    assert passed(published) == 2
    unpublish(published, NAME, TableName("public", "u"))
    published.execute("INSERT INTO u VALUES (2)")
    assert published_tables(published) == []
    assert passed(published) == 2


@pytest.mark.parametrize("target", ["t", "leaf"])
def test_a_transaction_that_has_written_is_waited_for(
    published: SourceClient, address: SourceAddress, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock its row would pass whenever it commits."""
    monkeypatch.setattr(locking, "LOCK_TIMEOUT_MS", 50)
    with SourceClient.connect(address) as writer:
        writer.execute("BEGIN")
        writer.execute(f"INSERT INTO {target} VALUES (1)")  # pyright: ignore[reportArgumentType]
        with pytest.raises(HeadraceError) as caught:
            unpublish(published, NAME, TABLE)
        assert caught.value.code == "source-table-locked"
        assert published_tables(published) == ["t", "u"]
        monkeypatch.setattr(locking, "LOCK_TIMEOUT_MS", 2000)  # free soon, on a slow machine too
        began = time.monotonic()
        done = threading.Timer(0.3, writer.execute, ("COMMIT",))
        done.start()
        unpublish(published, NAME, TABLE)
        assert time.monotonic() - began >= 0.3
        done.join()
        writer.execute(f"INSERT INTO {target} VALUES (2)")  # pyright: ignore[reportArgumentType]
    assert passed(published) == 1


def test_why_a_lock_is_needed(published: SourceClient, address: SourceAddress) -> None:
    """A publication is read as it was when a row was written, not when its transaction was committed."""
    with SourceClient.connect(address) as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO t VALUES (1)")
        published.execute(f"ALTER PUBLICATION {NAME} DROP TABLE t")  # pyright: ignore[reportArgumentType]
        assert passed(published) == 0
        writer.execute("COMMIT")
    assert passed(published) == 1


def test_what_is_not_published_is_left_alone(client: SourceClient) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY)")
    unpublish(client, NAME, TABLE)
    client.execute(f"CREATE PUBLICATION {NAME} FOR ALL TABLES")  # pyright: ignore[reportArgumentType]
    unpublish(client, NAME, TABLE)
    assert published_tables(client) == []
