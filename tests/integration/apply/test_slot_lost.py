"""A slot whose WAL PostgreSQL throws away: said when it is near, said when it is done, healed by apply."""

from __future__ import annotations

import pytest

from headrace.apply.project import Project
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.failure import SLOT_AHEAD
from headrace.hops.capture.probe import status
from headrace.hops.source.probe import NEARLY_LOST_FRACTION
from headrace.names import CaptureNames, TableName
from tests.integration.apply.project import RunningProject
from tests.integration.lifecycle.small_project import eventually

pytestmark = pytest.mark.engines

LIMIT_MB = 160
TOLD_WITHIN_S = 180.0


def shown(project: RunningProject, code: str) -> tuple[bool, bool | None, int]:
    """Of `headrace status`: whether that is told, whether the table is exact, and its rows."""
    told = project.status()
    (table,) = told["tables"]
    return code in {alert["code"] for alert in told["alerts"]}, table["exact"], table["live_rows"]


def restart(connect: ConnectClient, names: CaptureNames) -> None:
    """By hand, once it has failed again: the supervisor does it as soon as it sees the first failure."""

    def failed() -> bool:
        found = status(connect, names.connector)
        return found is not None and found.failure is not None

    eventually(failed, TOLD_WITHIN_S)
    connect.restart_failed(names.connector)


def stopped(project: RunningProject) -> tuple[Project, int, CaptureNames]:
    """The project with its table served, and nobody reading the slot of its one capture."""
    opened = project.declare("orders")
    opened.apply()
    (number,) = project.generations("orders")
    names = CaptureNames(project.name, number)
    with ConnectClient(opened.endpoints.connect_url) as connect:
        connect.stop(names.connector)
    active = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{names.slot}'"
    eventually(lambda: project.source(active) == [(False,)])
    return opened, number, names


def test_a_slot_that_was_dropped_is_never_made_again(project: RunningProject) -> None:
    """Behind a gap the connector stands still, also after every start: `plan` says so until it is healed."""
    opened, number, names = stopped(project)
    project.execute(f"SELECT pg_drop_replication_slot('{names.slot}')")
    project.execute("INSERT INTO orders VALUES (1001, 'nobody carried this')")
    with ConnectClient(opened.endpoints.connect_url) as connect:
        connect.resume(names.connector)
        eventually(lambda: "capture-slot-missing" in project.alerts(), TOLD_WITHIN_S)
        restart(connect, names)
        eventually(lambda: "slot-lost" in project.alerts(), TOLD_WITHIN_S)
    assert shown(project, "slot-lost") == (True, False, 500)
    assert project.source(f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{names.slot}'") == []
    assert f"the slot of capture {number} is gone" in project.run("plan")[1]
    opened.apply()
    assert list(project.generations("orders")) == [number + 1]
    project.same("orders")
    eventually(lambda: not project.alerts().keys() & {"slot-lost", "capture-slot-missing"})


def test_a_slot_that_went_on_without_kafka_is_never_followed(project: RunningProject) -> None:
    """As after a power cut that took Kafka's last records, or a copy of the folder that read the slot."""
    opened, number, names = stopped(project)
    project.execute(
        "INSERT INTO orders VALUES (1001, 'nobody carried this')",
        f"SELECT pg_replication_slot_advance('{names.slot}', pg_current_wal_lsn())",
        "INSERT INTO orders VALUES (1002, 'behind it')",
    )
    with ConnectClient(opened.endpoints.connect_url) as connect:
        connect.resume(names.connector)
        eventually(lambda: SLOT_AHEAD in project.alerts(), TOLD_WITHIN_S)
        restart(connect, names)
        # Also while the task starts again and nothing is wrong with it.
        for _ in range(3):
            assert shown(project, SLOT_AHEAD) == (True, False, 500)
    opened.resync([TableName("public", "orders")])
    assert list(project.generations("orders")) == [number + 1]
    project.same("orders")
    eventually(lambda: SLOT_AHEAD not in project.alerts())


def test_it_is_told_before_and_after_and_healed(project: RunningProject) -> None:
    opened, number, names = stopped(project)
    slot = f"FROM pg_replication_slots WHERE slot_name = '{names.slot}'"

    def fill_wal() -> None:
        message = "SELECT pg_logical_emit_message(false, 'test', 'a segment')"
        project.execute(message, "SELECT pg_switch_wal()", "CHECKPOINT")

    def near() -> bool:
        ((safe_bytes,),) = project.source(f"SELECT safe_wal_size {slot}")
        return int(str(safe_bytes)) < NEARLY_LOST_FRACTION * LIMIT_MB * 2**20

    def lost() -> bool:
        return project.source(f"SELECT wal_status {slot}") == [("lost",)]

    project.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{LIMIT_MB}MB'", "SELECT pg_reload_conf()")
    eventually(lambda: project.source(f"SELECT safe_wal_size IS NOT NULL {slot}") == [(True,)])
    try:
        # A segment of 16 MB each time: the next one is still far from losing it.
        eventually(lambda: near() or fill_wal(), TOLD_WITHIN_S)
        eventually(lambda: "slot-nearly-lost" in project.alerts(), TOLD_WITHIN_S)
        assert not lost()
        eventually(lambda: lost() or fill_wal(), TOLD_WITHIN_S)
        eventually(lambda: "slot-lost" in project.alerts(), TOLD_WITHIN_S)
        project.execute("INSERT INTO orders VALUES (1001, 'nobody carried this')")
        assert shown(project, "slot-lost") == (True, False, 500)
    finally:
        project.execute("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")
    opened.apply()
    assert list(project.generations("orders")) == [number + 1]
    project.same("orders")
    eventually(lambda: not project.alerts().keys() & {"slot-lost", "slot-nearly-lost"})
