"""The writer on PostgreSQL alone: its invariants hold in every snapshot, or the readers prove nothing."""

from __future__ import annotations

import threading
import time

import psycopg

from tests.faults.invariants import BATCH, GROUPS, TABLE, WEIGHT, Writer, create_accounts

KEYS = 500


def test_the_invariants_hold_in_every_snapshot_of_the_source(postgres_server):
    postgres_server.recreate("invariants")
    stop = threading.Event()
    with postgres_server.connect("invariants") as connection, postgres_server.connect("invariants") as reader:
        create_accounts(connection, KEYS)
        count_transactions(connection)
        writer = Writer(connection, KEYS, 2000.0)
        thread = threading.Thread(target=writer.run, args=(stop,), daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        snapshots = 0
        while (snapshots <= 20 or writer.committed <= 1000) and time.monotonic() < deadline:
            found = reader.execute(
                f"SELECT count(*), sum(weight), count(DISTINCT id), count(*) FILTER (WHERE grp < {GROUPS})"
                f" FROM {TABLE}"
            ).fetchone()
            assert found == (KEYS, WEIGHT * KEYS, KEYS, KEYS)
            snapshots += 1
        stop.set()
        thread.join()
        transactions = connection.execute("SELECT count(DISTINCT txid) FROM seen_transactions").fetchone()
        versions = dict(connection.execute(f"SELECT id, version FROM {TABLE}").fetchall())
    assert snapshots > 20
    assert {key: version for key, version in versions.items() if version} == writer.started
    assert sum(versions.values()) == writer.committed > 1000
    assert transactions == (writer.committed // BATCH,), "every batch is one transaction"


def count_transactions(connection: psycopg.Connection) -> None:
    """Note each transaction that updates; the server's own (autovacuum) take numbers as well."""
    connection.execute("CREATE TABLE seen_transactions (txid bigint)")
    connection.execute(
        "CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO seen_transactions VALUES (txid_current()); RETURN NULL; END'"
    )
    connection.execute(
        f"CREATE TRIGGER noted AFTER UPDATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION note_transaction()"
    )
