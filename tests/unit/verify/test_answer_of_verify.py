"""What `headrace verify` prints of every way a row can differ, without engines."""

from __future__ import annotations

import json

import pytest
from tests.cli.command_line import expect_snapshot

from headrace.cli import output, verify
from headrace.names import TableName
from headrace.verify.verdict import Difference, Fault, TableVerdict

DIFFERENCES = (
    Difference(Fault.MISSING, ("1", "a")),
    Difference(Fault.EXTRA, ("2", "b")),
    Difference(
        Fault.DIFFERENT,
        ("3", "c"),
        ("note", "price"),
        source=(("note", "it's"), ("price", None)),
        pinot=(("note", ""), ("price", "1.50")),
    ),
    Difference(Fault.DOUBLED, ("4", "d"), reason="it is there 2 times"),
    Difference(Fault.REJECTED, ("5", "e"), reason="NaN in price"),
)
VERDICTS = [
    TableVerdict(
        TableName("public", "orders"), "orders", "p_orders_1", 9, 9, DIFFERENCES, 7, 2, ("iban",), 0.25
    ),
    TableVerdict(
        *(TableName("sales", "lines"), "lines", "p_lines_1", 3, 3, (), 0, 0, (), 0.1),
        inexact=("sales.lines has changed: column-gone (note)",),
        not_compared=("note",),
    ),
    TableVerdict(TableName("public", "gone"), "gone", "p_gone_1", 0, 0, (), 0, 0, (), 0.1, compared=False),
    TableVerdict(TableName("public", "fine"), "fine", "p_fine_1", 1_000, 1_000, (), 0, 0, (), 0.1),
]


@pytest.mark.parametrize("values", [False, True])
def test_keys_and_columns_that_differ_are_named(values: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Values of rows only where they were asked for."""
    output.want_json(False)
    verify.show(VERDICTS, values)
    told = capsys.readouterr()
    expect_snapshot(f"verify_differences{'_with_values' if values else ''}", told.out + told.err)
    assert ("it's" in told.out) is values


@pytest.mark.parametrize("values", [False, True])
def test_the_document_holds_all_of_it(values: bool) -> None:
    found = json.loads(json.dumps(verify.as_document(VERDICTS, values)))
    assert (found["equal"], found["exact"]) == (False, False)
    orders, lines, gone, fine = found["tables"]
    assert [one["key"] for one in orders["differences"]] == [list(one.key) for one in DIFFERENCES]
    assert all(orders[fault.value] == 1 for fault in Fault)
    different = orders["differences"][2]
    assert different["columns"] == ["note", "price"]
    assert different.get("source") == ({"note": "it's", "price": None} if values else None)
    assert (lines["equal"], lines["exact"], lines["columns_not_compared"]) == (True, False, ["note"])
    assert (gone["compared"], gone["source_rows"], fine["exact"]) == (False, None, True)
