from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract import Mask
from headrace.errors import HeadraceError, HeadraceErrors, Where
from headrace.names import TableName
from headrace.spec import fields
from headrace.spec.load import FILE_NAME, find, load, load_text
from headrace.spec.model import Declaration
from headrace.spec.quantity import (
    parse_duration_ms,
    parse_size_bytes,
    write_duration,
    write_size,
)

FULL = """\
project: shop
source:
  url: env:DATABASE_URL
tables:
  customers:
  sales.order lines:
    name: lines
    key: [order_no, line]
    exclude: [notes]
    mask: {email: hash, iban: redact}
    retention: {time: 36h, size: 1.5GiB}
engines:
  heap: {pinot: 1GiB}
"""


def test_values_arrive() -> None:
    declaration = load_text(FULL)
    customers, lines = declaration.declared
    assert (customers.table, customers.served_name) == (TableName("public", "customers"), "customers")
    assert (lines.table, lines.served_name) == (TableName("sales", "order lines"), "lines")
    assert lines.options.key == ("order_no", "line")
    assert lines.mask == {"email": Mask.HASH, "iban": Mask.REDACT}
    assert lines.options.retention.time_ms == 36 * 3_600_000
    assert lines.options.retention.size_bytes == 3 << 29
    assert declaration.engines.heap_mb == {"pinot": 1024}
    assert not declaration.embedded_source
    assert declaration.declared_table(TableName("public", "customers")) == customers
    with pytest.raises(KeyError):
        declaration.declared_table(TableName("sales", "customers"))


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("tables.customers", 5),
        ("tables.public.customers", 5),
        ("tables.customers.key", 5),
        ("tables.sales.order lines", 6),
        ("tables.sales.order lines.key", 8),
        ("tables.sales.order lines.key.1", 8),
        ("tables.sales.order lines.mask.iban", 10),
        ("tables.sales.order lines.partitions", 6),
        ("tables.no_such", 4),
        ("source.url", 3),
        ("source.sslmode", 2),
        ("project", 1),
    ],
)
def test_where(address: str, line: int) -> None:
    assert load_text(FULL, file="f.yaml").where(address) == Where("f.yaml", line, address)


def test_where_in_a_list() -> None:
    declaration = load_text("project: shop\ntables:\n  - orders\n  - sales.x\n")
    for declared, line in zip(declaration.declared, (3, 4), strict=True):
        assert declaration.where(declared.address).line == line
        assert declaration.where(f"tables.{declared.table}").line == line


def test_a_declaration_made_in_python_has_no_file() -> None:
    declaration = Declaration.model_validate({"project": "shop", "tables": ["orders"]})
    assert declaration.where("tables.orders") == Where(None, None, "tables.orders")
    assert declaration.embedded_source


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    declaration = load_text(b"\xef\xbb\xbfproject: shop\r\ntables:\r\n  - orders\r\n")
    assert declaration.where("tables.orders").line == 3


def test_find(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("project: shop\ntables: [orders]\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / FILE_NAME).mkdir()  # a folder of that name is not the file
    assert find(deep) == tmp_path / FILE_NAME
    assert load(find(deep)).project == "shop"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError) as missing:
        load(tmp_path / FILE_NAME)
    assert missing.value.code == "declaration-missing"
    with pytest.raises(HeadraceError) as folder:
        load(tmp_path)
    assert folder.value.code == "declaration-unreadable"


def test_a_validation_error_of_pydantic_does_not_show_a_password() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as caught:
        Declaration.model_validate({"project": "s", "tables": ["a"], "source": {"password": "hunter2"}})
    assert "hunter2" not in str(caught.value)


def test_a_secret_in_an_unknown_place_is_not_shown() -> None:
    source = "{host: 'postgres://u:hunter2@h/d', database: d, user: u, pasword: hunter2}"
    text = f"project: s\ntables: [a]\nsource: {source}\n"
    with pytest.raises(HeadraceErrors) as caught:
        load_text(text)
    shown = " ".join(f"{one.summary} {one.cause} {one.hint} {one.where}" for one in caught.value.errors)
    assert "hunter2" not in shown


@given(st.integers(0, 10**15))
def test_durations_round_trip(duration_ms: int) -> None:
    assert parse_duration_ms(write_duration(duration_ms)) == duration_ms


@given(st.integers(0, 10**15 - 1))
def test_sizes_round_trip(size_bytes: int) -> None:
    assert parse_size_bytes(write_size(size_bytes)) == size_bytes


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [("90s", 90_000), ("7d", 604_800_000), ("1.5h", 5_400_000), ("2 w", 1_209_600_000)],
)
def test_durations(text: str, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "7D", "7 days", "1e3s", "0.0001ms", "7d\n7d", "٧d"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration_ms(text)


def test_the_declaration_and_the_engines_agree_on_names() -> None:
    from headrace.engines.stack import DEFAULT_HEAPS_MB, PORT_NAMES
    from headrace.spec.model import JvmEngine

    assert set(fields.PORT_NAMES) == set(PORT_NAMES)
    assert set(get_args(JvmEngine)) == set(DEFAULT_HEAPS_MB)


def test_a_dashboard_is_made_when_it_is_named() -> None:
    assert load_text("project: shop\ntables: [orders]\n").dashboard is None
    plain = load_text("project: shop\ntables: [orders]\ndashboard: {}\n").dashboard
    assert plain is not None
    assert (plain.title, plain.refresh_seconds, plain.tables) == (None, 5, None)
    told = load_text(
        "project: shop\ntables: [orders, lines]\n"
        "dashboard: {title: Live, refresh_seconds: 1, tables: [lines, orders]}\n"
    ).dashboard
    assert told is not None
    assert (told.title, told.refresh_seconds, told.tables) == ("Live", 1, ("lines", "orders"))


def test_a_dashboard_may_name_views() -> None:
    shown = load_text(
        "project: shop\ntables: [orders]\nviews: {paid: SELECT id FROM orders}\n"
        "dashboard: {tables: [paid, orders]}\n"
    ).dashboard
    assert shown is not None
    assert shown.tables == ("paid", "orders")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{refresh_seconds: 0}", "declaration-out-of-range"),
        ("{refresh_seconds: 0.5}", "declaration-wrong-type"),
        ("{colour: red}", "declaration-unknown-key"),
        ("{tables: []}", "declaration-out-of-range"),
        ("{tables: [customers]}", "declaration-dashboard-table"),
        ("{tables: [orders, orders]}", "declaration-dashboard-table"),
    ],
)
def test_a_wrong_dashboard_is_refused_at_its_line(text: str, code: str) -> None:
    with pytest.raises(HeadraceErrors) as caught:
        load_text(f"project: shop\ntables: [orders]\ndashboard: {text}\n")
    [error] = caught.value.errors
    assert error.code == code
    assert error.where is not None
    assert error.where.line == 3
