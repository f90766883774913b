"""What a user declares: the models of headrace.yaml.

Promise: a `Declaration` that exists is consistent in itself (types, units, names, and the checks across
tables of checks.py when it came through `load`). Whether its tables exist in the source is asked later, and
`where` tells those later checks the line to name. Models are frozen; unknown keys are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, PrivateAttr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from headrace.contract import Mask
from headrace.errors import Where
from headrace.names import TableName, served_name
from headrace.spec.fields import (
    ColumnName,
    HeapMb,
    Port,
    PortName,
    ProjectName,
    RetentionBytes,
    RetentionMs,
    Secret,
    ServedName,
    SqlText,
)
from headrace.spec.places import Places
from headrace.spec.table_list import tables_as_mapping
from headrace.spec.view_list import views_as_mapping

Index = Literal["inverted", "range", "bloom"]
TableIndex = Literal[Index, "none"]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
JvmEngine = Literal["zookeeper", "kafka", "connect", "pinot", "spark"]
MaskName = Literal["hash", "redact"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Source(_Part):
    """The operational PostgreSQL: either `url`, or `host`, `database` and `user`."""

    url: Secret | None = Field(
        None, description="Reference to a connection string, `postgresql://user:password@host/database`."
    )
    host: str | None = Field(None, min_length=1, description="Host name or address.")
    port: Port | None = Field(None, description="Port; 5432 when absent.")
    database: str | None = Field(None, min_length=1, description="Database.")
    user: str | None = Field(None, min_length=1, description="Role; `headrace grants` prints what it needs.")
    password: Secret | None = Field(None, description="Reference to the role's password.")
    sslmode: SslMode | None = Field(
        None, description="As in libpq; `prefer` when neither this nor the url says it. Wins over the url's."
    )
    sslrootcert: str | None = Field(
        None, min_length=1, description="File of root certificates, for `verify-ca` and `verify-full`."
    )


class Retention(_Part):
    """How much of a table's log the topic keeps; whichever bound is met first."""

    time_ms: RetentionMs | None = Field(
        None, alias="time", description="By age, an hour at least; `7d` when absent."
    )
    size_bytes: RetentionBytes | None = Field(
        None, alias="size", description="By size of each partition, `10GB`; 16 GiB when absent."
    )


class TableOptions(_Part):
    """What is said of one table; everything else is derived from PostgreSQL's catalogue."""

    key: tuple[ColumnName, ...] | None = Field(
        None,
        min_length=1,
        strict=False,
        description="Columns that identify a row where there is no primary key; NOT NULL, unique together.",
    )
    exclude: tuple[ColumnName, ...] = Field(
        (), strict=False, description="Columns left out before they reach Kafka."
    )
    mask: dict[ColumnName, MaskName] = Field(
        {},
        description="Columns hidden before they reach Kafka: `hash` (keyed SHA-256, equal values stay equal) "
        "or `redact` (`***`).",
    )
    partitions: int = Field(
        1,
        ge=1,
        le=64,
        description="Partitions of the topic, fixed at creation; with more than one, keys have no order.",
    )
    indexes: dict[ColumnName, TableIndex] = Field(
        {}, description="Pinot index of a column; when absent, what PostgreSQL has an index on gets one."
    )
    retention: Retention = Field(Retention(), description="Bounds of the topic.")  # pyright: ignore[reportCallIssue]
    name: ServedName | None = Field(None, description="The name people query; the table's own when absent.")
    flush_rows: int | None = Field(
        None,
        ge=100,
        le=100_000_000,
        description="Rows of a segment before its commit, in bulk up to 12 times as many; 80,000 if absent.",
    )


class ViewOptions(_Part):
    """What is said of one view: SQL over one declared table, whose result is kept as the table changes."""

    sql: SqlText = Field(
        description="One SELECT over one declared table, in PostgreSQL's dialect; docs/reference/views.md."
    )
    indexes: dict[ColumnName, Index] = Field({}, description="Pinot index of a column of the result.")
    retention: Retention = Field(Retention(), description="Bounds of the result's topic.")  # pyright: ignore[reportCallIssue]
    flush_rows: int | None = Field(
        None,
        ge=100,
        le=100_000_000,
        description="Rows of a segment before its commit, in bulk up to 12 times as many; 80,000 if absent.",
    )


class Dashboard(_Part):
    """A dashboard in Superset; `dashboard: {}` is enough."""

    title: str | None = Field(
        None, min_length=1, max_length=100, description="Title; the project's name when absent."
    )
    refresh_seconds: int = Field(
        5, ge=1, le=86_400, description="How often an open dashboard asks again, in seconds."
    )
    tables: tuple[ServedName, ...] | None = Field(
        None,
        min_length=1,
        strict=False,
        description="Names to show, as people query them, in the order of the tabs; all when absent.",
    )


