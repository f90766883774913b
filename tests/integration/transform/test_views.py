"""The views' application on a real Kafka: results against a model in Python, through kills and TRUNCATE."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from headrace.engines.versions import SPARK
from tests.integration.transform.bench import Json, TransformBench, folded
from tests.integration.transform.orders import GROUPS, ROWS, Orders

pytestmark = [pytest.mark.engines, pytest.mark.slow]


def assert_same(values: list[Json], wanted: dict[str, Json]) -> None:
    found = folded(values)
    for key, row in wanted.items():
        mean = row.pop("mean", None)
        given = found[key].pop("mean", None)
        assert (mean is None) == (given is None), key
        assert mean is None or abs(mean - given) < 10**-12, key  # type: ignore[operator]
    assert found == wanted


def test_results_are_exact_and_in_the_order_of_the_input(bench: TransformBench) -> None:
    base, groups, rows = bench.topic("base"), bench.topic("groups"), bench.topic("rows")
    orders = Orders(random.Random(7))
    bench.write(base, orders.envelopes(150))
    bench.write(base, [orders._envelope("c", None, orders._row(10**6))], commit=False)
    for document in (bench.document(GROUPS, base, groups), bench.document(ROWS, base, rows)):
        assert (answer := bench.put(document)).status_code == 201, answer.text
    for _ in range(10):
        bench.write(base, orders.envelopes(15))

    for output, wanted in ((groups, orders.groups()), (rows, orders.passing_rows())):
        values = bench.wait_for(base, output)
        assert_same(values, wanted)
        offsets = [offset for offset, _ in bench.records(base)]
        assert [value["input"] for value in values] == sorted(value["input"] for value in values)
        assert [value["version"] for value in values] == sorted(value["version"] for value in values)
        assert {value["version"] for value in values} == {offset + 1 for offset in offsets}


def test_kills_and_truncate_change_no_result(bench: TransformBench) -> None:
    base, groups, rows = bench.topic("base"), bench.topic("groups"), bench.topic("rows")
    documents = [bench.document(GROUPS, base, groups), bench.document(ROWS, base, rows)]
    orders = Orders(random.Random(11))
    for document in documents:
        assert (answer := bench.put(document)).status_code == 201, answer.text
    bench.write(base, orders.envelopes(200))
    bench.wait_for(base, groups)
    wait_for_batches(bench, documents, 2)
    status = bench.status(documents[0]["name"])
    assert 0 < float(str(status["max_boundary_pause_ms"])) < 60_000
    bench.write(base, orders.envelopes(100))
    bench.engines.kill("spark")
    for document in documents:
        uncommit(bench, document)
    bench.engines.start("spark")
    bench.write(base, orders.envelopes(50))
    assert_same(bench.wait_for(base, groups), orders.groups())

    bench.write(base, [*orders.envelopes(20), orders.truncate(), *orders.envelopes(40)])

    assert_same(bench.wait_for(base, groups), orders.groups())
    assert_same(bench.wait_for(base, rows), orders.passing_rows())
    assert bench.status(documents[0]["name"])["start_offset"] != 0
    assert len(bench.checkpoints(documents[0]["name"])) == 1


def test_a_topic_deleted_by_hand_holds_up_no_other_view(bench: TransformBench) -> None:
    """Its records wait two minutes for it to come back; those of another view must not wait with them."""
    base, lost, kept = bench.topic("base"), bench.topic("lost"), bench.topic("kept")
    documents = [bench.document(ROWS, base, lost), bench.document(ROWS, base, kept)]
    orders = Orders(random.Random(13))
    bench.write(base, orders.envelopes(50))
    for document in documents:
        assert (answer := bench.put(document)).status_code == 201, answer.text
    bench.wait_for(base, lost)
    bench.wait_for(base, kept)
    bench.delete(lost)
    bench.write(base, orders.envelopes(50))

    passed = int(str(bench.status(documents[1]["name"])["batches"]))
    wait_for_batches(bench, documents[1:], passed + 2, within_s=60)

    bench.write(base, orders.envelopes(50))
    assert_same(bench.wait_for(base, kept), orders.passing_rows())


def wait_for_batches(
    bench: TransformBench, documents: list[Json], count: int, within_s: float = 90.0
) -> None:
    deadline = time.monotonic() + within_s
    while any(int(str(bench.status(document["name"])["batches"])) < count for document in documents):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def uncommit(bench: TransformBench, document: Json) -> None:
    """What a kill between a batch's offsets and its commit leaves behind."""
    (checkpoint,) = bench.checkpoints(document["name"])
    commits = sorted((checkpoint / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    commits[-1].unlink()
    Path(commits[-1].parent / f".{commits[-1].name}.crc").unlink(missing_ok=True)


def test_put_and_delete_can_be_repeated(bench: TransformBench) -> None:
    document = bench.document(ROWS, bench.topic("base"), bench.topic("rows"))
    name = document["name"]

    assert (answer := bench.put(document)).status_code == 201, answer.text
    assert bench.put(document).status_code == 200
    other = bench.put({**document, "where": "qty > 1"})
    assert (other.status_code, other.json()["code"]) == (409, "view-differs")
    assert bench.http.get(f"/views/{name}").json()["document"] == document
    for _ in range(2):
        assert bench.http.delete(f"/views/{name}").status_code == 204
    assert bench.http.get(f"/views/{name}").status_code == 404
    assert not (bench.data / "views" / f"{name}.json").exists()
    assert not bench.checkpoints(name)


@pytest.mark.parametrize(
    "change",
    [
        {"where": "nosuch > 1"},
        {"where": "qty >"},
        {"kind": "cubes"},
        {"image": "`id` NOTYPE"},
        {"columns": None},
        {"surplus": 1},
        {"name": "another"},
    ],
)
def test_a_document_that_is_refused_leaves_nothing(bench: TransformBench, change: Json) -> None:
    document = bench.document(ROWS, "base", "rows")
    name = document["name"]

    answer = bench.http.put(f"/views/{name}", json={**document, **change})

    assert (answer.status_code, answer.json()["code"]) == (400, "document-refused")
    assert bench.http.get(f"/views/{name}").status_code == 404
    assert not (bench.data / "views" / f"{name}.json").exists()


def test_a_view_that_cannot_go_on_says_why_without_a_value(bench: TransformBench) -> None:
    base = bench.topic("base")
    document = bench.document(
        {**ROWS, "columns": [{"name": "n", "expr": "CAST(country AS INT)"}]}, base, base
    )
    document["output"] = {"topic": bench.topic("rows")}
    row = {"id": 1, "qty": 1, "price": "1.00", "country": "topsecretvalue"}
    bench.write(base, [json.dumps({"before": None, "after": row, "source": {}, "op": "c"}).encode()])

    assert (answer := bench.put(document)).status_code == 201, answer.text

    deadline = time.monotonic() + 90
    while (status := bench.status(document["name"]))["state"] != "failed":
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    assert status["code"] == "expression-failed"
    logs = bench.engines.directory / ".headrace" / "logs"
    assert "topsecretvalue" not in str(status)
    assert all("topsecretvalue" not in path.read_text() for path in logs.iterdir() if path.is_file())


def test_the_pair_of_versions_these_tests_were_passed_with(bench: TransformBench) -> None:
    jars = {Path(jar).name for jar in bench.engines.installation.spark_classpath.split(":")}

    assert {"spark-sql_2.13-4.3.0.jar", "spark-sql-kafka-0-10_2.13-4.2.0.jar"} <= jars
    assert SPARK.version == "4.3.0"
