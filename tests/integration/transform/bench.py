"""Topics, documents and results for tests of the views' application."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.capture.engines import CaptureEngines

Json = dict[str, object]
PATIENCE_S = 180.0


class TransformBench:
    """One test's topics and views."""

    def __init__(self, engines: CaptureEngines) -> None:
        self.engines = engines
        self.bootstrap = engines.endpoints.kafka_bootstrap
        self.mark = uuid.uuid4().hex[:8]
        self.http = httpx.Client(
            base_url=str(engines.endpoints.spark_url), timeout=PATIENCE_S, trust_env=False
        )
        self.data = engines.directory / ".headrace" / "data" / "spark"
        self._views: list[str] = []
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self._topics: list[str] = []
        self._producer: Producer | None = None

    def topic(self, name: str) -> str:
        """A topic of one partition."""
        topic = f"{name}.{self.mark}"
        for future in self._admin.create_topics([NewTopic(topic, 1, 1)]).values():
            future.result()
        self._topics.append(topic)
        return topic

    def delete(self, topic: str) -> None:
        self._topics.remove(topic)
        self._admin.delete_topics([topic])[topic].result()

    def document(self, parts: Json, base: str, output: str) -> Json:
        name = f"v_{self.mark}_{len(self._views)}"
        self._views.append(name)
        return {
            "name": name,
            "bootstrap": self.bootstrap,
            "input": {"topic": base},
            "output": {"topic": output},
            **parts,
        }

    def put(self, document: Json) -> httpx.Response:
        return self.http.put(f"/views/{document['name']}", json=document)

    def status(self, name: object) -> Json:
        return self.http.get(f"/views/{name}").json()["status"]

    def write(self, topic: str, records: Sequence[bytes], *, commit: bool = True) -> None:
        """One transaction, as Kafka Connect writes them: its marker takes an offset too."""
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self.bootstrap,
                    "transactional.id": self.mark,
                    "linger.ms": 0,
                    "log_level": 0,
                }
            )
            self._producer.init_transactions()
        self._producer.begin_transaction()
        for record in records:
            self._producer.produce(topic, record, partition=0)
        self._producer.flush()
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()

    def records(self, topic: str) -> list[tuple[int, Json]]:
        """Offset and value of every committed record."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.mark,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[tuple[int, Json]] = []
        while True:
            message = consumer.poll(10.0)
            assert message is not None
            if message.error():
                break
            found.append((message.offset(), json.loads(message.value())))
        consumer.close()
        return found

    def wait_for(self, base: str, output: str) -> list[Json]:
        """The output's values once it is through with all that is in the base topic."""
        position = self.records(base)[-1][0] + 1
        deadline = time.monotonic() + PATIENCE_S
        while True:
            values = [value for _, value in self.records(output)]
            if values and values[-1]["input"] == position:
                return values
            views = self.http.get("/views").text
            assert time.monotonic() < deadline, f"{len(values)} records, not at {position}: {views}"
            time.sleep(0.2)

    def checkpoints(self, name: object) -> list[Path]:
        folder = self.data / "checkpoints" / str(name)
        return sorted(folder.iterdir()) if folder.exists() else []

    def clear(self) -> None:
        for name in self._views:
            self.http.delete(f"/views/{name}")
        self._producer = None
        self.http.close()
        deleted = self._admin.delete_topics(self._topics) if self._topics else {}
        for future in deleted.values():
            future.result()


def folded(values: Sequence[Json]) -> dict[str, Json]:
    """What Pinot makes of an output topic: the greatest version of a key, of equal ones the last."""
    rows: dict[str, tuple[int, Json | None]] = {}
    floor = -1
    for value in values:
        version = int(str(value["version"]))
        if value["op"] == "t":
            floor = max(floor, version)
            rows = {key: row for key, row in rows.items() if row[0] >= floor}
            continue
        if value["op"] == "m" or version < floor:
            continue
        image = value["after"] if value["op"] == "u" else value["before"]
        assert isinstance(image, dict)
        key = str(image["__key"])
        if key not in rows or rows[key][0] <= version:
            rows[key] = (version, image if value["op"] == "u" else None)
    return {
        key: {name: _exact(name, one) for name, one in row.items() if name != "__key"}
        for key, (_, row) in rows.items()
        if row is not None
    }


def _exact(name: str, value: object) -> object:
    return Decimal(str(value)) if name == "mean" and value is not None else value
