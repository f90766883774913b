"""Tells when a log no longer holds what was read from it, or has to be read from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.engines.folder import write_atomically
from headrace.hops.serve.answer import LOG_LOST
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.probe import log_lost, positions
from headrace.hops.serve.render import Status
from headrace.hops.topic import marks
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.marks import Mark
from headrace.hops.topic.probe import LogLoss, log_edges, lost
from headrace.observe.served_tables import ServedTables
from headrace.observe.watch import Alert, Severity


class LogWatch:
    """The watcher over the logs of what is served or being built.

    Promise: a log that ends below where it has ended, or begins above where Pinot reads on, is told within
    three intervals, also one that was cut while nothing ran: where logs end is kept in a file. So is a
    partition of which Pinot says that it stands still. It is told, and `headrace plan` builds the table anew,
    until the generation that reads it is gone. Of edges two looks in a row have to find the same: retention
    may pass between the questions of one. A topic that was made again is told at the first look, however
    long its log is by then.

    Args:
        folder: the project's `.headrace`.
    """

    name = "logs"
    interval_s = 5.0

    def __init__(self, pinot: PinotClient, kafka: KafkaClient, project: str, folder: Path) -> None:
        self._pinot = pinot
        self._kafka = kafka
        self._folder = folder
        self._served = ServedTables(pinot, project)
        self._suspected: frozenset[tuple[str, int]] = frozenset()

    def check(self) -> list[Alert]:
        read = [one for one in self._served.look().generations if one.status is not Status.RETIRED]
        topics = {one.names.topic(one.contract.table): one for one in read}
        known = marks.read(self._folder)
        kept = {topic: known.get(topic, Mark(topic)) for topic in topics}
        reached = {topic: positions(self._pinot, one.physical) for topic, one in topics.items()}
        seen = {topic: highest(mark.ends, reached[topic]) for topic, mark in kept.items()}
        edges = log_edges(self._kafka, topics)
        found = lost(edges, seen, reached)
        now = {
            topic: Mark(
                topic,
                highest(mark.ends, edges.ends.get(topic, {})),
                mark.id or edges.ids.get(topic, ""),
                mark.lost
                or made_again(mark.id, edges.ids.get(topic, ""))
                or log_lost(self._pinot, topics[topic].physical, topics[topic].contract.partitions)
                or self._told(topic, found),
            )
            for topic, mark in kept.items()
        }
        self._suspected = frozenset((loss.topic, loss.partition) for loss in found)
        if now != known:
            write_atomically(self._folder / marks.FILE_NAME, marks.dump(now.values()), mode=0o600)
        return [gone(topic, mark.lost) for topic, mark in sorted(now.items()) if mark.lost is not None]

    def _told(self, topic: str, found: tuple[LogLoss, ...]) -> str | None:
        """Why records are gone, once two looks have found it."""
        return next(
            (
                f"partition {loss.partition}: {loss.reason}"
                for loss in found
                if loss.topic == topic and (topic, loss.partition) in self._suspected
            ),
            None,
        )


def highest(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """By partition, the greater offset of the two."""
    return {
        partition: max(one.get(partition, 0), other.get(partition, 0)) for partition in sorted({*one, *other})
    }


def made_again(known: str, found: str) -> str | None:
    """Why the records of a topic are gone, by its id as it was and as it is; empty: not known."""
    return "the topic was deleted and made again" if known and found and known != found else None


def gone(topic: str, reason: str) -> Alert:
    """What is said of a log that lost records."""
    return Alert(
        LOG_LOST,
        f"records of the topic {topic} are gone: {reason}",
        Severity.CRITICAL,
        "`headrace apply` builds what is served from it anew; readers keep the old rows until then",
        f"topic:{topic}",
    )
