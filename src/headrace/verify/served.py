"""Reading every live row of a Pinot table, and single keys with their history, for the audit.

Promise: the pages of `read_pages` cover every row that is live during the whole reading, each within one
answer that is complete. A row that is replaced meanwhile may come twice or not at all; its transaction tells.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from headrace.contract import Column, Conversion, Kind
from headrace.hops.serve import answer
from headrace.hops.serve.client import Json, PinotClient
from headrace.hops.serve.dialect import quote, text
from headrace.hops.serve.history import partition_of
from headrace.verify.normalise import RowText, pinot_texts, unescaped

PAGE_ROWS = 100_000
MAX_LIMIT = 10_000_000
QUERY_TIMEOUT_S = 60.0
RETRY_S = 15.0

Fields = tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """One stored version of a key.

    Attributes:
        kind: of `headrace.contract.Kind`.
        txid: of the transaction that wrote it.
        partition, offset: its place in the log.
        row: as JSON gave it, in the order of `RowText.pinot_fields`.
        reason: why it was set aside.
    """

    kind: int
    txid: int
    partition: int
    offset: int
    row: list[object]
    reason: str


@dataclass(frozen=True)
class ServedRows:
    """The rows of one physical table.

    Attributes:
        client: the cluster.
        physical: the table.
        text: its rows' texts.
        options: query options, the fence among them.
    """

    client: PinotClient
    physical: str
    text: RowText
    options: Mapping[str, str]

    def bounds(self) -> tuple[int, int, int]:
        """Lowest and highest `__offset` of live rows and their number."""
        found = self.ask(f'SELECT MIN(__offset), MAX(__offset), COUNT(*) FROM "{self.physical}"')  # noqa: S608
        low, high, count = found[0]
        if int(float(str(count))) == 0:
            return 0, -1, 0
        return int(Decimal(str(low))), int(Decimal(str(high))), int(float(str(count)))

    def read_pages(self, last: str = "__txid") -> Generator[list[list[object]]]:
        """Every live row with one more column at its end, in pages by the place in the log."""
        low, high, count = self.bounds()
        step = max(PAGE_ROWS, (high - low + 1) * PAGE_ROWS // max(count, 1))
        start = low
        while start <= high:
            upper = "" if start + step > high else f" AND __offset < {start + step}"
            yield self.ask(
                f'SELECT {self.text.pinot_fields()}, {last} FROM "{self.physical}" '  # noqa: S608
                f"WHERE __offset >= {start}{upper} LIMIT {MAX_LIMIT}"
            )
            start += step

    def versions(self, keys: Iterable[Fields]) -> dict[Fields, list[Version]]:
        """Every stored version of some keys, oldest first, dead ones and tombstones too."""
        sql = (
            f"SELECT {self.text.pinot_fields()}, __kind, __txid, $segmentName, __offset, __reject "  # noqa: S608
            f'FROM "{self.physical}" WHERE {self._key_condition(list(keys))} LIMIT {MAX_LIMIT}'
        )
        found: dict[Fields, list[Version]] = {}
        fields = pinot_texts(self.key_text)
        for row in self.ask(sql, {"skipUpsert": "true"}):
            kind, txid, segment, offset, reason = row[self.text.width :]
            place = partition_of(str(segment)), int(str(offset))
            version = Version(int(str(kind)), int(str(txid)), *place, row, str(reason))
            found.setdefault(tuple(fields(row)), []).append(version)
        for stored in found.values():
            stored.sort(key=lambda version: version.offset)
        return found

    def live(self, keys: Iterable[Fields]) -> dict[Fields, list[tuple[int, int]]]:
        """`__txid` and `__offset` of the rows that answer for some keys now; a sound key has one."""
        sql = (
            f'SELECT {self.key_text.pinot_fields()}, __txid, __offset FROM "{self.physical}" '  # noqa: S608
            f"WHERE {self._key_condition(list(keys))} LIMIT {MAX_LIMIT}"
        )
        fields = pinot_texts(self.key_text)
        found: dict[Fields, list[tuple[int, int]]] = {}
        for row in self.ask(sql):
            found.setdefault(tuple(fields(row)), []).append((int(str(row[-2])), int(str(row[-1]))))
        return found

    @property
    def key_text(self) -> RowText:
        """The texts of the keys alone."""
        return RowText(self.text.contract, self.text.columns[: self.text.key_width])

    def truncates(self) -> list[tuple[int, int, int]]:
        """`__txid`, partition and `__offset` of every TRUNCATE that is stored: one lies in each partition."""
        sql = (
            f'SELECT __txid, $segmentName, __offset FROM "{self.physical}" '  # noqa: S608
            f"WHERE __kind = {Kind.TRUNCATE} LIMIT {MAX_LIMIT}"
        )
        rows = self.ask(sql, {"skipUpsert": "true"})
        return [(int(str(txid)), partition_of(str(segment)), int(str(at))) for txid, segment, at in rows]

    def ask(self, sql: str, extra: Mapping[str, str] | None = None) -> list[list[object]]:
        """One complete answer; what passes by itself is waited for."""
        deadline = time.monotonic() + RETRY_S
        while True:
            try:
                body = self.client.query_bytes(
                    sql, {**self.options, **(extra or {})}, timeout_s=QUERY_TIMEOUT_S
                )
                # Decimals as their digits: a float would lose some, and nothing here computes with them.
                return answer.read(cast(Json, json.loads(body, parse_float=str))).rows
            except (answer.Transient, answer.Unserved):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def _key_condition(self, keys: list[Fields]) -> str:
        columns = self.text.columns[: self.text.key_width]
        if len(columns) == 1:
            return f"{_key_sql(columns[0])} IN ({', '.join(_key_value(columns[0], key[0]) for key in keys)})"
        rows = (
            " AND ".join(
                f"{_key_sql(column)} = {_key_value(column, field)}"
                for column, field in zip(columns, key, strict=True)
            )
            for key in keys
        )
        return " OR ".join(f"({row})" for row in rows)


def _key_sql(column: Column) -> str:
    return quote(column.name)


def _key_value(column: Column, field: str) -> str:
    value = unescaped(field) or ""
    if column.conversion is Conversion.BOOLEAN:
        return "true" if value == "t" else "false"
    if column.conversion in {Conversion.INT, Conversion.LONG, Conversion.DATE}:
        return value
    return text(value)
