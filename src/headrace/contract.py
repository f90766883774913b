"""The contract of a table: what the source's catalogue and the declaration together say a row looks like.

Promise: a `TableContract` is frozen and complete. Every hop to the right of the source derives its own
documents from it (connector, topic, Pinot schema, decoder, the audit's queries), so no two hops can disagree
on a column. It round-trips through JSON and is stored with the Pinot table it shaped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter

from headrace.names import TableName


class Conversion(StrEnum):
    """How one value travels: its form in the Debezium envelope and its form in Pinot.

    The same words stand in the Java decoder (java/pinot), which refuses a word it does not know. Left of the
    arrow the JSON form in the envelope, right of it the Pinot column.
    """

    BOOLEAN = "boolean"  # true/false -> BOOLEAN
    INT = "int"  # number -> INT
    LONG = "long"  # number -> LONG
    FLOAT = "float"  # number -> FLOAT; NaN and infinities are rejected
    DOUBLE = "double"  # number -> DOUBLE; NaN and infinities are rejected
    DECIMAL = "decimal"  # string -> BIG_DECIMAL metric; NaN and infinities are rejected
    DECIMAL_TEXT = "decimal_text"  # string -> STRING, for a numeric that is part of the key
    TEXT = "text"  # string -> STRING, unchanged
    BYTES = "bytes"  # base64 string -> BYTES
    DATE = "date"  # days since 1970-01-01 -> TIMESTAMP at 00:00 UTC; years 1 to 9999 only
    TIME_MICROS = "time_micros"  # micros since midnight -> STRING hh:mm:ss.ffffff as PostgreSQL prints it
    TIMESTAMP_MICROS = "timestamp_micros"  # micros since 1970 -> TIMESTAMP (ms, floor) + LONG micros
    TIMESTAMP_TZ = "timestamp_tz"  # ISO string -> TIMESTAMP (ms, floor) + LONG micros beside it, UTC
    JSON_TEXT = "json_text"  # any JSON value (arrays) -> STRING holding its compact JSON text


MICROS_SUFFIX = "__micros"
"""`placed_at` TIMESTAMP holds milliseconds; `placed_at__micros` LONG beside it holds the exact instant."""

PINOT_TYPE: dict[Conversion, str] = {
    Conversion.BOOLEAN: "BOOLEAN",
    Conversion.INT: "INT",
    Conversion.LONG: "LONG",
    Conversion.FLOAT: "FLOAT",
    Conversion.DOUBLE: "DOUBLE",
    Conversion.DECIMAL: "BIG_DECIMAL",
    Conversion.DECIMAL_TEXT: "STRING",
    Conversion.TEXT: "STRING",
    Conversion.BYTES: "BYTES",
    Conversion.DATE: "TIMESTAMP",
    Conversion.TIME_MICROS: "STRING",
    Conversion.TIMESTAMP_MICROS: "TIMESTAMP",
    Conversion.TIMESTAMP_TZ: "TIMESTAMP",
    Conversion.JSON_TEXT: "STRING",
}


LONG_TEXT = frozenset({"json", "jsonb", "xml", "tsvector", "hstore"})
"""Types whose values seldom repeat and may be megabytes: a dictionary of them only costs."""


class Mask(StrEnum):
    """How a column is hidden before it reaches Kafka."""

    HASH = "hash"  # keyed SHA-256 in hexadecimal: equal values stay equal, the value is gone
    REDACT = "redact"  # the constant `***`


@dataclass(frozen=True)
class Column:
    """One column that is carried.

    Attributes:
        name: the source's name, also Pinot's.
        pg_type: as `format_type` prints it, domains resolved to their base type.
        conversion: how its values travel. A masked column is `TEXT`.
        nullable: whether NULL can occur.
        mask: how it is hidden, if it is.
        index: the Pinot index asked for: `inverted`, `range`, `bloom`, or none.
    """

    name: str
    pg_type: str
    conversion: Conversion
    nullable: bool = True
    mask: Mask | None = None
    index: str | None = None


@dataclass(frozen=True)
class Origin:
    """What a generation of a view was built from; another origin needs another generation.

    Attributes:
        base: the table it is a view of.
        capture: the capture whose topic it reads.
        shape: a digest of what its SQL means.
    """

    base: TableName
    capture: int
    shape: str


@dataclass(frozen=True)
class TableContract:
    """Everything the hops need to know of one table, or of the results of one view.

    Attributes:
        table: schema and name in the source.
        served_name: what people query.
        key: the columns of the upsert key, in order.
        columns: the carried columns in the catalogue's order, the key's among them.
        excluded: columns of the source left out by declaration.
        partitions: partitions of the topic, fixed at creation.
        declared_key: the key comes from the declaration, not from the primary key (`message.key.columns`).
        partitioned: a partitioned table, published through its root.
        retention_ms, retention_bytes: bounds of the topic; None is headrace's default.
        flush_rows: rows of a consuming segment before it is committed; None is headrace's default.
        versioned: rows carry their version: results of a view; the newest version counts, not the latest
            arrival.
        origin: of a generation of a view, what it was built from.
    """

    table: TableName
    served_name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    excluded: tuple[str, ...] = ()
    partitions: int = 1
    declared_key: bool = False
    partitioned: bool = False
    retention_ms: int | None = None
    retention_bytes: int | None = None
    flush_rows: int | None = None
    versioned: bool = False
    origin: Origin | None = None

    def column(self, name: str) -> Column:
        """The carried column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def system_columns(self) -> Mapping[str, str]:
        """What headrace adds to this table in Pinot: name to Pinot's type."""
        return {**SYSTEM_COLUMNS, VERSION_COLUMN: "LONG"} if self.versioned else SYSTEM_COLUMNS

    @property
    def shape(self) -> str:
        """A digest of what cannot change in place: a different shape needs a new generation.

        Indexes, retention and the flush threshold are left out, they are altered in place.
        """
        parts = [
            str(self.table),
            self.served_name,
            list(self.key),
            list(self.excluded),
            self.partitions,
            [[c.name, c.pg_type, c.conversion, c.nullable, c.mask] for c in self.columns],
            *(["versioned"] if self.versioned else []),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Compact JSON that `from_json` reads back to an equal contract."""
        document = asdict(self)
        if not self.versioned:
            # Tables of before there were views keep the very text they were made with.
            del document["versioned"], document["origin"]
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TableContract:
        """Read what `to_json` wrote; pydantic's ValidationError when it is something else."""
        return _contract.validate_json(text)


_contract = TypeAdapter(TableContract)


@dataclass(frozen=True)
class ViewContract:
    """Everything the hops need to know of one view.

    Attributes:
        served: its results as a served table; without origin, which is known once a capture is chosen.
        base: the table it reads.
        shape: a digest of what its SQL means, and of the columns it reads.
        sql: its definition in PostgreSQL's words, which PostgreSQL answers exactly as the view does.
        job: what Spark is to do, JSON without the names of topics and of itself (docs/concepts/views.md).
    """

    served: TableContract
    base: TableName
    shape: str
    sql: str
    job: str

    @property
    def table(self) -> TableName:
        return self.served.table

    def on(self, capture: int) -> TableContract:
        """The contract of a generation that reads that capture's topic."""
        return replace(self.served, origin=Origin(self.base, capture, self.shape))


UNAVAILABLE = "__headrace_unavailable_6f1d0c94b7__"
"""What the connector writes for a value the log does not hold; its own default is a text people quote."""

SYSTEM_COLUMNS: dict[str, str] = {
    "__kind": "INT",
    "__op": "STRING",
    "__commit_time": "TIMESTAMP",
    "__lsn": "LONG",
    "__txid": "LONG",
    "__offset": "LONG",
    "__reject": "STRING",
}
"""Columns headrace adds to every Pinot table; a source column may not begin with `__`."""

VERSION_COLUMN = "__version"
"""Added to a versioned table: the record's version * 8 + its kind."""


class Kind:
    """Values of `__kind`."""

    ROW = 0
    DELETE = 1
    REJECT = 2
    TRUNCATE = 3
    REJECT_WITHOUT_KEY = 4


@dataclass(frozen=True)
class Refusal:
    """A column or table that cannot be carried exactly, known before anything starts."""

    table: TableName
    column: str | None
    reason: str
    hint: str
    where: str = ""
    code: str = "table-refused"
