"""The one mapping from PostgreSQL's types to conversions, or to the reason why a type is refused.

Promise: a type maps to a conversion only if what Debezium 3.7 emits for it, in the snapshot and in the stream
alike, can be brought back to PostgreSQL's value exactly, or is recognisably not a value (then the row is set
aside, see `FORESEEN`). Everything else is refused with a reason. What is carried is sent through the real
connector by tests/integration/capture/test_types.py; the reasons in `REFUSED` were observed once, on
PostgreSQL 15 and 18.4, and no test repeats them. docs/reference/types.md is written from these tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.contract import Conversion, TableContract

SESSION_SETTINGS: dict[str, str] = {
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
}
"""What every session that reads values must have: a server's own defaults change their text."""

SESSION_OPTIONS = " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
"""`options` of libpq and of the JDBC driver (the connector's `driver.options`)."""

CONVERSIONS: dict[str, Conversion] = {
    "bool": Conversion.BOOLEAN,
    "int2": Conversion.INT,
    "int4": Conversion.INT,
    "int8": Conversion.LONG,
    "oid": Conversion.LONG,
    "float4": Conversion.FLOAT,
    "float8": Conversion.DOUBLE,
    "numeric": Conversion.DECIMAL,
    "bytea": Conversion.BYTES,
    "date": Conversion.DATE,
    "time": Conversion.TIME_MICROS,
    "timestamp": Conversion.TIMESTAMP_MICROS,
    "timestamptz": Conversion.TIMESTAMP_TZ,
    "text": Conversion.TEXT,
    "varchar": Conversion.TEXT,
    "bpchar": Conversion.TEXT,
    "char": Conversion.TEXT,
    "citext": Conversion.TEXT,
    "xml": Conversion.TEXT,
    "uuid": Conversion.TEXT,
    "json": Conversion.TEXT,
    "jsonb": Conversion.TEXT,
    "inet": Conversion.TEXT,
    "cidr": Conversion.TEXT,
    "macaddr": Conversion.TEXT,
    "macaddr8": Conversion.TEXT,
    "tsvector": Conversion.TEXT,
    "ltree": Conversion.TEXT,
    "int4range": Conversion.TEXT,
    "int8range": Conversion.TEXT,
    "numrange": Conversion.TEXT,
    "daterange": Conversion.TEXT,
    "tsrange": Conversion.TEXT,
    "tstzrange": Conversion.TEXT,
    "_bool": Conversion.JSON_TEXT,
    "_int2": Conversion.JSON_TEXT,
    "_int4": Conversion.JSON_TEXT,
    "_int8": Conversion.JSON_TEXT,
    "_text": Conversion.JSON_TEXT,
    "_varchar": Conversion.JSON_TEXT,
    "_uuid": Conversion.JSON_TEXT,
}
"""By `pg_type.typname` of the base type; `bit(1)` and enumerations are decided in `conversion_of`."""

FORESEEN: dict[Conversion, str] = {
    Conversion.FLOAT: "NaN, Infinity, -Infinity",
    Conversion.DOUBLE: "NaN, Infinity, -Infinity",
    Conversion.DECIMAL: "NaN, Infinity, -Infinity",
    Conversion.DATE: "years before 1 or after 9999, infinity, -infinity",
    Conversion.TIMESTAMP_MICROS: "years before 1 or after 9999, infinity, -infinity",
    Conversion.TIMESTAMP_TZ: "years before 1 or after 9999, infinity, -infinity",
    Conversion.JSON_TEXT: "arrays of several dimensions, arrays with a NULL element",
}
"""Values that are set aside as rejects, by conversion."""

_ABSENT = "Debezium leaves columns of this type out of its events"
_GARBAGE = "Debezium emits something else than the value"
_FRACTIONS = "arrays of numbers with fractions are not carried"

