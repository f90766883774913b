"""Views in the real systems: Spark's queries, the topics of their results, their tables in Pinot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from headrace.contract import TableContract, ViewContract
from headrace.errors import HeadraceError
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import candidates
from headrace.hops.serve.render import Config
from headrace.hops.serve.resource import custom_configs
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.tail import TopicTail
from headrace.hops.transform.client import SparkClient
from headrace.hops.transform.probe import check, computed_below, failed_of, wanted_below
from headrace.hops.transform.render import document
from headrace.hops.transform.resource import ViewJob
from headrace.names import TableName, ViewNames
from headrace.plan.model import Status, ViewState
from headrace.plan.resource import Resource


class RealViews:
    """As `systems.Views`.

    Args:
        spark: None where nothing computes views: then none may be declared.
        bootstrap: the brokers as Spark reaches them, where that is not as we do.
    """

    def __init__(
        self,
        project: str,
        kafka: KafkaClient,
        pinot: PinotClient,
        spark: SparkClient | None,
        *,
        bootstrap: str | None = None,
    ) -> None:
        self._bootstrap = bootstrap or kafka.bootstrap
        self._project = project
        self._kafka = kafka
        self._pinot = pinot
        self._spark = spark
        self._tails: dict[str, TopicTail] = {}
        self._wanted: dict[tuple[str, int], int] = {}

    def close(self) -> None:
        """Give the connections back."""
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()

    def states(self) -> tuple[ViewState, ...]:
        found: dict[int, ViewState] = {}

        def note(number: int, view: str, **values: Any) -> None:
            known = found.get(number) or ViewState(number, TableName.of_view(view))
            found[number] = replace(known, **values)

        for config in self._configs():
            number = int(config[Config.CAPTURE].removeprefix("v"))
            status = Status(config[Config.STATUS])
            note(number, config[Config.NAME], status=status, contract=_contract(config))
        for number, view in self._matching(
            rf"{re.escape(self._project)}\.v(\d+)\.(.+)", self._kafka.topics()
        ):
            note(int(number), view, topic=True)
        if self._spark is not None:
            jobs = self._spark.jobs()
            for view, number in self._matching(rf"{re.escape(self._project)}_(.+)_v(\d+)", jobs):
                status = jobs[f"{self._project}_{view}_v{number}"]
                note(int(number), view, job=True, failed=failed_of(status))
        return tuple(found[number] for number in sorted(found))

    def cut_topics(self, topics: Iterable[str]) -> frozenset[str]:
        there = self._kafka.topics()
        starts = self._kafka.offsets([topic for topic in topics if topic in there], Edge.START)
        return frozenset(topic for topic, begins in starts.items() if any(begins.values()))

    def job(
        self, names: ViewNames, contract: TableContract, view: ViewContract | None, reads: str
    ) -> Resource:
        name = names.pinot_table(contract.served_name)
        if view is None:
            return ViewJob(self._client(), name, {})
        made = document(view, names, contract, self._bootstrap, reads)
        return ViewJob(self._client(), name, made)

    def not_yet_computed(
        self, names: ViewNames, contract: TableContract, reads: str, ends: Mapping[int, int]
    ) -> str | None:
        wanted = self._below(reads, ends[0])
        computed = computed_below(self._tail(names.topic(contract.table)))
        if computed >= wanted:
            return None
        name = names.pinot_table(contract.served_name)
        check(name, self._client().jobs().get(name))
        return f"{computed:,} of {wanted:,} records"

    def ends(self, names: ViewNames, contract: TableContract) -> Mapping[int, int]:
        topic = names.topic(contract.table)
        return self._kafka.offsets([topic], Edge.COMMITTED)[topic]

    def _below(self, topic: str, end: int) -> int:
        if (topic, end) not in self._wanted:
            self._wanted = {(topic, end): wanted_below(self._tail(topic), end)}
        return self._wanted[topic, end]

    def _tail(self, topic: str) -> TopicTail:
        if topic not in self._tails:
            self._tails[topic] = TopicTail(self._kafka, topic)
        return self._tails[topic]

    def _configs(self) -> list[dict[str, str]]:
        # Tables are told by their names: their configs are read by the inventory, once.
        names = [name for name in candidates(self._pinot, self._project) if re.search(r"_v\d+$", name)]
        configs = [custom_configs(self._pinot.table_config(name) or {}) for name in names]
        ours = [config for config in configs if config.get(Config.PROJECT) == self._project]
        return [config for config in ours if not config[Config.CAPTURE].isdigit()]

    def _matching(self, pattern: str, names: Iterable[str]) -> list[tuple[str, str]]:
        matches = (re.fullmatch(pattern, name) for name in names)
        return [(match[1], match[2]) for match in matches if match]

    def _client(self) -> SparkClient:
        if self._spark is None:
            raise HeadraceError(
                "spark-not-running",
                "views are declared, but Spark does not run here",
                hint="run `headrace up`: it starts what the declaration needs",
            )
        return self._spark


def _contract(config: Mapping[str, str]) -> TableContract | None:
    try:
        return TableContract.from_json(config.get(Config.CONTRACT, ""))
    except ValueError:
        return None
