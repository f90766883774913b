"""The kinds of value a declaration is made of, each with its check, its text form and its JSON Schema."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from headrace.names import PROJECT_PATTERN
from headrace.spec.problem import problem
from headrace.spec.quantity import parse_duration_ms, parse_size_bytes, write_duration, write_size
from headrace.spec.secret import SecretReference

IDENTIFIER_BYTES = 63
"""PostgreSQL cuts longer names (NAMEDATALEN - 1)."""

PORT_NAMES = (
    "postgres",
    "kafka",
    "kafka_controller",
    "connect",
    "zookeeper",
    "pinot_controller",
    "pinot_broker",
    "pinot_server",
    "pinot_server_admin",
    "spark",
    "superset",
)
"""The ports a declaration can fix; the engines' own list is held to it by a test."""

_SERVED_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"
_DURATION = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?(ms|s|m|h|d|w)$"
_SIZE = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$"
_MIB = 1 << 20


def check_identifier(name: str, kind: str) -> None:
    """Raise a problem unless PostgreSQL could hold `name` as it is written."""
    if not name or name != name.strip():
        raise problem(
            "declaration-bad-name", f"{kind} is empty or has spaces around it", "write the bare name"
        )
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name):
        raise problem(
            "declaration-bad-name",
            f"{kind} holds a control character",
            "write the name as psql \\d prints it",
        )
    if name[0] == '"' and name[-1] == '"':
        raise problem(
            "declaration-bad-name",
            f"{kind} {name} holds its SQL quotes",
            "leave the double quotes out: names are taken exactly as written, upper and lower case differ",
        )
    if len(name.encode(errors="surrogatepass")) > IDENTIFIER_BYTES:
        raise problem(
            "declaration-bad-name",
            f"{kind} is longer than PostgreSQL's {IDENTIFIER_BYTES} bytes",
            "PostgreSQL cuts longer names: write the name as psql \\d prints it",
        )


def _text(value: object, what: str, example: str) -> str:
    if isinstance(value, str):
        return value
    raise problem("declaration-wrong-type", f"{what} is text", f"write it as {example}")


def _project(value: object) -> str:
    text = _text(value, "project", "project: shop")
    if not re.fullmatch(PROJECT_PATTERN, text):
        raise problem(
            "declaration-bad-project",
            "project is not a usable name",
            "1 to 30 of a-z, 0-9 and _, a letter first: it becomes part of slot, topic and table names",
        )
    return text


def _served_name(value: object) -> str:
    text = _text(value, "name", "name: orders")
    if not re.fullmatch(_SERVED_NAME, text):
        raise problem(
            "declaration-bad-name",
            "name is no plain SQL identifier",
            "up to 63 of A-Z, a-z, 0-9 and _, a letter first",
        )
    if text.upper().endswith(("_REALTIME", "_OFFLINE")):
        raise problem(
            "declaration-reserved-name",
            f"the name {text} ends as Pinot's own table names do",
            "choose a name that does not end in _REALTIME or _OFFLINE",
        )
    return text


def _sql(value: object) -> str:
    text = _text(value, "sql", "a block: `sql: |`, and the SELECT below it, indented")
    if not text.strip():
        raise problem("declaration-empty-value", "sql is empty", "write one SELECT over one declared table")
    return text


def _column(value: object) -> str:
    text = _text(value, "a column name", "text; put it in quotes if it looks like a number or true/false")
    check_identifier(text, "a column name")
    return text


def _duration_ms(value: object) -> int:
    if not isinstance(value, str):
        raise problem("declaration-bad-duration", "a duration has a unit", "write 90s, 12h or 7d")
    try:
        return parse_duration_ms(value)
    except ValueError as error:
        raise problem("declaration-bad-duration", str(error), "write 90s, 12h or 7d") from None


