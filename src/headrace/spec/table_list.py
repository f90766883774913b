"""The two ways to write tables, a list of names or a mapping of names to options, brought to the mapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pydantic_core import PydanticCustomError

from headrace.names import VIEW_SCHEMA, TableName
from headrace.spec.fields import check_identifier
from headrace.spec.problem import problem

_HINT = "write a list of names (- orders), or a mapping of names to options (orders: {partitions: 2})"


@dataclass(frozen=True)
class TableFailure:
    """What is wrong with one entry; `step` is its index or key, None for the whole."""

    step: int | str | None
    error: PydanticCustomError


def tables_as_mapping(value: object) -> tuple[dict[str, object], list[TableFailure]]:
    """The good entries as a mapping in the file's order, and every entry that is wrong."""
    if isinstance(value, list):
        entries: list[tuple[int | str, object, object]] = [
            (index, item, {}) for index, item in enumerate(cast("list[object]", value))
        ]
    elif isinstance(value, dict):
        mapping = cast("dict[object, object]", value)
        entries = [(str(name), name, {} if options is None else options) for name, options in mapping.items()]
    else:
        return {}, [
            TableFailure(None, problem("declaration-wrong-type", "tables is a list or a mapping", _HINT))
        ]
    if not entries:
        hint = "name at least one table, for instance: tables: [orders]"
        return {}, [TableFailure(None, problem("declaration-no-tables", "tables names no table", hint))]
    good: dict[str, object] = {}
    failures: list[TableFailure] = []
    seen: dict[TableName, str] = {}
    for step, name, options in entries:
        try:
            good[_checked(name, seen)] = options
        except PydanticCustomError as error:
            failures.append(TableFailure(step, error))
    return good, failures


def _checked(name: object, seen: dict[TableName, str]) -> str:
    if isinstance(name, dict):
        raise problem(
            "declaration-wrong-type",
            "an entry of the list of tables is a mapping",
            "options need the mapping form: leave out the dashes and write `orders:` with its options below",
        )
    if not isinstance(name, str):
        raise problem("declaration-wrong-type", "a table's name is text", "put it in quotes")
    table = TableName.parse(name)
    check_identifier(table.schema, "a table's schema")
    check_identifier(table.table, "a table's name")
    if table.schema in ("pg_catalog", "information_schema") or table.schema.startswith("pg_"):
        raise problem(
            "declaration-reserved-name",
            f"{table} belongs to PostgreSQL itself",
            "only tables of your own schemas can be carried",
        )
    if table.schema == VIEW_SCHEMA:
        raise problem(
            "declaration-reserved-name",
            f"the schema {VIEW_SCHEMA} is a name headrace keeps for itself",
            "rename the schema in PostgreSQL",
        )
    if table in seen:
        raise problem(
            "declaration-duplicate-table",
            f"the table {table} is named twice",
            f"keep one of `{seen[table]}` and `{name}`; `orders` means `public.orders`",
        )
    seen[table] = name
    return name
