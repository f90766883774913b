"""Rows of a PostgreSQL table as Debezium envelopes in a topic: the capture hop's part in tests of Pinot.

Only the forms measured on Debezium 3.7.0 are written. It exists so that the serve hop can be tested against
any rows without a connector; the connector itself is tested elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from confluent_kafka import Producer

from headrace.contract import Conversion, TableContract

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
Row = Mapping[str, object]


def envelope_value(conversion: Conversion, value: object) -> object:
    """A value of psycopg in the envelope's form."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if conversion in {Conversion.DECIMAL, Conversion.DECIMAL_TEXT}:
        assert isinstance(value, Decimal)
        return format(value, "f")
    if conversion is Conversion.DATE:
        assert isinstance(value, date)
        return (value - date(1970, 1, 1)).days
    if conversion is Conversion.TIME_MICROS:
        assert isinstance(value, time)
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    if conversion is Conversion.TIMESTAMP_MICROS:
        assert isinstance(value, datetime)
        return (value - _EPOCH) // timedelta(microseconds=1)
    if conversion is Conversion.TIMESTAMP_TZ:
        assert isinstance(value, datetime)
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if conversion is Conversion.JSON_TEXT or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value)


@dataclass
class EnvelopeWriter:
    """Writes envelopes of one table; `offset` is the number of records written to partition 0."""

    bootstrap: str
    topic: str
    contract: TableContract
    offset: int = 0
    _producer: Producer = field(init=False)

    def __post_init__(self) -> None:
        # Silent: a producer outlives its pair for a moment, and its broker by that.
        settings = {"bootstrap.servers": self.bootstrap, "linger.ms": 5, "log_level": 0}
        self._producer = Producer(settings)

    def write(
        self,
        operation: str,
        rows: Iterable[Row],
        *,
        txid: int = 1,
        lsn: int = 1,
        time_ms: int = 1,
        partition: int = 0,
    ) -> int:
        """Append one record per row; returns the offset below which all of them lie."""
        for row in rows:
            image = {
                column.name: envelope_value(column.conversion, row[column.name])
                for column in self.contract.columns
            }
            self._send(operation, image, txid, lsn, time_ms, partition)
        self._producer.flush()
        return self.offset

    def truncate(self, partition: int = 0) -> None:
        """Append a TRUNCATE to a partition."""
        document = {"before": None, "after": None, "source": {"ts_ms": 1, "txId": 1, "lsn": 1}, "op": "t"}
        self._producer.produce(self.topic, json.dumps(document).encode(), partition=partition)
        self._producer.flush()
        if partition == 0:
            self.offset += 1

    def _send(
        self, operation: str, image: dict[str, object], txid: int, lsn: int, time_ms: int, partition: int
    ) -> None:
        deleted = operation == "d"
        document = {
            "before": image if deleted else None,
            "after": None if deleted else image,
            "source": {"ts_ms": time_ms, "txId": txid, "lsn": lsn},
            "op": operation,
        }
        key = json.dumps({name: image[name] for name in self.contract.key}).encode()
        while True:
            try:
                self._producer.produce(self.topic, json.dumps(document).encode(), key, partition=partition)
                break
            except BufferError:
                self._producer.poll(0.1)
        if partition == 0:
            self.offset += 1