def _size_bytes(value: object) -> int:
    if not isinstance(value, str):
        raise problem("declaration-bad-size", "a size has a unit", "write 512MB or 10GB")
    try:
        return parse_size_bytes(value)
    except ValueError as error:
        raise problem("declaration-bad-size", str(error), "write 512MB or 10GB") from None


def _retention_ms(value: object) -> int:
    duration_ms = _duration_ms(value)
    if duration_ms < 3_600_000:
        # Pinot reads again after a restart what it has not committed.
        raise problem("declaration-out-of-range", "a retention is at least 1h", "write 12h or 7d")
    return duration_ms


def _retention_bytes(value: object) -> int:
    size_bytes = _size_bytes(value)
    if size_bytes < 1_000_000:
        raise problem("declaration-out-of-range", "a retention is at least 1MB", "write 512MB or 10GB")
    return size_bytes


def _heap_mb(value: object) -> int:
    size_mb = _size_bytes(value) // _MIB
    if not 64 <= size_mb <= 65536:
        raise problem("declaration-bad-size", "a heap is from 64MiB to 64GiB", "write 512MiB or 2GiB")
    return size_mb


def _port_name(value: object) -> str:
    if isinstance(value, str) and value in PORT_NAMES:
        return value
    close = get_close_matches(str(value), PORT_NAMES, n=1)
    raise problem(
        "declaration-unknown-word",
        "no engine has a port of that name",
        f"did you mean `{close[0]}`?" if close else f"use one of {', '.join(PORT_NAMES)}",
    )


def _secret(value: object) -> SecretReference:
    if isinstance(value, SecretReference):
        return value
    if not isinstance(value, str):
        raise problem(
            "declaration-literal-secret",
            "a secret is a reference",
            "write env:NAME or file:PATH; the value itself never stands in headrace.yaml",
        )
    try:
        return SecretReference.parse(value)
    except ValueError as error:
        raise problem(
            "declaration-literal-secret",
            str(error),
            "put the value into an environment variable and write env:NAME, or into a file of mode 600 and "
            "write file:PATH; if it stood in this file, change it at the server: files get committed",
        ) from None


def _schema(pattern: str, description: str) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "pattern": pattern, "description": description}
    return WithJsonSchema(schema)


ProjectName = Annotated[
    str,
    BeforeValidator(_project),
    _schema(PROJECT_PATTERN, "1 to 30 of a-z, 0-9 and _, a letter first."),
]
ServedName = Annotated[str, BeforeValidator(_served_name), _schema(_SERVED_NAME, "A plain SQL identifier.")]
SqlText = Annotated[
    str,
    BeforeValidator(_sql),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
ColumnName = Annotated[str, BeforeValidator(_column), WithJsonSchema({"type": "string", "minLength": 1})]
RetentionMs = Annotated[
    int,
    BeforeValidator(_retention_ms),
    PlainSerializer(write_duration, return_type=str),
    _schema(_DURATION, "A duration with its unit (ms, s, m, h, d, w): `7d`."),
]
RetentionBytes = Annotated[
    int,
    BeforeValidator(_retention_bytes),
    PlainSerializer(write_size, return_type=str),
    _schema(_SIZE, "A size with its unit (KB, MB, GB, TB are powers of 1000; KiB, MiB, … of 1024): `10GB`."),
]
HeapMb = Annotated[
    int,
    BeforeValidator(_heap_mb),
    PlainSerializer(lambda size_mb: f"{size_mb}MiB", return_type=str),
    _schema(_SIZE, "A size with its unit, rounded down to whole MiB: `512MiB`."),
]
Secret = Annotated[
    SecretReference,
    BeforeValidator(_secret),
    PlainSerializer(str, return_type=str),
    _schema(
        r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        "A reference to a secret, `env:NAME` or `file:PATH`; never the value.",
    ),
]
PortName = Annotated[str, BeforeValidator(_port_name), WithJsonSchema({"enum": list(PORT_NAMES)})]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
