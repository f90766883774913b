"""Views in headrace.yaml: both ways to write them, their lines, what is refused."""

from __future__ import annotations

import pytest

from headrace.errors import HeadraceErrors
from headrace.spec.load import load_text
from headrace.spec.model import as_document

TEXT = """\
project: shop
tables: [orders]
views:
  one: SELECT id FROM orders
  revenue:
    sql: |
      SELECT country,
        count(*)
      FROM orders GROUP BY country
    indexes: {country: inverted}
    flush_rows: 1000
  block: |
    SELECT id
    FROM orders
"""


def test_both_ways_to_write_a_view() -> None:
    views = load_text(TEXT).views
    assert list(views) == ["one", "revenue", "block"]
    assert views["one"].sql == "SELECT id FROM orders"
    assert views["revenue"].sql.startswith("SELECT country,\n")
    assert views["revenue"].indexes == {"country": "inverted"}


def test_no_views_is_an_empty_mapping() -> None:
    assert load_text("project: shop\ntables: [orders]\n").views == {}


@pytest.mark.parametrize(("view", "line", "expected"), [("one", 1, 4), ("revenue", 2, 8), ("block", 2, 14)])
def test_a_line_of_the_sql_is_found_in_the_file(view: str, line: int, expected: int) -> None:
    assert load_text(TEXT).where_in_sql(view, line).line == expected


def test_views_round_trip() -> None:
    declaration = load_text(TEXT)
    assert declaration.model_validate(as_document(declaration)).views == declaration.views


WRONG = {
    "views: [a]": ("declaration-wrong-type", 3),
    "views: {a: 1}": ("declaration-wrong-type", 3),
    "views:\n  a: ''": ("declaration-empty-value", 4),
    "views:\n  a: {indexes: {x: bloom}}": ("declaration-missing-key", 4),
    "views:\n  Orders: SELECT 1": ("declaration-name-collision", 4),
    "views:\n  a: SELECT 1\n  A: SELECT 1": ("declaration-name-collision", 5),
    "views:\n  a_REALTIME: SELECT 1": ("declaration-reserved-name", 4),
    "views:\n  9a: SELECT 1": ("declaration-bad-name", 4),
    "views:\n  a: {sql: SELECT 1, indexes: {__key: bloom}}": ("declaration-reserved-name", 4),
    "views:\n  a: {sql: SELECT 1, partitions: 2}": ("declaration-unknown-key", 4),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_view_is_refused_at_its_line(text: str) -> None:
    with pytest.raises(HeadraceErrors) as caught:
        load_text(f"project: shop\ntables: [orders]\n{text}\n")
    code, line = WRONG[text]
    assert [(one.code, one.where.line if one.where else None) for one in caught.value.errors] == [
        (code, line)
    ]
