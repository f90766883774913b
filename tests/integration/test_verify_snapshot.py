"""The audit's snapshot keeps its table from being emptied, with no more than SELECT."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.names import TableName
from headrace.verify import snapshot
from headrace.verify.normalise import RowText
from headrace.verify.snapshot import open_snapshot
from tests.temporary_postgres import TemporaryPostgres

T = TableName("public", "t")


@pytest.fixture
def connection(postgres_server: TemporaryPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.recreate("snapshot"), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE t (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);"
            "CREATE TABLE t_1 PARTITION OF t DEFAULT; INSERT INTO t VALUES (1, 'a');"
            "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; SET lock_timeout = '200ms'"
        )
        yield connection
        connection.execute("DROP OWNED BY reader; DROP ROLE reader")


@pytest.fixture
def reader(postgres_server: TemporaryPostgres) -> SourceAddress:
    return SourceAddress("127.0.0.1", postgres_server.port, "snapshot", "reader", "", Path("unused"))


@pytest.mark.parametrize("emptied", ["t", "t_1"])
def test_a_truncate_waits_for_a_snapshot_of_a_role_that_may_select(connection, reader, emptied):
    connection.execute("GRANT SELECT ON t TO reader")
    with open_snapshot(reader, T) as opened:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(f"TRUNCATE {emptied}")
        connection.execute("INSERT INTO t VALUES (2, 'b')")
        assert opened.client.value("SELECT count(*) FROM t") == 1
    connection.execute(f"TRUNCATE {emptied}")


def test_a_role_that_may_read_columns_only_reads_without_the_lock(connection, reader):
    connection.execute("GRANT SELECT (k) ON t TO reader")
    with open_snapshot(reader, T) as opened:
        assert opened.client.value("SELECT count(k) FROM t") == 1


def test_a_table_that_stays_locked_is_told(connection, reader, postgres_server, monkeypatch):
    connection.execute("GRANT SELECT ON t TO reader")
    monkeypatch.setattr(snapshot, "LOCK_TIMEOUT_MS", 100)
    with connection.transaction():
        connection.execute("LOCK TABLE t")
        with pytest.raises(HeadraceError) as caught, open_snapshot(reader, T):
            pass
    assert caught.value.code == "verify-locked"


@pytest.mark.parametrize(("table", "remedy"), [("gone", "headrace plan"), ("t", "headrace grants")])
def test_what_cannot_be_read_is_told_with_its_own_remedy(connection, reader, table, remedy):
    column = Column("k", "integer", Conversion.INT, False)
    text = RowText.of(TableContract(TableName("public", table), table, ("k",), (column,)))
    with open_snapshot(reader, text.contract.table) as opened, pytest.raises(HeadraceError) as caught:
        list(opened.lines(text))
    assert caught.value.code == "verify-source"
    assert remedy in (caught.value.hint or "")


def test_a_database_in_latin_1_is_read_as_any_other(postgres_server, tmp_path):
    with psycopg.connect(postgres_server.recreate("latin", encoding="LATIN1"), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t VALUES (1, chr(252))")
    columns = (Column("k", "integer", Conversion.INT, False), Column("v", "text", Conversion.TEXT))
    text = RowText.of(TableContract(T, "t", ("k",), columns))
    address = SourceAddress("127.0.0.1", postgres_server.port, "latin", "tester", "", tmp_path / "unused")
    with open_snapshot(address, T) as opened:
        [line] = opened.lines(text)
    assert "ü" in line


def test_the_snapshot_is_taken_when_the_lock_is_held(connection, reader, postgres_server):
    connection.execute("GRANT SELECT ON t TO reader")
    with postgres_server.connect("snapshot") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute("TRUNCATE t; INSERT INTO t VALUES (7, 'c')")
            waiting = pool.submit(seen, reader)
            while not connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                time.sleep(0.01)
        assert waiting.result(30) == 7


def seen(reader: SourceAddress) -> object:
    with open_snapshot(reader, T) as opened:
        return opened.client.value("SELECT sum(k)::int FROM t")
