"""Whether the dashboard works: every chart's query run through Superset as a browser runs it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from headrace.errors import HeadraceError, Where
from headrace.hops.present.charts import Chart
from headrace.hops.present.client import Json, SupersetClient
from headrace.hops.present.render import all_charts
from headrace.hops.present.shown import Presentation

_TEMPORAL = 2
"""Superset's number for a column of instants."""


@dataclass(frozen=True)
class ChartAnswer:
    """What one chart shows now.

    `rows` holds a user's values: compare them, print them only where that was asked for.

    Attributes:
        name: of the chart, `orders: rows`.
        served_name: of its table.
        slot: which chart it is, see charts.SLOTS.
        columns: names, in the order of the values in `rows`.
        rows: values as JSON has them, decimals with every digit, instants as milliseconds since 1970.
        oracle: SQL for PostgreSQL with `{source}` for the table (or a view's query in parentheses with an
            alias) that must give the same rows in any order; None where there is nothing to compare.
    """

    name: str
    served_name: str
    slot: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    oracle: str | None


def health(client: SupersetClient) -> str | None:
    """None when Superset is well, else what is wrong."""
    return None if client.healthy() else f"Superset at {client.url} does not answer"


def check(client: SupersetClient, presentation: Presentation) -> tuple[ChartAnswer, ...]:
    """Run every chart's query, past every cache.

    Raises:
        HeadraceError: `chart-missing`, or `chart-failed` with the name of the first chart that has no answer.
    """
    charts = {str(one["uuid"]): cast(int, one["id"]) for one in client.list("chart")}
    datasets = {str(one["uuid"]): cast(int, one["id"]) for one in client.list("dataset")}
    answers: list[ChartAnswer] = []
    for chart in all_charts(presentation):
        dataset = datasets.get(presentation.uuid("dataset", chart.served_name))
        number = charts.get(presentation.uuid("chart", chart.served_name, chart.slot))
        if dataset is None or number is None:
            raise HeadraceError(
                "chart-missing",
                f"the chart `{chart.name}` is not in Superset",
                hint="`headrace apply` makes it",
                where=Where(address=f"chart:{chart.name}"),
            )
        answers.append(_ask(client, chart, number, dataset))
    return tuple(answers)


def _ask(client: SupersetClient, chart: Chart, number: int, dataset: int) -> ChartAnswer:
    form: Json = {**chart.params, "slice_id": number, "datasource": f"{dataset}__table", "force": True}
    try:
        answer = client.chart_data(dataset, chart.query, form)
    except HeadraceError as error:
        if error.code != "superset-refused":
            raise
        raise _failed(chart, error.cause) from error
    if answer.get("error"):
        raise _failed(chart, str(answer["error"]).splitlines()[0][:500])
    if answer.get("is_cached"):
        raise _failed(chart, "Superset answered from a cache")
    names = tuple(str(name) for name in cast("list[object]", answer.get("colnames") or []))
    rows = cast("list[Json]", answer.get("data") or [])
    kinds = cast("list[int]", answer.get("coltypes") or [])
    instants = {name for name, kind in zip(names, kinds, strict=True) if kind == _TEMPORAL}
    return ChartAnswer(
        name=chart.name,
        served_name=chart.served_name,
        slot=chart.slot,
        columns=names,
        rows=tuple(tuple(_value(row[name], name in instants) for name in names) for row in rows),
        oracle=chart.oracle,
    )


def _value(value: object, instant: bool) -> object:
    return int(value) if instant and isinstance(value, Decimal) else value


def _failed(chart: Chart, cause: str | None) -> HeadraceError:
    return HeadraceError(
        "chart-failed",
        f"the chart `{chart.name}` has no answer",
        cause=cause,
        hint="look at the chart in the dashboard; `headrace logs superset` says more",
        where=Where(address=f"chart:{chart.name}"),
    )
