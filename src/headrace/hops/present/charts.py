"""Contract -> charts: what is drawn, what each asks, and what PostgreSQL would answer; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.present.datasets import (
    AGE,
    ROWS,
    Json,
    axis,
    committed_at,
    exact,
    number_format,
    sum_of,
)
from headrace.hops.present.roles import group_column, sums, time_column
from headrace.hops.present.shown import Presentation, Shown
from headrace.hops.serve.dialect import quote

SLOTS = ("rows", "sum-1", "sum-2", "age", "series", "groups", "newest")
"""Every chart a table can have: by these the charts of a table that is gone are found."""

NEWEST_ROWS = 20
GROUPS = 12
SERIES_POINTS = 5000
_TABLE_COLUMNS = 10
_NO_DAY = "PT1M"
_COLOURS = "supersetColors"


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        slot: its place among SLOTS.
        served_name: of its table.
        title: in the dashboard, where the tab says the table.
        viz_type: Superset's word for the kind.
        params: what Superset keeps of it, without the dataset.
        query: what it asks, in the form of `POST /api/v1/chart/data`.
        oracle: SQL for PostgreSQL with `{source}` for the table that must give the same rows; None where the
            answer depends on the moment or on commit times. NULL groups and buckets included.
    """

    slot: str
    served_name: str
    title: str
    viz_type: str
    params: Json
    query: Json
    oracle: str | None = None

    @property
    def name(self) -> str:
        """In lists and errors."""
        return f"{self.served_name}: {self.title.lower()}"


def charts(shown: Shown) -> tuple[Chart, ...]:
    """The charts of one table in the order of the dashboard."""
    return tuple(_charts(shown.served_name, shown.contract))


def document(presentation: Presentation, chart: Chart) -> Json:
    """The chart as it stands in a bundle."""
    return {
        "version": "1.0.0",
        "uuid": presentation.uuid("chart", chart.served_name, chart.slot),
        "dataset_uuid": presentation.uuid("dataset", chart.served_name),
        "slice_name": chart.name,
        "viz_type": chart.viz_type,
        "cache_timeout": None,
        "params": chart.params,
    }


def _charts(name: str, contract: TableContract) -> Iterator[Chart]:
    yield _number(name, "rows", "Rows", ROWS, ",d", "SELECT count(*) FROM {source}")
    added = sums(contract)
    for place, column in enumerate(added, start=1):
        total = f"SELECT sum({quote(column.name)}) FROM {{source}}"  # noqa: S608
        title = f"Sum of {column.name}"
        yield _number(name, f"sum-{place}", title, sum_of(column), number_format(column), total)
    yield _number(name, "age", "Newest change, seconds ago", AGE, ",.1f", None)
    yield _series(name, contract, added[0] if added else None)
    column = group_column(contract)
    if column is not None:
        yield _groups(name, column)
    yield _newest(name, contract)


def _number(name: str, slot: str, title: str, metric: str, d3_format: str, oracle: str | None) -> Chart:
    params: Json = {
        "viz_type": "big_number_total",
        "metric": metric,
        "adhoc_filters": [],
        "header_font_size": 0.5,
        "subheader_font_size": 0.15,
        "subtitle": "",
        "y_axis_format": d3_format,
        "time_format": "smart_date",
    }
    return Chart(slot, name, title, "big_number_total", params, _query([], [metric], 1), oracle)


def _series(name: str, contract: TableContract, column: Column | None) -> Chart:
    time = time_column(contract)
    on, grain = axis(contract), "P1D" if time else _NO_DAY
    metric = sum_of(column) if column else ROWS
    what = f"{column.name} per day" if column else "Rows per day"
    title = what.capitalize() if time else "Rows by minute of their last change"
    if time is None:
        metric = ROWS
    params: Json = {
        "viz_type": "echarts_timeseries_bar",
        "x_axis": on,
        "time_grain_sqla": grain,
        "metrics": [metric],
        "groupby": [],
        "adhoc_filters": [],
        "row_limit": SERIES_POINTS,
        "truncate_metric": True,
        "show_empty_columns": True,
        "color_scheme": _COLOURS,
        "orientation": "vertical",
        "show_legend": False,
        "rich_tooltip": True,
        "x_axis_time_format": "smart_date",
        "y_axis_format": "SMART_NUMBER",
        "truncateXAxis": True,
        "zoomable": False,
        "annotation_layers": [],
    }
    query = _query([_time_axis(on, grain)], [metric], SERIES_POINTS)
    query["orderby"] = [[metric, False]]
    query["extras"] = {"time_grain_sqla": grain, "having": "", "where": ""}
    oracle = None
    if time is not None:
        at = quote(time.name) + (" AT TIME ZONE 'UTC'" if time.conversion is Conversion.TIMESTAMP_TZ else "")
        value = f"sum({quote(column.name)})" if column else "count(*)"
        oracle = f"SELECT date_trunc('day', {at}), {value} FROM {{source}} GROUP BY 1"  # noqa: S608
        if column is not None and not exact(column):
            oracle = None
    return Chart("series", name, title, "echarts_timeseries_bar", params, query, oracle)


