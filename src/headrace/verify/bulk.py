"""How fast a large transaction arrives, against what the connector alone brings into Kafka.

Promise: both are measured in one run on the same rows, written in the same way: first into a table that Pinot
does not serve, then into one that it does, from the commit to the moment the last row is there. Writing them
is not part of it. What another table's rows experience meanwhile is measured too.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.capture import probe
from headrace.hops.serve import answer
from headrace.hops.topic.client import Edge
from headrace.hops.topic.resource import service_topics, table_topic
from headrace.names import CaptureNames, TableName
from headrace.verify.bench_tables import BULK, UNSERVED, Connection, commit_pulse
from headrace.verify.freshness import Distribution, Measurement, Path, measure

if TYPE_CHECKING:
    from headrace.apply.real import Connections

ALONE = CaptureNames("benchalone", 1)
"""A capture that belongs to no project: headrace leaves it alone, and we remove it."""

_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Arrival:
    """Rows of one transaction: `arrival_s` counts from its commit, `write_s` is what lies before."""

    rows: int
    write_s: float
    arrival_s: float

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.arrival_s


Write = Callable[[], object]
"""Commits the rows of one measurement in one transaction."""


def connector_alone(connections: Connections, write: Write, *, rows: int) -> Arrival:
    """Commit rows into a table nobody serves and wait until the last one can be read from Kafka.

    The project's own slot decodes the WAL of these rows too, only to leave them out: on few processors that
    slows the connector alone a little.

    Args:
        write: commits the rows into the table `bulk_unserved`, which is empty.
    """
    contract = next(
        one for one in connections.systems.inventory.catalogue().contracts if one.table.table == BULK
    )
    contract = dataclasses.replace(contract, table=TableName("public", UNSERVED), served_name=UNSERVED)
    with _capture(connections, contract):
        topic = ALONE.topic(contract.table)

        def written() -> int:
            return sum(connections.kafka.offsets([topic], Edge.COMMITTED)[topic].values())

        before, began = written(), time.perf_counter()
        write()
        committed_at = time.perf_counter()
        _until(lambda: written() - before >= rows, "all rows are in Kafka")
        return Arrival(rows, committed_at - began, time.perf_counter() - committed_at)


def whole_path(
    write: Write, pulse_connection: Connection, bulk: Path, pulse: Path, *, first: int, rows: int
) -> tuple[Arrival, Distribution | None]:
    """Commit rows into the served table and wait until a query counts them all.

    Args:
        write: commits the rows, from `first` on, into the table `bulk`.
    """
    stop, result = threading.Event(), Measurement()

    def watch_other_table() -> None:
        found = measure(
            lambda number: commit_pulse(pulse_connection, number),
            [pulse],
            first=first,
            count=1_000_000,
            gap_s=(0.05, 0.15),
            stop=stop,
        )
        result.times_ms.update(found.times_ms)

    watcher = threading.Thread(target=watch_other_table, daemon=True)
    began = time.perf_counter()
    watcher.start()
    write()
    committed_at = time.perf_counter()
    # The last row by its key: counting them all each time would take the processors from those on their way.
    bulk.wait(first + rows - 1, committed_at, _TIMEOUT_S)
    _until(lambda: _counted(bulk, first, rows), "all rows are counted by Pinot")
    arrival = Arrival(rows, committed_at - began, time.perf_counter() - committed_at)
    stop.set()
    watcher.join()
    times_ms = result.times_ms.get(pulse.name, [])
    return arrival, Distribution.of(times_ms) if times_ms else None


@contextmanager
def _capture(connections: Connections, contract: TableContract) -> Generator[None]:
    """A capture as headrace makes them, without a Pinot table; gone at the end, slot and topics too."""
    objects = connections.systems.objects
    topics = [table_topic(ALONE, contract).name, *(spec.name for spec in service_topics(ALONE))]
    connector = objects.connector(ALONE, [contract])
    publication = objects.publication(ALONE, [contract])
    try:
        objects.identity(contract.table, "d").apply()
        publication.apply()
        for number, topic in enumerate(topics):
            objects.topic(ALONE, topic, contract if number == 0 else None).apply()
        connector.apply()
        _until(lambda: _streams(connections), "the connector streams")
        yield
    finally:
        connector.delete()
        _until(lambda: _deleted(objects.slot(ALONE).delete), "the slot is free", timeout_s=60)
        publication.delete()
        for topic in topics:
            connections.kafka.delete_topic(topic)


def _counted(bulk: Path, first: int, rows: int) -> bool:
    sql = f"SELECT COUNT(*) FROM {bulk.physical} WHERE id >= {first} AND id < {first + rows}"  # noqa: S608
    try:
        found = answer.read(bulk.pinot.query(sql)).rows
    except (answer.Transient, answer.Unserved):
        return False
    return int(str(found[0][0])) == rows


def _streams(connections: Connections) -> bool:
    status = probe.status(connections.connect, ALONE.connector)
    slot = connections.systems.flow.consistent_point(ALONE)
    return status is not None and status.is_healthy and slot is not None


def _deleted(delete: Callable[[], None]) -> bool:
    try:
        delete()
    except HeadraceError:
        return False
    return True


def _until(done: Callable[[], bool], what: str, timeout_s: float = _TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise HeadraceError(
                "bench-timeout",
                f"it was not reached within {timeout_s:.0f} s that {what}",
                hint="`headrace status`",
            )
        time.sleep(0.02)
