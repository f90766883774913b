"""The writer on PostgreSQL alone: its invariants hold in every snapshot, or the readers prove nothing."""

from __future__ import annotations

import threading
import time

from tests.faults.invariants import BATCH, GROUPS, TABLE, WEIGHT, Writer, create_accounts

KEYS = 500


def test_the_invariants_hold_in_every_snapshot_of_the_source(postgres_server):
    postgres_server.recreate("invariants")
    stop = threading.Event()
    with postgres_server.connect("invariants") as connection, postgres_server.connect("invariants") as reader:
        create_accounts(connection, KEYS)
        writer = Writer(connection, KEYS, 2000.0)
        first = connection.execute("SELECT txid_current()").fetchone()
        thread = threading.Thread(target=writer.run, args=(stop,), daemon=True)
        thread.start()
        deadline = time.monotonic() + 2
        snapshots = 0
        while time.monotonic() < deadline:
            found = reader.execute(
                f"SELECT count(*), sum(weight), count(DISTINCT id), count(*) FILTER (WHERE grp < {GROUPS})"
                f" FROM {TABLE}"
            ).fetchone()
            assert found == (KEYS, WEIGHT * KEYS, KEYS, KEYS)
            snapshots += 1
        stop.set()
        thread.join()
        last = connection.execute("SELECT txid_current()").fetchone()
        versions = dict(connection.execute(f"SELECT id, version FROM {TABLE}").fetchall())
    assert snapshots > 20
    assert {key: version for key, version in versions.items() if version} == writer.started
    assert sum(versions.values()) == writer.committed > 1000
    assert first is not None
    assert last is not None
    assert last[0] - first[0] == writer.committed // BATCH + 1, "every batch is one transaction"
