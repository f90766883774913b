"""A view of each kind over three records: whatever Spark loads for its first view is loaded."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.errors import HeadraceError

_BASE = "headrace-rehearsal"
_TIMEOUT_S = 180.0
_ROWS = {
    "kind": "rows",
    "image": "`id` BIGINT, `name` STRING, `price` STRING",
    "values": [{"name": "price", "expr": "try_cast(price AS DECIMAL(10,2))"}],
    "reject": "CASE WHEN price IS NOT NULL AND try_cast(price AS DECIMAL(10,2)) IS NULL THEN 'price' END",
    "row_key": "to_json(array(CAST(id AS STRING)))",
    "where": "price > 0",
    "columns": [{"name": "name", "expr": "name"}, {"name": "price", "expr": "CAST(price AS STRING)"}],
}
_GROUPS = {
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
    """Run both views until their results are there.

    Raises:
        HeadraceError: `engine-does-not-start`: Spark serves, and makes nothing of a view.
    """
    bootstrap = f"127.0.0.1:{kafka_port}"
    documents = [_document(kind, parts, bootstrap) for kind, parts in (("rows", _ROWS), ("groups", _GROUPS))]
    outputs = [f"{_BASE}-{kind}" for kind in ("rows", "groups")]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made: dict[str, Future[None]] = admin.create_topics([NewTopic(name, 1, 1) for name in (_BASE, *outputs)])
    for future in made.values():
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
        _await(bootstrap, outputs)
        for document in documents:
            spark.delete(f"/views/{document['name']}")


def _document(kind: str, parts: dict[str, object], bootstrap: str) -> dict[str, object]:
    return {
        "name": f"rehearsal_{kind}",
        "bootstrap": bootstrap,
        "input": {"topic": _BASE},
        "output": {"topic": f"{_BASE}-{kind}"},
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


def _await(bootstrap: str, topics: list[str]) -> None:
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": _BASE})
    try:
        deadline = time.monotonic() + _TIMEOUT_S
        while not all(_end(reader, topic) >= len(_records()) for topic in topics):
            if time.monotonic() > deadline:
                raise HeadraceError(
                    "engine-does-not-start",
                    "spark was installed but does not work here",
                    cause=f"no result of a view within {_TIMEOUT_S:.0f} s",
                    hint="check free memory and the JDK (java -version), then: headrace engines install",
                )
            time.sleep(0.2)
    finally:
        reader.close()


def _end(reader: Consumer, topic: str) -> int:
    return reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10.0)[1]
