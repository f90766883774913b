"""The checks that need more than one value of the declaration. They know no file and no source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headrace.contract import MICROS_SUFFIX
from headrace.names import CaptureNames, TableName
from headrace.spec.model import Declaration, DeclaredTable, Source, ViewOptions


@dataclass(frozen=True)
class Failure:
    """What is wrong, where, and what to do."""

    code: str
    address: str
    summary: str
    hint: str
    cause: str | None = None


def check(declaration: Declaration) -> list[Failure]:
    """Every contradiction in the declaration, in the file's order."""
    failures: list[Failure] = []
    if declaration.source is not None:
        failures.extend(_source(declaration.source))
    for declared in declaration.declared:
        failures.extend(_table(declared))
    for name, options in declaration.views.items():
        failures.extend(_view(name, options))
    failures.extend(_served_names(declaration))
    failures.extend(_topics(declaration))
    failures.extend(_dashboard(declaration))
    failures.extend(_ports(declaration))
    return failures


def _source(source: Source) -> Iterator[Failure]:
    parts = [
        name for name in ("host", "port", "database", "user", "password") if getattr(source, name) is not None
    ]
    if source.url is not None and parts:
        yield Failure(
            "declaration-source-both",
            f"source.{parts[0]}",
            f"source has a url and {', '.join(parts)}",
            "keep the url, or leave it out and give host, database, user and password",
        )
    if source.url is None:
        missing = [name for name in ("host", "database", "user") if getattr(source, name) is None]
        if missing:
            yield Failure(
                "declaration-source-incomplete",
                "source",
                f"source lacks {', '.join(missing)}",
                "give host, database and user, or url: env:NAME; or leave source out altogether",
            )
    if source.host is not None and ("," in source.host or "/" in source.host or " " in source.host):
        yield Failure(
            "declaration-source-host",
            "source.host",
            "source.host is not one host",
            "one host name or address of the primary: no list, no URL, no socket folder",
        )
    if source.sslmode in ("verify-ca", "verify-full") and source.sslrootcert is None:
        yield Failure(
            "declaration-sslrootcert-missing",
            "source.sslmode",
            f"sslmode {source.sslmode} needs sslrootcert",
            "sslrootcert: PATH of the file with the certificate authority's certificates",
        )


def _table(declared: DeclaredTable) -> Iterator[Failure]:
    options, address = declared.options, declared.address
    if not any(character.isalnum() for character in declared.served_name):
        yield Failure(
            "declaration-bad-name",
            address,
            f"no name to query can be derived from {declared.table}",
            "give one, for instance `name: orders`",
        )
    if declared.served_name.upper().endswith(("_REALTIME", "_OFFLINE")):
        yield Failure(
            "declaration-reserved-name",
            address,
            f"the served name {declared.served_name} ends as Pinot's own table names do",
            "give another one with `name:`",
        )
    for what, columns in (("key", options.key or ()), ("exclude", options.exclude)):
        for column in sorted({column for column in columns if columns.count(column) > 1}):
            yield Failure(
                "declaration-duplicate-column",
                f"{address}.{what}",
                f"{what} names {column} twice",
                "keep one",
            )
    yield from _hidden_columns(declared)
    for what, columns in (("key", options.key or ()), ("mask", options.mask), ("indexes", options.indexes)):
        for column in columns:
            if column.startswith("__") or column.endswith(MICROS_SUFFIX):
                yield Failure(
                    "declaration-reserved-name",
                    f"{address}.{what}",
                    f"{column} is a name headrace keeps for itself",
                    f"columns that begin with __ or end in {MICROS_SUFFIX} can only be listed under exclude",
                )