def _groups(name: str, column: Column) -> Chart:
    params: Json = {
        "viz_type": "echarts_timeseries_bar",
        "x_axis": column.name,
        "metrics": [ROWS],
        "groupby": [],
        "adhoc_filters": [],
        "row_limit": GROUPS,
        "truncate_metric": True,
        "show_empty_columns": True,
        "x_axis_sort": ROWS,
        "x_axis_sort_asc": True,
        "color_scheme": _COLOURS,
        "orientation": "horizontal",
        "show_legend": False,
        "show_value": True,
        "rich_tooltip": True,
        "y_axis_format": ",d",
        "annotation_layers": [],
    }
    query = _query([_plain_axis(column.name)], [ROWS], GROUPS)
    query["orderby"] = [[ROWS, False]]
    oracle = f"SELECT {quote(column.name)}, count(*) FROM {{source}} GROUP BY 1"  # noqa: S608
    return Chart("groups", name, f"Rows by {column.name}", "echarts_timeseries_bar", params, query, oracle)


def _newest(name: str, contract: TableContract) -> Chart:
    committed = committed_at(contract)
    # A view's key is made for Pinot and says nothing to people.
    made = contract.key if contract.versioned else ()
    listed = [c for c in contract.columns if c.conversion is not Conversion.BYTES and c.name not in made]
    names = [*(column.name for column in listed[:_TABLE_COLUMNS]), committed]
    order = [[committed, False]]
    params: Json = {
        "viz_type": "table",
        "query_mode": "raw",
        "all_columns": names,
        "order_by_cols": ['["' + committed + '", false]'],
        "adhoc_filters": [],
        "row_limit": NEWEST_ROWS,
        "server_pagination": False,
        "table_timestamp_format": "%Y-%m-%d %H:%M:%S",
        "column_config": _cell_formats(listed[:_TABLE_COLUMNS]),
        "allow_render_html": False,
        "show_cell_bars": False,
        "color_pn": False,
    }
    query = _query(list[object](names), [], NEWEST_ROWS)
    query["orderby"] = order
    return Chart("newest", name, "Newest rows", "table", params, query)


def _cell_formats(columns: list[Column]) -> Json:
    """Dates without a time of day, decimals as they are declared, floating numbers without their noise."""
    found: Json = {}
    for column in columns:
        if column.conversion is Conversion.DATE:
            found[column.name] = {"d3TimeFormat": "%Y-%m-%d"}
        elif column.conversion is Conversion.DECIMAL:
            found[column.name] = {"d3NumberFormat": number_format(column)}
        elif column.conversion in {Conversion.FLOAT, Conversion.DOUBLE}:
            found[column.name] = {"d3NumberFormat": ".6~g"}
        elif column.conversion in {Conversion.INT, Conversion.LONG}:
            found[column.name] = {"d3NumberFormat": "d"}
    return found


def _query(columns: list[object], metrics: list[str], row_limit: int) -> Json:
    return {
        "columns": columns,
        # No list of metrics at all is what asks for rows rather than groups.
        **({"metrics": metrics} if metrics else {}),
        "filters": [],
        "row_limit": row_limit,
        "orderby": [],
        "is_timeseries": False,
    }


def _time_axis(name: str, grain: str) -> Json:
    return {**_plain_axis(name), "timeGrain": grain}


def _plain_axis(name: str) -> Json:
    """A column on the x axis as the browser sends it."""
    return {
        "columnType": "BASE_AXIS",
        "sqlExpression": name,
        "label": name,
        "expressionType": "SQL",
        "isColumnReference": True,
    }
