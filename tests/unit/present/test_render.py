"""The bundle: deterministic, exact, and the same thing under the same name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.contract import Column, Conversion
from headrace.errors import HeadraceError
from headrace.hops.present import charts, datasets, render, roles
from headrace.hops.present.charts import SLOTS
from headrace.hops.present.resource import Dashboard
from headrace.hops.present.shown import Shown
from tests.unit.present.contracts import BY_COUNTRY, ORDERS, presentation

GOLDEN = Path(__file__).with_name("bundle.json")


def test_the_bundle_is_the_one_that_was_reviewed() -> None:
    text = json.dumps(render.documents(presentation()), indent=1, ensure_ascii=False) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render.bundle(presentation()) == render.bundle(presentation())
    assert render.bundle(presentation()) != render.bundle(presentation(generation=2))


def test_a_new_generation_changes_one_text_and_no_identity() -> None:
    first, second = render.documents(presentation(1)), render.documents(presentation(2))
    changed = {(path, key) for path in first for key in first[path] if first[path][key] != second[path][key]}
    assert changed == {("datasets/pinot/orders.yaml", "sql")}


def test_projects_share_no_identity() -> None:
    one = {str(document["uuid"]) for document in render.documents(presentation()).values()}
    other = {str(document["uuid"]) for document in render.documents(presentation(project="bar")).values()}
    assert len(one) == len(render.documents(presentation()))
    assert not one & other


def test_what_headrace_adds_is_not_shown() -> None:
    listed = [column["column_name"] for column in datasets.columns(ORDERS)]
    assert listed == [*(column.name for column in ORDERS.columns), "committed_at"]
    assert not any(str(name).startswith("__") or str(name).endswith("__micros") for name in listed)


def test_the_commit_time_gives_way_to_a_column_of_its_name() -> None:
    assert datasets.committed_at(BY_COUNTRY) == "committed_at_"


def test_every_sum_is_exact_and_nothing_is_added_that_identifies() -> None:
    found = {str(metric["metric_name"]): metric["expression"] for metric in datasets.metrics(ORDERS)}
    assert found["Sum of total"] == 'SUMPRECISION("total")'
    assert found["Sum of quantity"] == 'SUMPRECISION("quantity")'
    assert not {"Sum of id", "Sum of customer_id"} & found.keys()


def test_columns_are_chosen_by_their_kinds() -> None:
    assert [column.name for column in roles.sums(ORDERS)] == ["total", "quantity"]
    assert [column.name for column in roles.sums(BY_COUNTRY)] == ["lines"]
    time, group = roles.time_column(ORDERS), roles.group_column(ORDERS)
    assert (time and time.name, group and group.name) == ("placed_at", "status")
    group = roles.group_column(BY_COUNTRY)
    assert (roles.time_column(BY_COUNTRY), group and group.name) == (None, "country")


def test_a_name_that_needs_quotes_has_them() -> None:
    odd = Column('unit "price"', "numeric(12,2)", Conversion.DECIMAL)
    contract = replace(ORDERS, columns=(ORDERS.columns[0], odd))
    column = datasets.columns(contract)[1]
    assert column["expression"] == '"unit ""price"""'
    assert 'SUMPRECISION("unit ""price""")' in str(datasets.metrics(contract))


def test_every_chart_has_a_slot_and_a_place() -> None:
    shown = presentation()
    position = render.documents(shown)["dashboards/dashboard.yaml"]["position"]
    assert isinstance(position, dict)
    placed = [node["meta"]["uuid"] for key, node in position.items() if key.startswith("CHART-")]
    made = [shown.uuid("chart", chart.served_name, chart.slot) for chart in render.all_charts(shown)]
    assert sorted(placed) == sorted(made)
    assert {chart.slot for chart in render.all_charts(shown)} <= set(SLOTS)
    for node in position.values():
        if isinstance(node, dict) and node["type"] == "ROW":
            assert sum(position[child]["meta"]["width"] for child in node["children"]) == 12


def test_a_table_of_one_column_has_a_dashboard() -> None:
    contract = replace(ORDERS, columns=ORDERS.columns[:1])
    found = charts.charts(Shown("orders", "shop_orders_1", contract))
    assert [chart.slot for chart in found] == ["rows", "age", "series", "newest"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (replace(presentation(), shown=()), "present-nothing"),
        (presentation(refresh_seconds=0), "present-refresh"),
    ],
)
def test_what_cannot_be_shown_is_refused(wrong: object, code: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        render.bundle(wrong)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_document_of_a_plan_holds_no_secret_and_is_json() -> None:
    from headrace.hops.present.client import SupersetClient

    with SupersetClient("http://127.0.0.1:1", "hidden-one") as client:
        document = json.dumps(Dashboard(client, presentation()).desired)
    assert "hidden-one" not in document
    assert json.loads(document)