def _hidden_columns(declared: DeclaredTable) -> Iterator[Failure]:
    options, address = declared.options, declared.address
    for column in options.key or ():
        if column in options.exclude:
            yield Failure(
                "declaration-key-hidden",
                f"{address}.exclude",
                f"the key column {column} is excluded",
                "a key must reach Pinot as it is: carry the column, or choose another key",
            )
        if column in options.mask:
            yield Failure(
                "declaration-key-hidden",
                f"{address}.mask.{column}",
                f"the key column {column} is masked",
                "a key must reach Pinot as it is: leave the mask out, or choose another key",
            )
    for column in options.mask:
        if column in options.exclude:
            yield Failure(
                "declaration-mask-excluded",
                f"{address}.mask.{column}",
                f"{column} is both masked and excluded",
                "exclude leaves it out altogether: remove it from mask",
            )
    for column, index in options.indexes.items():
        if column in options.exclude:
            yield Failure(
                "declaration-index-excluded",
                f"{address}.indexes.{column}",
                f"{column} has an index and is excluded",
                "remove it from indexes or from exclude",
            )
        elif column in options.mask and index == "range":
            yield Failure(
                "declaration-index-masked",
                f"{address}.indexes.{column}",
                f"a range index on {column}, which is masked, finds nothing",
                "inverted and bloom are of use on a hashed column",
            )


def _served_names(declaration: Declaration) -> Iterator[Failure]:
    # Pinot's broker takes table names without regard to upper and lower case.
    seen: dict[str, TableName] = {}
    for declared in declaration.declared:
        first = seen.setdefault(declared.served_name.lower(), declared.table)
        if first != declared.table:
            yield Failure(
                "declaration-name-collision",
                f"{declared.address}.name" if declared.options.name else declared.address,
                f"{first} and {declared.table} would both be queried as {declared.served_name}",
                "give one of them another name with `name:`",
            )
    yield from _view_names(declaration, seen)


def _view_names(declaration: Declaration, tables: Mapping[str, TableName]) -> Iterator[Failure]:
    seen: dict[str, str] = {}
    for name in declaration.views:
        table = tables.get(name.lower())
        first = seen.setdefault(name.lower(), name)
        if table is not None:
            yield Failure(
                "declaration-name-collision",
                f"views.{name}",
                f"the view {name} and the table {table} would be queried by the same name",
                "give the view another name",
            )
        elif first != name:
            yield Failure(
                "declaration-name-collision",
                f"views.{name}",
                f"the views {first} and {name} differ only in upper and lower case",
                "give one of them another name",
            )


def _view(name: str, options: ViewOptions) -> Iterator[Failure]:
    for column in options.indexes:
        if column.startswith("__") or column.endswith(MICROS_SUFFIX):
            yield Failure(
                "declaration-reserved-name",
                f"views.{name}.indexes",
                f"{column} is a name headrace keeps for itself",
                "an index is on a column of the view's result",
            )


def _topics(declaration: Declaration) -> Iterator[Failure]:
    # Kafka refuses two topics that differ only in `.` and `_`, and Debezium writes both tables into one topic
    # when they do not differ at all.
    names = CaptureNames(declaration.project, 1)
    seen: dict[str, TableName] = {}
    for declared in declaration.declared:
        topic = names.topic(declared.table).replace(".", "_")
        first = seen.setdefault(topic, declared.table)
        if first != declared.table:
            yield Failure(
                "declaration-topic-collision",
                declared.address,
                f"{first} and {declared.table} would share one Kafka topic",
                "carry one of them in a project of its own",
                cause="Kafka and Debezium turn dots and other characters of names into `_`",
            )


def _dashboard(declaration: Declaration) -> Iterator[Failure]:
    if declaration.dashboard is None or declaration.dashboard.tables is None:
        return
    known = [*(declared.served_name for declared in declaration.declared), *declaration.views]
    listed = declaration.dashboard.tables
    for place, name in enumerate(listed):
        if name not in known:
            yield Failure(
                "declaration-dashboard-table",
                f"dashboard.tables.{place}",
                f"the dashboard is to show {name}, which nothing here is queried as",
                f"there are {', '.join(known)}",
            )
        elif name in listed[:place]:
            yield Failure(
                "declaration-dashboard-table",
                f"dashboard.tables.{place}",
                f"the dashboard is to show {name} twice",
                "keep one",
            )


def _ports(declaration: Declaration) -> Iterator[Failure]:
    seen: dict[int, str] = {}
    for name, port in declaration.engines.ports.items():
        first = seen.setdefault(port, name)
        if first != name:
            yield Failure(
                "declaration-port-twice",
                f"engines.ports.{name}",
                f"{first} and {name} have the same port {port}",
                "give each a port of its own, or leave them out: free ones are chosen",
            )
