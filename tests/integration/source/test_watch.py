"""Changes of the source that make no event are seen, and harmless ones are not reported."""

from __future__ import annotations

import time

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.endpoints import SourceAddress
from headrace.hops.source.client import SourceClient
from headrace.hops.source.probe import WalGuard
from headrace.hops.source.resource import Publication, ReplicaIdentity
from headrace.hops.source.slot import drop_slot
from headrace.hops.source.watch import CatalogueWatch, Change
from headrace.names import TableName
from tests.integration.source.servers import OWNER, Server

T = TableName("public", "t")
PUBLICATION = "headrace_shop_1"
COLUMNS = (Column("id", "integer", Conversion.INT, False), Column("n", "numeric(9,2)", Conversion.DECIMAL))


def watched(client: SourceClient, contract: TableContract) -> CatalogueWatch:
    ReplicaIdentity(client, contract.table).apply()
    Publication(client, PUBLICATION, [contract], OWNER).apply()
    watch = CatalogueWatch({PUBLICATION: [contract]})
    assert watch.findings(client) == []
    return watch


PLAIN = {
    "ALTER TABLE t ADD COLUMN extra text": Change.COLUMN_ADDED,
    "ALTER TABLE t DROP COLUMN n": Change.COLUMN_GONE,
    "ALTER TABLE t DROP COLUMN junk": Change.COLUMN_GONE,
    "ALTER TABLE t RENAME COLUMN n TO m": Change.COLUMN_RENAMED,
    "ALTER TABLE t ALTER COLUMN n TYPE numeric(9,3)": Change.COLUMN_RETYPED,
    "ALTER TABLE t ALTER COLUMN n TYPE text": Change.COLUMN_RETYPED,
    "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n numeric(9,2)": Change.COLUMN_REPLACED,
    "ALTER TABLE t DROP CONSTRAINT t_pkey": Change.KEY_CHANGED,
    "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, n)": Change.KEY_CHANGED,
    "ALTER TABLE t REPLICA IDENTITY DEFAULT": Change.IDENTITY_CHANGED,
    "DROP TABLE t": Change.TABLE_GONE,
    "ALTER TABLE t RENAME TO u": Change.TABLE_GONE,
    "ALTER PUBLICATION headrace_shop_1 DROP TABLE t": Change.UNPUBLISHED,
    "ALTER PUBLICATION headrace_shop_1 SET (publish = 'insert, update')": Change.UNPUBLISHED,
    "ALTER PUBLICATION headrace_shop_1 SET TABLE t WHERE (id > 0)": Change.UNPUBLISHED,
    "DROP PUBLICATION headrace_shop_1": Change.UNPUBLISHED,
}
HARMLESS = [
    "CREATE INDEX ON t (n)",
    "ALTER TABLE t ALTER COLUMN n SET DEFAULT 7",
    "ALTER TABLE t ADD CHECK (n > 0)",
    "INSERT INTO t VALUES (1, 2, 3)",
    "VACUUM FULL t",
    "COMMENT ON TABLE t IS 'x'",
    "CREATE TABLE other (id int)",
    "TRUNCATE t",
]


@pytest.mark.parametrize("statement", PLAIN)
def test_seen(server: Server, client: SourceClient, statement: str) -> None:
    if "SET TABLE t WHERE" in statement:
        server.skip_before(15, "row filter of a publication")
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2), junk int)")
    watch = watched(client, TableContract(T, "t", ("id",), COLUMNS, excluded=("junk",)))
    for part in statement.split("; "):
        client.execute(part)  # pyright: ignore[reportArgumentType]
    assert PLAIN[statement] in {finding.change for finding in watch.findings(client)}
    assert {finding.table for finding in watch.findings(client)} == {T}


def test_harmless(client: SourceClient) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2), junk int)")
    watch = watched(client, TableContract(T, "t", ("id",), COLUMNS, excluded=("junk",)))
    for statement in HARMLESS:
        client.execute(statement)  # pyright: ignore[reportArgumentType]
        assert watch.findings(client) == [], statement


def test_dropped_and_made_again(client: SourceClient) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2))")
    contract = TableContract(T, "t", ("id",), COLUMNS)
    watch = watched(client, contract)
    client.execute("DROP TABLE t")
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2))")
    again = CatalogueWatch({PUBLICATION: [contract]}, watch.baseline)
    assert [finding.change for finding in again.findings(client)] == [Change.TABLE_REPLACED]


