"""Every version Pinot stores of one key, and which of them answers. Reading only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from headrace.contract import VERSION_COLUMN, Column, Conversion, Kind, TableContract
from headrace.hops.serve.answer import checked_rows
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.dialect import quote, text
from headrace.hops.serve.literals import plain_decimal

MAX_VERSIONS = 100_000
TIMEOUT_S = 30.0
KINDS_PER_VERSION = 8
"""`__version` is the record's version times this, plus its kind."""

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_FIELDS = (
    "__offset, __kind, __op, __lsn, __txid, CAST(__commit_time AS LONG), __reject, "
    "$segmentName, $docId, $hostName"
)


@dataclass(frozen=True)
class StoredVersion:
    """One stored version of a key, or a TRUNCATE.

    Attributes:
        segment, document, server: where it lies.
        offset, op, lsn, txid, commit_time_ms: of its record.
        kind: of `headrace.contract.Kind`.
        reason: why it was set aside, or is not exact.
    """

    segment: str
    document: int
    server: str
    offset: int
    kind: int
    op: str
    lsn: int
    txid: int
    commit_time_ms: int
    reason: str

    @property
    def partition(self) -> int:
        """The partition of the topic it came from."""
        return partition_of(self.segment)


@dataclass(frozen=True)
class ViewResult:
    """What one record of a view's table did to one result.

    Attributes:
        key: `__key` of the result.
        kind: of `headrace.contract.Kind`.
        answers: it is still the one that answers for its key.
    """

    key: str
    kind: int
    answers: bool


def partition_of(segment: str) -> int:
    """The partition of the topic a segment was read from: Pinot names it `table__partition__number__time`."""
    return int(segment.rsplit("__", 3)[1])


def key_condition(contract: TableContract, key: Sequence[str]) -> str:
    """WHERE for a key as PostgreSQL spells it; ValueError for what no row in Pinot can have."""
    columns = [contract.column(name) for name in contract.key]
    return " AND ".join(
        f"{quote(column.name)} = {_literal(column, value)}"
        for column, value in zip(columns, key, strict=True)
    )


def versions(
    client: PinotClient, physical: str, contract: TableContract, key: Sequence[str]
) -> tuple[StoredVersion, ...]:
    """The versions of a key, dead ones, tombstones and rejects too, oldest first: the newest 100,000."""
    kinds = f"__kind IN ({Kind.ROW}, {Kind.DELETE}, {Kind.REJECT})"
    condition = f"{key_condition(contract, key)} AND {kinds}"
    return _stored(client, physical, condition)[::-1]


def truncate_behind(client: PinotClient, physical: str, version: StoredVersion) -> StoredVersion | None:
    """The newest TRUNCATE that is stored behind a version, in its partition; None for none."""
    condition = f"__kind = {Kind.TRUNCATE} AND __offset > {version.offset}"
    stored = _stored(client, physical, condition)
    return next((one for one in stored if one.partition == version.partition), None)


def answering(client: PinotClient, physical: str, contract: TableContract, key: Sequence[str]) -> int | None:
    """The offset of the version that a query gets; None when it gets none."""
    condition = key_condition(contract, key)
    sql = f'SELECT __offset FROM "{physical}" WHERE {condition} LIMIT 2'  # noqa: S608
    rows = checked_rows(client.query(sql, timeout_s=TIMEOUT_S))
    return int(str(rows[0][0])) if rows else None


def results_of(client: PinotClient, physical: str, version: int) -> tuple[ViewResult, ...]:
    """The results of a view that one version wrote, by key."""
    low = version * KINDS_PER_VERSION
    sql = (
        f'SELECT __key, __kind FROM "{physical}" '  # noqa: S608
        f"WHERE {VERSION_COLUMN} >= {low} AND {VERSION_COLUMN} < {low + KINDS_PER_VERSION} LIMIT 1000"
    )
    alive = {str(row[0]) for row in checked_rows(client.query(sql, timeout_s=TIMEOUT_S))}
    stored = checked_rows(client.query(sql, {"skipUpsert": "true"}, timeout_s=TIMEOUT_S))
    found = {str(row[0]): int(str(row[1])) for row in stored}
    return tuple(ViewResult(key, kind, key in alive) for key, kind in sorted(found.items()))


def _stored(client: PinotClient, physical: str, condition: str) -> tuple[StoredVersion, ...]:
    """The newest first."""
    sql = (
        f'SELECT {_FIELDS} FROM "{physical}" WHERE {condition} '  # noqa: S608
        f"ORDER BY __offset DESC LIMIT {MAX_VERSIONS}"
    )
    rows = checked_rows(client.query(sql, {"skipUpsert": "true"}, timeout_s=TIMEOUT_S))
    return tuple(_version(row) for row in rows)


def _version(row: list[object]) -> StoredVersion:
    offset, kind, op, lsn, txid, commit_time_ms, reason, segment, document, server = map(str, row)
    return StoredVersion(
        segment,
        int(document),
        server,
        int(offset),
        int(kind),
        op,
        int(lsn),
        int(txid),
        int(commit_time_ms),
        reason,
    )


def _literal(column: Column, value: str) -> str:
    if column.conversion is Conversion.BOOLEAN:
        return "true" if value in {"true", "1"} else "false"
    if column.conversion in {Conversion.INT, Conversion.LONG}:
        return str(int(value))
    if column.conversion is Conversion.DATE:
        return str((date.fromisoformat(value) - _EPOCH).days * _DAY_MS)
    if column.conversion is Conversion.DECIMAL_TEXT:
        return text(plain_decimal(value))
    return text(value)
