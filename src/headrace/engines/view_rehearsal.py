"""A view of each kind over three records: whatever Spark loads for views and their batches is loaded."""

from __future__ import annotations

# confluent_kafka.admin names these in its documentation but not in an __all__.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
import json
import time

import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.errors import HeadraceError

_BASE = "headrace-rehearsal"
_TIMEOUT_S = 180.0
_ROWS: dict[str, object] = {
    "kind": "rows",
    "image": "`id` BIGINT, `name` STRING, `price` STRING",
    "values": [{"name": "price", "expr": "try_cast(price AS DECIMAL(10,2))"}],
    "reject": "CASE WHEN price IS NOT NULL AND try_cast(price AS DECIMAL(10,2)) IS NULL THEN 'price' END",
    "row_key": "to_json(array(CAST(id AS STRING)))",
    "where": "price > 0",
    "columns": [{"name": "name", "expr": "name"}, {"name": "price", "expr": "CAST(price AS STRING)"}],
}
_GROUPS: dict[str, object] = {
    **_ROWS,
    "kind": "groups",
    "group": [{"name": "name", "expr": "name"}],
    "sums": [{"name": "s0", "expr": "coalesce(CAST(price AS DECIMAL(38,2)), 0BD)"}],
    "columns": [
        {"name": "name", "expr": "name"},
        {"name": "total", "expr": "CAST(s0 AS STRING)"},
        {"name": "mean", "expr": "headrace_avg(s0, rows)"},
    ],
}


def rehearse(kafka_port: int, spark_port: int) -> None:
    """Run both views until they are through and have ended a batch.

    Raises:
        HeadraceError: `engine-does-not-start`: Spark serves, and makes nothing of a view.
    """
    bootstrap = f"127.0.0.1:{kafka_port}"
    documents = [_document(parts, bootstrap) for parts in (_ROWS, _GROUPS)]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [_BASE, *map(_output, (_ROWS, _GROUPS))]
    new = [NewTopic(topic, num_partitions=1, replication_factor=1) for topic in topics]
    for future in admin.create_topics(new, request_timeout=_TIMEOUT_S).values():
        future.result()
    producer = Producer({"bootstrap.servers": bootstrap})
    for record in _records():
        producer.produce(_BASE, record, partition=0)
    producer.flush(_TIMEOUT_S)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{spark_port}", timeout=_TIMEOUT_S, trust_env=False
    ) as spark:
        for document in documents:
            spark.put(f"/views/{document['name']}", json=document).raise_for_status()
        _await(spark, len(documents))
        for document in documents:
            spark.delete(f"/views/{document['name']}")


def _output(parts: dict[str, object]) -> str:
    return f"{_BASE}-{parts['kind']}"


def _document(parts: dict[str, object], bootstrap: str) -> dict[str, object]:
    return {
        "name": f"rehearsal_{parts['kind']}",
        "bootstrap": bootstrap,
        "input": {"topic": _BASE},
        "output": {"topic": _output(parts)},
        **parts,
    }


def _records() -> list[bytes]:
    first = {"id": 1, "name": "a", "price": "1.50"}
    second = {"id": 1, "name": "a", "price": "2.50"}
    changes = (("c", None, first), ("u", first, second), ("d", second, None))
    source = {"ts_ms": 1, "lsn": 1, "txId": 1}
    return [
        json.dumps({"op": op, "before": before, "after": after, "source": source}).encode()
        for op, before, after in changes
    ]


def _await(spark: httpx.Client, count: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        views = spark.get("/views").raise_for_status().json()
        if [status["batches"] >= 2 for status in views.values()] == [True] * count:
            return
        if time.monotonic() > deadline:
            raise HeadraceError(
                "engine-does-not-start",
                "spark was installed but does not work here",
                cause=f"views get through no batch within {_TIMEOUT_S:.0f} s",
                hint="check free memory and the JDK (java -version), then: headrace engines install",
            )
        time.sleep(0.2)
