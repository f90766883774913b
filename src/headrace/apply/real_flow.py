"""Follows rows through the real systems: slot, snapshot, fence, Pinot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.apply.source_sessions import SourceSessions
from headrace.apply.systems import SnapshotReport
from headrace.contract import TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.capture import snapshot
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.probe import PAUSED, status
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.probe import require_indexed
from headrace.hops.serve.render import Config
from headrace.hops.serve.resource import custom_configs
from headrace.hops.source.fence import emit
from headrace.hops.source.resource import unpublish
from headrace.hops.source.slot import read_slot
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.fence import pass_fence
from headrace.names import CaptureNames, TableName
from headrace.plan.model import Snapshot, Status

FENCE_TIMEOUT_S = 600.0
"""Streaming begins behind the snapshot, with everything that was written meanwhile."""


_STATES = {
    snapshot.Progress.RUNNING: Snapshot.RUNNING,
    snapshot.Progress.COMPLETE: Snapshot.PROVEN,
    snapshot.Progress.BROKEN: Snapshot.BROKEN,
}


class RealFlow:
    """As `systems.Flow`."""

    def __init__(
        self,
        source: SourceSessions,
        kafka: KafkaClient,
        connect: ConnectClient,
        pinot: PinotClient,
    ) -> None:
        self._source = source
        self._kafka = kafka
        self._connect = connect
        self._pinot = pinot

    def consistent_point(self, names: CaptureNames) -> int | None:
        slot = self._source.run(lambda client: read_slot(client, names.slot))
        return None if slot is None else slot.confirmed_flush_lsn

    def snapshot(
        self, names: CaptureNames, contracts: Sequence[TableContract], consistent_point: int | None
    ) -> SnapshotReport:
        connector = status(self._connect, names.connector)
        found = snapshot.verdict(self._kafka, names, contracts, consistent_point, connector=connector)
        failure = None
        if found.failure is not None and not found.failure.restart:
            why = found.failure
            where = Where(address=f"connector:{names.connector}")
            failure = HeadraceError(why.code, why.summary, cause=why.cause, hint=why.hint, where=where)
        rows = sum(found.rows.values()) if found.rows else None
        # A paused task goes on where it was, in the same reading.
        resting = connector is None or not (
            connector.is_healthy or connector.failure or connector.state == PAUSED
        )
        return SnapshotReport(_STATES[found.progress], found.reason, rows, failure, resting)

    def fence(self, names: CaptureNames, topics: Sequence[str]) -> Mapping[str, Mapping[int, int]]:
        return pass_fence(
            self._kafka, names.message_topic, lambda: self._source.run(emit), topics, FENCE_TIMEOUT_S
        )

    def not_yet_indexed(self, table: str, offsets: Mapping[int, int]) -> str | None:
        try:
            require_indexed(self._pinot, table, offsets)
        except HeadraceError as error:
            return error.summary
        return None

    def stand_still(self, names: CaptureNames, table: TableName) -> None:
        self._source.run(lambda client: unpublish(client, names.publication, table))

    def drop_schema(self, physical: str) -> None:
        if self._pinot.table_config(physical) is None:  # somebody's own table of that name keeps it
            self._pinot.delete_schema(physical)

    def set_status(self, physical: str, status: Status) -> None:
        config = self._pinot.table_config(physical)
        if config is None:
            return
        custom = custom_configs(config)
        if custom.get(Config.STATUS) != status.value:
            custom[Config.STATUS] = status.value
            self._pinot.update_table(physical, config)
