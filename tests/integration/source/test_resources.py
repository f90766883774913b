"""Replica identity, publication and slot keep the promises of a Resource, on real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from headrace.contract import TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.source import locking
from headrace.hops.source.client import SourceClient
from headrace.hops.source.fence import PREFIX, emit
from headrace.hops.source.probe import position, project_slots
from headrace.hops.source.resource import Publication, ReplicaIdentity, read_publications
from headrace.hops.source.slot import SlotResource, drop_slot, read_slot
from headrace.names import TableName
from headrace.plan.resource import Resource
from tests.integration.source.servers import OWNER


def contract(*names: str) -> list[TableContract]:
    return [TableContract(TableName.parse(name), name, ("id",), ()) for name in names]


def keeps_the_promise(resource: Resource, gone: Callable[[], object]) -> None:
    """apply leaves `read() == desired`, again is nothing, delete restores, again is nothing."""
    before = resource.read()
    assert before != resource.desired, "the test needs something to do"
    resource.apply()
    assert resource.read() == resource.desired
    resource.apply()
    assert resource.read() == resource.desired
    resource.delete()
    assert gone() == before
    resource.delete()
    assert gone() == before


@pytest.mark.parametrize("before", ["default", "nothing", "index t_n_idx"])
def test_identity(client: SourceClient, before: str) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); CREATE UNIQUE INDEX ON t (n)")
    words = {"default": "DEFAULT", "nothing": "NOTHING", "index t_n_idx": "USING INDEX t_n_idx"}
    client.execute(f"ALTER TABLE t REPLICA IDENTITY {words[before]}")
    resource = ReplicaIdentity(client, TableName("public", "t"), before)
    assert resource.read() == {"identity": before}
    keeps_the_promise(resource, resource.read)


def test_identity_of_partitions(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (9);"
        "CREATE TABLE b PARTITION OF t FOR VALUES FROM (9) TO (99) PARTITION BY RANGE (id);"
        "CREATE TABLE c PARTITION OF b FOR VALUES FROM (9) TO (20); ALTER TABLE c REPLICA IDENTITY NOTHING"
    )
    table = TableName("public", "t")
    found = ReplicaIdentity(client, table).read()
    assert found is not None
    keeps_the_promise(
        ReplicaIdentity(client, table, str(found["identity"])), ReplicaIdentity(client, table).read
    )
    resource = ReplicaIdentity(client, table, "default")
    resource.apply()
    client.execute("CREATE TABLE d PARTITION OF t FOR VALUES FROM (100) TO (200)")
    assert resource.read() != resource.desired, "a new partition does not inherit the identity"
    resource.apply()
    assert resource.read() == resource.desired


def test_identity_of_no_table(client: SourceClient) -> None:
    resource = ReplicaIdentity(client, TableName("public", "gone"), "default")
    assert resource.read() is None
    resource.delete()


def test_identity_stays_while_somebody_publishes_the_table(client: SourceClient) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION other FOR TABLE t")
    resource = ReplicaIdentity(client, TableName("public", "t"), "default")
    resource.apply()
    resource.delete()
    assert resource.read() == resource.desired
    client.execute("DROP PUBLICATION other")
    resource.delete()
    assert resource.read() == {"identity": "default"}


def test_identity_waits_for_a_lock_but_not_in_everybodys_way(
    client: SourceClient, address: SourceAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(locking, "_PAUSE_S", 0.1)
    client.execute("CREATE TABLE t (id int PRIMARY KEY)")
    resource = ReplicaIdentity(client, TableName("public", "t"), "default")
    with SourceClient.connect(address) as holder, holder.transaction():
        holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        with pytest.raises(HeadraceError) as caught:
            resource.apply()
        assert caught.value.code == "source-table-locked"
        assert str(holder.connection.info.backend_pid) in str(caught.value.cause)
        monkeypatch.setattr(locking, "LOCK_TIMEOUT_MS", 2000)  # free soon, on a slow machine too
        release = threading.Timer(0.5, holder.connection.execute, ("COMMIT",))
        release.start()
        resource.apply()
        release.join()
    assert resource.read() == resource.desired


def test_publication(client: SourceClient) -> None:
    client.execute(
        'CREATE TABLE a (id int PRIMARY KEY); CREATE SCHEMA s; CREATE TABLE s."Ä b" (id int PRIMARY KEY)'
    )
    resource = Publication(client, "headrace_shop_1", contract("a", "s.Ä b"), OWNER)
    keeps_the_promise(resource, resource.read)


def test_publication_drift_is_seen_and_reverted(client: SourceClient) -> None:
    client.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    resource = Publication(client, "headrace_shop_1", contract("a"), OWNER)
    resource.apply()
    tampering = [
        "ALTER PUBLICATION headrace_shop_1 ADD TABLE b",
        "ALTER PUBLICATION headrace_shop_1 SET TABLE b",
        "ALTER PUBLICATION headrace_shop_1 SET (publish = 'insert')",
        "ALTER PUBLICATION headrace_shop_1 SET (publish_via_partition_root = false)",
    ]
    version = client.connection.info.server_version
    if version >= 150000:
        tampering += [
            "ALTER PUBLICATION headrace_shop_1 SET TABLE a WHERE (id > 5)",
            "ALTER PUBLICATION headrace_shop_1 SET TABLE a (id)",
            "ALTER PUBLICATION headrace_shop_1 ADD TABLES IN SCHEMA public",
        ]
    if version >= 180000:
        tampering += ["ALTER PUBLICATION headrace_shop_1 SET (publish_generated_columns = none)"]
    for statement in tampering:
        client.execute(statement)  # pyright: ignore[reportArgumentType]
        assert resource.read() != resource.desired, statement
        resource.apply()
        assert resource.read() == resource.desired, statement
    assert [state.name for state in read_publications(client, "headrace_shop_")] == ["headrace_shop_1"]


def test_publication_loses_a_table(client: SourceClient) -> None:
    client.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    Publication(client, "headrace_shop_1", contract("a", "b"), OWNER).apply()
    smaller = Publication(client, "headrace_shop_1", contract("b"), OWNER)
    smaller.apply()
    assert smaller.read() == {"tables": ["public.b"], "publishes_all": True}


def test_a_publication_of_another_folder_is_never_changed(client: SourceClient) -> None:
    client.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    Publication(client, "headrace_shop_1", contract("a"), OWNER).apply()
    [before] = read_publications(client, "headrace_shop_1")
    assert before.owner == OWNER
    with pytest.raises(HeadraceError) as caught:
        Publication(client, "headrace_shop_1", contract("b"), "1e" * 16).apply()
    assert caught.value.code == "project-taken"
    assert read_publications(client, "headrace_shop_1") == [before]
    client.execute("COMMENT ON PUBLICATION headrace_shop_1 IS NULL")  # somebody's cleaning up: anybody's
    Publication(client, "headrace_shop_1", contract("b"), OWNER).apply()


def test_writes_go_on_with_generated_columns(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v + 1) STORED);"
        "INSERT INTO t VALUES (1, 1)"
    )
    ReplicaIdentity(client, TableName("public", "t")).apply()
    Publication(client, "headrace_shop_1", contract("t"), OWNER).apply()
    client.execute("UPDATE t SET v = 2; DELETE FROM t")


def test_slot(client: SourceClient) -> None:
    slot = SlotResource(client, "headrace_shop_1")
    assert slot.read() is None
    slot.delete()
    client.execute("SELECT pg_create_logical_replication_slot('headrace_shop_1', 'pgoutput')")
    client.execute("SELECT pg_create_logical_replication_slot('headrace_shop_12', 'pgoutput')")
    client.execute("SELECT pg_create_logical_replication_slot('headrace_shop_x_1', 'pgoutput')")
    try:
        assert slot.read() == slot.desired
        found = read_slot(client, "headrace_shop_1")
        assert found is not None
        assert found.confirmed_flush_lsn is not None
        assert found.confirmed_flush_lsn <= position(client)
        assert (found.active, found.lost, found.wal_status) == (False, False, "reserved")
        names = [slot.name for slot in project_slots(client, "shop")]
        assert names == ["headrace_shop_1", "headrace_shop_12"]
        slot.apply()
        slot.delete()
        slot.delete()
        assert slot.read() is None
    finally:
        drop_slot(client, "headrace_shop_12")
        drop_slot(client, "headrace_shop_x_1")


def test_a_slot_in_use_by_our_own_walsender_is_dropped(client: SourceClient, address: SourceAddress) -> None:
    client.execute("CREATE PUBLICATION p")
    client.execute("SELECT pg_create_logical_replication_slot('headrace_busy_1', 'pgoutput')")
    reader = psycopg.Connection.connect(
        make_conninfo("", **address.conninfo(), replication="database"), autocommit=True
    )
    start = "START_REPLICATION SLOT headrace_busy_1 LOGICAL 0/0 (proto_version '1', publication_names 'p')"
    reader.pgconn.send_query(start.encode())
    deadline = time.monotonic() + 10
    while not (found := read_slot(client, "headrace_busy_1")) or not found.active:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    drop_slot(client, "headrace_busy_1", timeout_s=4)
    assert read_slot(client, "headrace_busy_1") is None
    reader.close()


def test_a_slot_of_another_database_is_left_alone(client: SourceClient, address: SourceAddress) -> None:
    with SourceClient.connect(SourceAddress(**{**vars(address), "database": "postgres"})) as other:
        other.execute("SELECT pg_create_logical_replication_slot('headrace_far_1', 'pgoutput')")
        try:
            assert project_slots(client, "far") == []
            with pytest.raises(HeadraceError) as caught:
                drop_slot(client, "headrace_far_1")
            assert caught.value.code == "slot-of-another-database"
        finally:
            drop_slot(other, "headrace_far_1")


def test_fence(client: SourceClient) -> None:
    client.execute("CREATE PUBLICATION p")
    client.execute("SELECT pg_create_logical_replication_slot('headrace_fence_1', 'pgoutput')")
    try:
        before = position(client)
        fence = emit(client)
        assert before <= fence.lsn < position(client)
        rows = client.rows(
            "SELECT data FROM pg_logical_slot_peek_binary_changes('headrace_fence_1', NULL, NULL,"
            " 'proto_version', '1', 'publication_names', 'p', 'messages', 'true')"
        )
        messages = [row["data"] for row in rows if row["data"].startswith(b"M")]
        assert len(messages) == 1
        assert PREFIX.encode() in messages[0]
        assert fence.token.encode() in messages[0]
        assert emit(client).token != fence.token
    finally:
        drop_slot(client, "headrace_fence_1")


def test_names_are_quoted(client: SourceClient) -> None:
    table = TableName('we"ird', "ta'ble;--")
    client.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(table.schema)))
    name = sql.Identifier(table.schema, table.table)
    client.execute(sql.SQL("CREATE TABLE {} (id int PRIMARY KEY)").format(name))
    resource = ReplicaIdentity(client, table, "default")
    keeps_the_promise(resource, resource.read)
