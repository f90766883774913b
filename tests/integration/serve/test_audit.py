"""The audit finds every planted difference, and none where there is none, amid writes too."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from headrace.cli.verify import as_document
from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.hops.serve import probe
from headrace.hops.serve.directory import Generation
from headrace.verify.audit import Audit
from headrace.verify.normalise import RowText
from headrace.verify.served import ServedRows
from headrace.verify.verdict import Fault, TableVerdict
from tests.integration.serve.pairs import Pair, open_pair
from tests.integration.serve.test_three_valued_logic import COLUMNS, random_row

pytestmark = pytest.mark.engines

ROWS = 300


@pytest.fixture
def pair(engines: Endpoints) -> Iterator[Pair]:
    with open_pair(engines, f"audit_{uuid.uuid4().hex[:8]}", COLUMNS) as made:
        yield made


def audit(pair: Pair, engines: Endpoints) -> TableVerdict:
    return Audit(pair.pinot, engines.source, pair.fence).table(pair.generation)


def wait_for_rows(pair: Pair, count: int) -> None:
    served = ServedRows(pair.pinot, pair.physical, RowText.of(pair.contract), {})
    deadline = time.monotonic() + 30
    while served.bounds()[2] != count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_equal_rows_are_equal_and_each_planted_difference_is_found(pair: Pair, engines: Endpoints) -> None:
    source = random.Random(7)
    rows = [random_row(source, number) for number in range(ROWS)]
    pair.put("c", rows)
    verdict = audit(pair, engines)
    assert (verdict.equal, verdict.source_rows, verdict.pinot_rows) == (True, ROWS, ROWS)
    pair.commit()
    assert audit(pair, engines).equal

    missing = random_row(source, 1_000)
    pair.put("c", [missing], stream=False)
    extra = random_row(source, 1_001)
    pair.put("c", [extra], source=False)
    pair.put("d", [rows[5]], stream=False)
    pair.put("d", [rows[6]], source=False)
    planted = {
        10: ("name", "other"),
        11: ("cost", Decimal("0.0001") + Decimal(str(rows[11]["cost"]))),
        12: ("flag", None if rows[12]["flag"] is not None else True),
        13: ("plain", "" if rows[13]["plain"] is None else None),
        14: ("raw", b"\x01"),
        15: ("weight", 1e-300),
        16: ("big", 2**60 + 7),
        17: ("name", "tab\tand \\ and\nline"),
    }
    for number, (column, value) in planted.items():
        pair.put("u", [{**rows[number], column: value}], stream=False)
    verdict = audit(pair, engines)
    found = {(difference.fault, int(difference.key[0])): difference for difference in verdict.differences}
    assert set(found) == {
        (Fault.MISSING, 1_000),
        (Fault.EXTRA, 1_001),
        (Fault.EXTRA, 5),
        (Fault.MISSING, 6),
        *((Fault.DIFFERENT, number) for number in planted),
    }
    for number, (column, _) in planted.items():
        assert found[Fault.DIFFERENT, number].columns == (column,)
    assert not verdict.equal
    assert verdict.undecided == 0


def test_a_key_that_pinot_answers_twice_is_a_difference(engines: Endpoints) -> None:
    columns = (COLUMNS[0], COLUMNS[2])
    with open_pair(engines, f"audit_{uuid.uuid4().hex[:8]}", columns, partitions=2) as pair:
        rows = [{"id": number, "plain": "a"} for number in range(5)]
        pair.put("c", rows)
        assert audit(pair, engines).equal
        # Pinot keeps apart which row is the newest in each partition.
        pair.writer.write("c", [rows[3]], partition=1)
        wait_for_rows(pair, len(rows) + 1)
        verdict = audit(pair, engines)
        assert [(one.fault, one.key, one.reason) for one in verdict.differences] == [
            (Fault.DOUBLED, ("3",), "2 rows in Pinot")
        ]
        assert (verdict.equal, verdict.undecided) == (False, 0)
        document = as_document([verdict], show_values=False)
        assert document["tables"][0]["doubled"] == 1  # type: ignore[index]


def test_a_truncate_between_snapshot_and_look_is_no_difference(pair: Pair, engines: Endpoints) -> None:
    rows = [random_row(random.Random(9), number) for number in range(3)]
    pair.put("c", rows)
    refused: list[Exception] = []

    def truncated(generation: Generation, timeout_s: float = 30.0) -> Mapping[int, int]:
        """The fence comes behind the snapshot."""
        try:
            pair.connection.execute(f"SET lock_timeout = '200ms'; TRUNCATE {pair.name}".encode())
        except psycopg.errors.LockNotAvailable as error:
            refused.append(error)
        return pair.fence(generation, timeout_s)

    verdict = Audit(pair.pinot, engines.source, truncated, decide_s=0).table(pair.generation)
    assert verdict.equal, verdict
    assert refused


def test_a_truncate_counts_in_its_own_partition(engines: Endpoints) -> None:
    """Its offset in one partition says nothing of the records of another."""
    columns = (COLUMNS[0], next(column for column in COLUMNS if column.name == "price"))
    with open_pair(engines, f"audit_{uuid.uuid4().hex[:8]}", columns, partitions=2) as pair:

        def wait_for_rejects(count: int) -> None:
            deadline = time.monotonic() + 30
            while probe.live_rejects(pair.pinot, pair.physical, ("id",)) != count:
                assert time.monotonic() < deadline
                time.sleep(0.1)

        pair.put("c", [{"id": number, "price": Decimal(1)} for number in range(5)], source=False)
        for partition in range(2):
            pair.writer.truncate(partition)
        pair.put("c", [{"id": 9, "price": Decimal(1)}], stream=False)
        pair.writer.write("c", [{"id": 9, "price": Decimal("NaN")}], partition=1)
        wait_for_rejects(1)
        verdict = audit(pair, engines)
        assert [(one.fault, one.key) for one in verdict.differences] == [(Fault.REJECTED, ("9",))]
        pair.connection.execute(f"TRUNCATE {pair.name}".encode())
        pair.writer.truncate(0)
        wait_for_rejects(1)
        pair.writer.truncate(1)
        wait_for_rejects(0)
        verdict = audit(pair, engines)
        assert (verdict.equal, verdict.source_rows, verdict.pinot_rows) == (True, 0, 0)


def test_a_microsecond_apart_is_seen(pair: Pair, engines: Endpoints) -> None:
    row = {**random_row(random.Random(1), 1)}
    pair.put("c", [row])
    pair.connection.execute(f"UPDATE {pair.name} SET at = TIMESTAMP '2024-05-01 10:00:00.000001'".encode())
    pair.writer.write("u", [{**row, "at": None}])
    assert audit(pair, engines).differences[0].columns == ("at",)


def test_no_false_alarm_while_rows_are_written(pair: Pair, engines: Endpoints) -> None:
    source = random.Random(3)
    rows = [random_row(source, number) for number in range(ROWS)]
    pair.put("c", rows)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            pair.put("u", [random_row(source, source.randrange(ROWS)) for _ in range(20)])
            gone = random_row(source, source.randrange(ROWS))
            pair.put("d", [gone])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            verdict = audit(pair, engines)
            assert verdict.equal, verdict
    finally:
        stop.set()
        writer.join()


def test_composite_text_keys(engines: Endpoints) -> None:
    columns = (
        Column("a", "text", Conversion.TEXT, False),
        Column("b", "integer", Conversion.INT, False),
        Column("v", "numeric(10,2)", Conversion.DECIMAL),
    )
    with open_pair(engines, f"audit_{uuid.uuid4().hex[:8]}", columns, ("a", "b")) as pair:
        keys = ["", "a", "a\tb", "a\\b", "it's", "option(x)", "ä\n", "\\N"]
        rows = [{"a": a, "b": b, "v": Decimal(b)} for a in keys for b in range(2)]
        pair.put("c", rows)
        assert audit(pair, engines).equal
        pair.put("d", rows[:6], stream=False)
        pair.put("u", [{**row, "v": None} for row in rows[6:]], stream=False)
        verdict = audit(pair, engines)
        assert verdict.count(Fault.EXTRA) == 6
        assert verdict.count(Fault.DIFFERENT) == len(rows) - 6
        assert {difference.key for difference in verdict.differences} == {
            (row["a"], str(row["b"])) for row in rows
        }


def test_masked_columns_are_named(engines: Endpoints) -> None:
    from headrace.contract import Mask

    columns = (COLUMNS[0], replace(COLUMNS[2], mask=Mask.REDACT))
    with open_pair(engines, f"audit_{uuid.uuid4().hex[:8]}", columns) as pair:
        pair.put("c", [{"id": 1, "plain": "a"}], stream=False)
        pair.put("c", [{"id": 1, "plain": "***"}], source=False)
        verdict = audit(pair, engines)
        assert (verdict.equal, verdict.masked) == (True, ("plain",))


def test_rows_that_cannot_be_carried_are_rejects_until_they_change(pair: Pair, engines: Endpoints) -> None:
    source = random.Random(5)
    rows = [{**random_row(source, number), "price": Decimal(1)} for number in range(5)]
    pair.put("c", rows)
    pair.put("u", [{**rows[1], "price": Decimal("NaN")}, {**rows[2], "price": Decimal("NaN")}])
    pair.put("u", [rows[2]])
    verdict = audit(pair, engines)
    assert [(one.fault, one.key) for one in verdict.differences] == [(Fault.REJECTED, ("1",))]
    assert "price" in verdict.differences[0].reason
    assert not verdict.equal
    found = probe.rejects(pair.pinot, pair.physical, ("id",))
    assert [reject.key for reject in found] == [(1,)]
    pair.commit()
    pair.put("d", [rows[1]])
    assert audit(pair, engines).equal
    assert probe.live_rejects(pair.pinot, pair.physical, ("id",)) == 0
    kept = [rows[0], rows[3], rows[4]]
    pair.put("u", [{**row, "price": Decimal("NaN")} for row in kept])
    assert not audit(pair, engines).equal
    found = probe.rejects(pair.pinot, pair.physical, ("id",), page_rows=2)
    assert [reject.key for reject in found] == [(0,), (3,), (4,)]
