"""Contract -> dataset: typed columns and exact metrics; pure."""

from __future__ import annotations

import re

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.present.roles import addable, time_column
from headrace.hops.present.shown import Presentation, Shown
from headrace.hops.serve.dialect import quote
from headrace.hops.serve.types import fixed_scale

Json = dict[str, object]

ROWS = "Number of rows"
AGE = "Seconds since the newest change"

_TYPES: dict[Conversion, str] = {
    Conversion.BOOLEAN: "BOOLEAN",
    Conversion.INT: "INTEGER",
    Conversion.LONG: "BIGINT",
    Conversion.FLOAT: "FLOAT",
    Conversion.DOUBLE: "DOUBLE",
    Conversion.DECIMAL: "DECIMAL",
    Conversion.DATE: "TIMESTAMP",
    Conversion.TIMESTAMP_MICROS: "TIMESTAMP",
    Conversion.TIMESTAMP_TZ: "TIMESTAMP",
}
_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def dataset(presentation: Presentation, shown: Shown) -> Json:
    """The dataset of one table.

    Its name is the served one and its SQL names the physical table, so a new generation changes one text and
    no identity. Superset would ask `FROM (SELECT * FROM t)`, which its configuration turns into `FROM t`
    (engines/superset_files).
    """
    contract = shown.contract
    return {
        "version": "1.0.0",
        "uuid": presentation.uuid("dataset", shown.served_name),
        "database_uuid": presentation.uuid("database"),
        "table_name": shown.served_name,
        "description": f"{'View' if shown.is_view else 'Table'} {contract.table}, kept fresh by headrace",
        "schema": None,
        "catalog": None,
        "sql": f"SELECT * FROM {quote(shown.physical)}",  # noqa: S608
        "main_dttm_col": axis(contract),
        "filter_select_enabled": True,
        "always_filter_main_dttm": False,
        "normalize_columns": False,
        "cache_timeout": None,
        "columns": columns(contract),
        "metrics": metrics(contract),
    }


def columns(contract: TableContract) -> list[Json]:
    """The carried columns and the time of the commit; none of the others that headrace adds."""
    found = [
        _column(
            column.name,
            _TYPES.get(column.conversion, "STRING"),
            None if _PLAIN.match(column.name) else quote(column.name),
            column.pg_type,
        )
        for column in contract.columns
    ]
    committed = committed_at(contract)
    found.append(_column(committed, "TIMESTAMP", '"__commit_time"', "when the row was last committed"))
    return found


def committed_at(contract: TableContract) -> str:
    """What the commit time is called in this dataset: no column of the table has that name."""
    name = "committed_at"
    taken = {column.name.lower() for column in contract.columns}
    while name in taken:
        name += "_"
    return name


def axis(contract: TableContract) -> str:
    """The column of the time series."""
    column = time_column(contract)
    return column.name if column else committed_at(contract)


def metrics(contract: TableContract) -> list[Json]:
    """Rows, an exact sum of every number that can be added, the age of the data.

    Pinot's SUM goes through doubles, SUMPRECISION does not.
    """
    found = [_metric(ROWS, "COUNT(*)", ",d")]
    for column in addable(contract):
        total = f"SUMPRECISION({quote(column.name)})"
        found.append(_metric(sum_of(column), total, number_format(column)))
    # MAX fails in Pinot 0.11.0 where NULLs are kept apart.
    newest = """LASTWITHTIME(CAST("__commit_time" AS LONG), "__commit_time", 'LONG')"""
    found.append(_metric(AGE, f"(NOW() - {newest}) / 1000", ",.1f"))
    return found


def exact(column: Column) -> bool:
    return column.conversion in {Conversion.DECIMAL, Conversion.INT, Conversion.LONG}


def sum_of(column: Column) -> str:
    """The metric's name: with spaces, so that no column can have the same one."""
    return f"Sum of {column.name}"


def number_format(column: Column) -> str:
    """How a sum is printed."""
    if column.conversion is not Conversion.DECIMAL:
        return ",d" if exact(column) else "SMART_NUMBER"
    scale = fixed_scale(column.pg_type)
    return f",.{min(scale, 6)}f" if scale is not None else ",.2~f"


def _column(name: str, data_type: str, expression: str | None, description: str) -> Json:
    return {
        "column_name": name,
        "type": data_type,
        "is_dttm": data_type == "TIMESTAMP",
        "is_active": True,
        "groupby": True,
        "filterable": True,
        "expression": expression,
        "description": description,
    }


def _metric(name: str, expression: str, number_format: str) -> Json:
    return {
        "metric_name": name,
        "verbose_name": name,
        "expression": expression,
        "d3format": number_format,
    }
