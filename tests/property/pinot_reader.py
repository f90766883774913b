"""Rows of a served table as plain Python values, read through the product's query client at a fence."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from headrace.apply.project import Project
from headrace.hops.serve import directory
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.query import QueryClient
from tests.property.tables import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FENCE_TIMEOUT_S = 120.0


class PinotReader:
    """Reads what is served; `fence` first, so that everything committed before it is in the answers."""

    def __init__(self, project: Project) -> None:
        self._project = project
        ends = project.endpoints
        self.pinot = PinotClient(ends.pinot_controller_url, ends.pinot_broker_url)
        self.query = QueryClient(self.pinot, project.name)
        self._offsets: dict[str, Mapping[int, int]] = {}

    def close(self) -> None:
        self.pinot.close()

    def fence(self, tables: Iterable[Table]) -> None:
        """Remember how far every table's topic must be read to hold all that is committed now."""
        with self._project.connections() as connections:
            for table in tables:
                live = directory.resolve(self.pinot, self._project.name, table.name)
                topic = live.names.topic(live.contract.table)
                found = connections.systems.flow.fence(live.names, [topic])
                self._offsets[table.name] = found[topic]

    def columns(self, table: Table) -> set[str]:
        """The columns that are carried."""
        live = directory.resolve(self.pinot, self._project.name, table.name)
        return {column.name for column in live.contract.columns}

    def rows(self, table: Table) -> list[Sequence[object]]:
        """All rows, values in the table's order, None for columns that are not carried."""
        carried = self.columns(table)
        listed = [column.name for column in table.columns if column.name in carried]
        sql = f"SELECT {', '.join(listed)} FROM {table.name}"
        result = self.query.run(sql, after=self._offsets.get(table.name), timeout_s=FENCE_TIMEOUT_S)
        rows: list[Sequence[object]] = []
        for row in result.rows:
            values = dict(zip(listed, row, strict=True))
            rows.append([plain(values.get(column.name)) for column in table.columns])
        return rows

    def committed_segments(self, table: Table) -> int:
        """How many segments of the live generation are no longer consuming."""
        live = directory.resolve(self.pinot, self._project.name, table.name)
        view = self.pinot.external_view(live.physical)
        return sum("ONLINE" in states.values() for states in view.values())


def plain(value: object) -> object:
    """A value of the query client in the form of the oracle's plain values."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, time | uuid.UUID):
        return str(value)
    return value
