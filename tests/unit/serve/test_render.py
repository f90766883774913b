from __future__ import annotations

import dataclasses

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.serve import render
from headrace.hops.serve.render import Placement, Status
from headrace.names import CaptureNames, TableName

PLAIN = TableContract(
    TableName("public", "revenue"),
    "revenue",
    ("__key",),
    (Column("__key", "text", Conversion.TEXT, False), Column("total", "numeric", Conversion.DECIMAL)),
)
VIEW = dataclasses.replace(PLAIN, versioned=True)
NAMES = CaptureNames("shop", 1)
PLACE = Placement("127.0.0.1:9092")


def flush_time(retention_ms: int | None) -> object:
    table = render.table(dataclasses.replace(PLAIN, retention_ms=retention_ms), NAMES, PLACE, Status.BUILDING)
    return str(table).split("flush.threshold.time': '")[1].split("'")[0]


def test_a_segment_is_committed_well_before_the_log_forgets_its_records() -> None:
    found = {retention_ms: flush_time(retention_ms) for retention_ms in (None, -1, 96 * 3_600_000, 3_600_000)}
    assert list(found.values()) == ["24h", "24h", "24h", "15m"]


def names_of(document: dict[str, object], part: str) -> list[str]:
    return [field["name"] for field in document[part]]  # type: ignore[index]


def test_a_versioned_table_compares_by_version() -> None:
    table = render.table(VIEW, NAMES, PLACE, Status.BUILDING)

    assert table["upsertConfig"]["comparisonColumn"] == "__version"  # type: ignore[index]
    assert "__version" in table["tableIndexConfig"]["noDictionaryColumns"]  # type: ignore[index]
    assert names_of(render.schema(VIEW, NAMES), "dimensionFieldSpecs").count("__version") == 1


def test_any_other_table_has_no_version() -> None:
    table = render.table(PLAIN, NAMES, PLACE, Status.BUILDING)

    assert table["upsertConfig"]["comparisonColumn"] == "__kind"  # type: ignore[index]
    assert "__version" not in str(render.schema(PLAIN, NAMES))
    assert "versioned" not in PLAIN.to_json()


def test_versions_are_part_of_the_shape_and_of_the_stored_contract() -> None:
    assert VIEW.shape != PLAIN.shape
    for contract in (PLAIN, VIEW):
        assert TableContract.from_json(contract.to_json()) == contract