REFUSED: dict[str, str] = {
    "money": "its text depends on the server's locale",
    "name": "Debezium emits NULL for it in the stream",
    "timetz": "its zone is lost on the way",
    "interval": "Debezium emits zero for an infinite interval",
    "varbit": "leading zeros are lost on the way",
    "bit": "leading zeros are lost on the way (only bit(1) is carried)",
    "hstore": "it arrives as JSON, which is another text than PostgreSQL's own",
    "refcursor": "reading the column opens the cursor, so the snapshot can never finish",
    **dict.fromkeys(("vector", "halfvec", "sparsevec"), _FRACTIONS),
    "int2vector": _GARBAGE,
    "oidvector": _GARBAGE,
    **dict.fromkeys(("point", "line", "lseg", "box", "path", "polygon", "circle"), _GARBAGE),
    **dict.fromkeys(("tsquery", "jsonpath", "pg_lsn", "pg_snapshot", "txid_snapshot"), _ABSENT),
    **dict.fromkeys(("xid", "xid8", "cid", "tid", "aclitem", "gtsvector"), _ABSENT),
    **dict.fromkeys(("regclass", "regcollation", "regconfig", "regdictionary", "regnamespace"), _ABSENT),
    **dict.fromkeys(("regoper", "regoperator", "regproc", "regprocedure", "regrole", "regtype"), _ABSENT),
    **dict.fromkeys(("int4multirange", "int8multirange", "nummultirange"), _ABSENT),
    **dict.fromkeys(("datemultirange", "tsmultirange", "tstzmultirange"), _ABSENT),
    **dict.fromkeys(("cube", "seg", "lquery", "ltxtquery"), _ABSENT),
    "_numeric": "an array with NaN stops the connector for good",
    **dict.fromkeys(("_float4", "_float8"), _FRACTIONS),
    "_date": "dates before year 1 and infinity arrive as other dates",
    "_bit": _GARBAGE,
}
"""Why a type is refused, by `pg_type.typname` of the base type."""

KEY_CONVERSIONS = frozenset(
    {
        Conversion.BOOLEAN,
        Conversion.INT,
        Conversion.LONG,
        Conversion.DECIMAL_TEXT,
        Conversion.TEXT,
        Conversion.DATE,
    }
)
"""What a key column may be: values whose Pinot column is equal exactly when the value's text is."""

_NOT_IN_KEY = frozenset(
    {
        "json",
        "jsonb",
        "xml",
        "tsvector",
        "int4range",
        "int8range",
        "numrange",
        "daterange",
        "tsrange",
        "tstzrange",
    }
)
_NEGATIVE_SCALE = re.compile(r"^numeric\(\d+,-\d+\)$")


@dataclass(frozen=True)
class PgType:
    """A column's type with its domains resolved.

    Attributes:
        name: `pg_type.typname` of the base type (`int4`, `_text`).
        kind: `pg_type.typtype` of the base type: b base, e enumeration, c composite, r range, m multirange.
        element_kind: `typtype` of the element type of an array, else an empty text.
        formatted: as `format_type` prints it, with length and precision (`numeric(10,2)`).
    """

    name: str
    kind: str
    element_kind: str
    formatted: str


@dataclass(frozen=True)
class Refused:
    """A type that cannot be carried exactly, and why."""

    reason: str


def conversion_of(pg_type: PgType, *, in_key: bool = False) -> Conversion | Refused:
    """How values of that type travel, or why they cannot; pure."""
    if pg_type.kind == "c":
        return Refused("composite types are not carried: " + _ABSENT)
    if pg_type.kind == "m":
        return Refused("multiranges are not carried: " + _ABSENT)
    if pg_type.kind == "e":
        return Conversion.TEXT
    if pg_type.element_kind in ("e", "d", "c", "r", "m"):
        return Refused("arrays of this kind of element are not carried: " + _GARBAGE)
    if pg_type.formatted == "bit(1)":
        return Refused("bit(1) cannot identify a row") if in_key else Conversion.BOOLEAN
    if _NEGATIVE_SCALE.match(pg_type.formatted):
        return Refused("a numeric of negative scale arrives with thousands of zeros after its point")
    conversion = CONVERSIONS.get(pg_type.name)
    if conversion is None:
        return Refused(REFUSED.get(pg_type.name, "the type is not known to be carried exactly"))
    if not in_key:
        return conversion
    if conversion is Conversion.DECIMAL:
        conversion = Conversion.DECIMAL_TEXT
    if conversion not in KEY_CONVERSIONS or pg_type.name in _NOT_IN_KEY:
        return Refused("values of this type cannot be compared exactly as a key in Pinot")
    return conversion


def snapshot_select(contract: TableContract) -> str | None:
    """The connector's `snapshot.select.statement.overrides.<table>`, or None when none is needed.

    In a snapshot Debezium reads a date through java.sql.Date, which loses the era and the ten days that
    1582 never had. Read as the number of days since 1970 it arrives exactly as it does in the stream.
    """
    if all(column.pg_type != "date" for column in contract.columns):
        return None
    columns = ", ".join(_selected(column.name, column.pg_type) for column in contract.columns)
    table = f"{_quoted(contract.table.schema)}.{_quoted(contract.table.table)}"
    return f"SELECT {columns} FROM {table}"  # noqa: S608 - quoted identifiers of the catalogue


def _selected(name: str, pg_type: str) -> str:
    column = _quoted(name)
    if pg_type != "date":
        return column
    return (
        f"CASE {column} WHEN 'infinity' THEN 2146033979 WHEN '-infinity' THEN -2147472691 "
        f"ELSE {column} - date '1970-01-01' END AS {column}"
    )


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
