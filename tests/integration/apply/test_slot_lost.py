"""A slot whose WAL PostgreSQL throws away: said when it is near, said when it is done, healed by apply."""

from __future__ import annotations

import json
import time

import pytest

from headrace.hops.capture.client import ConnectClient
from headrace.names import CaptureNames
from tests.integration.apply.project import RunningProject
from tests.integration.lifecycle.small_project import eventually

pytestmark = pytest.mark.engines


def told(project: RunningProject) -> set[str]:
    """The codes of what stands in `headrace status`."""
    return {alert["code"] for alert in json.loads(project.run("status", "--json")[1])["alerts"]}


def test_it_is_told_before_and_after_and_healed(project: RunningProject) -> None:
    opened = project.declare("orders")
    opened.apply()
    (number,) = project.generations("orders")
    names = CaptureNames(project.name, number)
    slot = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{names.slot}'"

    def fill_wal() -> None:
        message = "SELECT pg_logical_emit_message(false, 'test', 'a segment')"
        project.execute(message, "SELECT pg_switch_wal()", "CHECKPOINT")

    with ConnectClient(opened.endpoints.connect_url) as connect:
        connect.stop(names.connector)
    eventually(lambda: project.source(slot) == [(False,)])
    project.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '160MB'", "SELECT pg_reload_conf()")
    try:
        for _ in range(5):
            fill_wal()
        for _ in range(6):
            if "slot-nearly-lost" in told(project):
                break
            fill_wal()
            time.sleep(1.5)
        assert "slot-nearly-lost" in told(project)
        for _ in range(12):
            if "slot-lost" in told(project):
                break
            fill_wal()
            time.sleep(1)
        eventually(lambda: "slot-lost" in told(project))
        project.execute("INSERT INTO orders VALUES (1001, 'nobody carried this')")
        (table,) = json.loads(project.run("status", "--json")[1])["tables"]
        assert table["exact"] is False
    finally:
        project.execute("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")
    opened.apply()
    assert list(project.generations("orders")) == [number + 1]
    project.same("orders")
    eventually(lambda: not told(project) & {"slot-lost", "slot-nearly-lost"})