@pytest.fixture
def partitioned(client: SourceClient) -> CatalogueWatch:
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2)) PARTITION BY RANGE (id);"
        "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE b PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (1, 1), (11, 1)"
    )
    return watched(client, TableContract(T, "t", ("id",), COLUMNS, partitioned=True))


PARTITIONS = {
    "ALTER TABLE t DETACH PARTITION a": Change.PARTITION_GONE,
    "DROP TABLE a": Change.PARTITION_GONE,
    "TRUNCATE a": Change.PARTITION_EMPTIED,
    "ALTER TABLE a REPLICA IDENTITY DEFAULT": Change.IDENTITY_CHANGED,
    "CREATE TABLE c (id int PRIMARY KEY, n numeric(9,2)); INSERT INTO c VALUES (21, 1); "
    "ALTER TABLE t ATTACH PARTITION c FOR VALUES FROM (20) TO (30)": Change.PARTITION_ATTACHED,
}


@pytest.mark.parametrize("statement", PARTITIONS)
def test_partitions(client: SourceClient, partitioned: CatalogueWatch, statement: str) -> None:
    for part in statement.split("; "):
        client.execute(part)  # pyright: ignore[reportArgumentType]
    assert PARTITIONS[statement] in {finding.change for finding in partitioned.findings(client)}


def test_rows_written_in_the_attaching_transaction(client: SourceClient, partitioned: CatalogueWatch) -> None:
    with client.transaction():
        client.execute("CREATE TABLE c (id int PRIMARY KEY, n numeric(9,2)); INSERT INTO c VALUES (21, 1)")
        client.execute("ALTER TABLE t ATTACH PARTITION c FOR VALUES FROM (20) TO (30)")
    assert Change.PARTITION_ATTACHED in {finding.change for finding in partitioned.findings(client)}


def test_an_empty_new_partition_is_adopted(client: SourceClient, partitioned: CatalogueWatch) -> None:
    client.execute("CREATE TABLE c PARTITION OF t FOR VALUES FROM (20) TO (30)")
    client.execute("INSERT INTO t VALUES (21, 1)")
    assert partitioned.findings(client) == []
    assert ReplicaIdentity(client, T).read() == {"identity": "full"}
    client.execute("TRUNCATE c")
    assert [finding.change for finding in partitioned.findings(client)] == [Change.PARTITION_EMPTIED]


def test_a_new_partition_in_use_is_adopted_later(
    client: SourceClient, partitioned: CatalogueWatch, address: SourceAddress
) -> None:
    client.execute("CREATE TABLE c PARTITION OF t FOR VALUES FROM (20) TO (30)")
    with SourceClient.connect(address) as writer, writer.transaction():
        writer.execute("INSERT INTO t VALUES (21, 1)")
        found = [finding.change for finding in partitioned.findings(client)]
        assert found == [Change.IDENTITY_CHANGED]
    ReplicaIdentity(client, T).apply()
    assert partitioned.findings(client) == []


def test_a_type_that_changed_before_the_first_look(client: SourceClient) -> None:
    client.execute("CREATE DOMAIN price AS numeric(9,2); CREATE TABLE t (id int PRIMARY KEY, n price)")
    contract = TableContract(T, "t", ("id",), COLUMNS)
    watched(client, contract)
    client.execute("ALTER TABLE t ALTER COLUMN n TYPE text")
    late = CatalogueWatch({PUBLICATION: [contract]})
    assert [finding.change for finding in late.findings(client)] == [Change.COLUMN_RETYPED]


def test_many_tables_are_cheap(client: SourceClient) -> None:
    contracts: list[TableContract] = []
    for number in range(100):
        client.execute(f"CREATE TABLE x{number} (id int PRIMARY KEY, n numeric(9,2))")  # pyright: ignore
        contracts.append(TableContract(TableName("public", f"x{number}"), f"x{number}", ("id",), COLUMNS))
    watch = CatalogueWatch({PUBLICATION: contracts})
    watch.findings(client)
    begun = time.monotonic()
    watch.findings(client)
    assert time.monotonic() - begun < 5  # some 0.05 s on a machine that is free


def test_wal_guard(client: SourceClient, address: SourceAddress) -> None:
    guard = WalGuard(address, "guard")
    assert list(guard.check()) == []
    client.execute("SELECT pg_create_logical_replication_slot('headrace_guard_1', 'pgoutput')")
    try:
        assert [alert.code for alert in guard.check()] == ["slot-inactive"]
    finally:
        drop_slot(client, "headrace_guard_1")
    assert list(guard.check()) == []
    guard.close()
    assert list(guard.check()) == []
    guard.close()