class Engines(_Part):
    """The engines `headrace up` runs on this machine."""

    heap_mb: dict[JvmEngine, HeapMb] = Field({}, alias="heap", description="JVM heap of an engine.")
    ports: dict[PortName, Port] = Field(
        {}, description="Fixed ports by name; free ones are chosen and recorded when absent."
    )


def _tables(value: object) -> object:
    """One failure at a time; `load` asks `tables_as_mapping` itself and reports them all."""
    mapping, failures = tables_as_mapping(value)
    if failures:
        raise failures[0].error
    return mapping


class _TwoForms:
    """Tells the JSON Schema of both ways to write tables."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        options = handler(core_schema)["additionalProperties"]
        return {
            "oneOf": [
                {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                    "uniqueItems": True,
                },
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"anyOf": [options, {"type": "null"}]},
                },
            ],
        }


def _views(value: object) -> object:
    return views_as_mapping(value)


class _SqlOrOptions:
    """Tells the JSON Schema that a view is its SQL, or a mapping that has it."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        ((pattern, options),) = schema.pop("patternProperties").items()
        either = {"anyOf": [{"type": "string", "minLength": 1}, options]}
        return {**schema, "propertyNames": {"pattern": pattern}, "additionalProperties": either}


Views = Annotated[dict[ServedName, ViewOptions], BeforeValidator(_views), _SqlOrOptions()]
Tables = Annotated[dict[str, TableOptions], BeforeValidator(_tables), _TwoForms()]


@dataclass(frozen=True)
class DeclaredTable:
    """One table of the declaration with its names settled.

    Attributes:
        table: schema and name in the source.
        served_name: what people query.
        options: what the file says of it.
        address: where it stands, for `Declaration.where` (`tables.orders`).
    """

    table: TableName
    served_name: str
    options: TableOptions
    address: str

    @property
    def mask(self) -> Mapping[str, Mask]:
        return {column: Mask(mask) for column, mask in self.options.mask.items()}


class Declaration(_Part):
    """headrace.yaml: one project, where its rows come from, its tables and the views on them."""

    project: ProjectName = Field(description="Name of the project; part of every name headrace makes.")
    source: Source | None = Field(
        None, description="The operational PostgreSQL; absent: one that headrace runs itself."
    )
    tables: Tables = Field(
        description="The tables to carry: a list of names, or a mapping of names to options. "
        "`orders` means `public.orders`."
    )
    views: Views = Field({}, description="Views: a name to query, and the SQL whose result it is.")
    dashboard: Dashboard | None = Field(
        None, description="A dashboard of the tables in Superset, which headrace then runs too."
    )
    engines: Engines = Field(Engines(), description="Settings of the engines.")  # pyright: ignore[reportCallIssue]

    _places: Places = PrivateAttr(default_factory=Places)

    @property
    def embedded_source(self) -> bool:
        """Whether headrace runs the PostgreSQL itself."""
        return self.source is None

    @property
    def declared(self) -> tuple[DeclaredTable, ...]:
        """The tables in the file's order."""
        return tuple(
            DeclaredTable(table, options.name or served_name(table), options, f"tables.{name}")
            for name, options in self.tables.items()
            for table in (TableName.parse(name),)
        )

    def declared_table(self, table: TableName) -> DeclaredTable:
        """The entry of that table; KeyError when the file does not name it."""
        for declared in self.declared:
            if declared.table == table:
                return declared
        raise KeyError(str(table))

    def where(self, address: str) -> Where:
        """File and line of `tables.orders`, `tables.orders.key`, `source.host`, …; `public.` may be left out.

        Falls back to the nearest part around the address that the file holds.
        """
        return self._places.where(address)

    def where_in_sql(self, view: str, line: int | None) -> Where:
        """File and line of a line (from 1) of a view's SQL; of the view where its SQL is not in a block."""
        address = f"views.{view}.sql"
        return self._places.where(address) if line is None else self._places.where_in_text(address, line)

    def placed(self, places: Places) -> Declaration:
        """The same declaration, knowing its lines."""
        copy = self.model_copy()
        copy._places = places
        return copy


def as_document(declaration: Declaration) -> dict[str, Any]:
    """Plain data that `load` reads back to an equal declaration; what is at its default is left out."""
    document = declaration.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    document["tables"] = {name: options or None for name, options in document["tables"].items()}
    return document
