"""What each topic of a cluster is for: pure, from its name and the generations that Pinot knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.hops.serve.directory import Generation
from headrace.hops.topic.catalogue import TopicState
from headrace.hops.topic.client import Broker
from headrace.hops.topic.resource import offset_topic
from headrace.names import CaptureNames, TableName, ViewNames

INTERNAL = "_"
"""How the topics begin that Kafka and Kafka Connect keep for themselves."""


class Use(StrEnum):
    """What a topic holds."""

    TABLE = "table"
    VIEW = "view"
    FENCES = "fences"
    HEARTBEATS = "heartbeats"
    NOTIFICATIONS = "notifications"
    POSITIONS = "positions"
    INTERNAL = "internal"
    OTHER = "other"  # not of this project, or of a generation nobody knows any more


@dataclass(frozen=True)
class TopicUse:
    """Whose topic it is.

    Attributes:
        use: what it holds.
        name: the name people query, of a table or a view.
        generation: the number of its capture, with a `v` before it for a view's generation.
        status: `building`, `live` or `retired`; None when Pinot does not know it, or could not be asked.
    """

    use: Use
    name: str | None = None
    generation: str | None = None
    status: str | None = None

    @property
    def serves(self) -> bool:
        """Whether it is there for the systems alone and carries no row."""
        return self.use not in (Use.TABLE, Use.VIEW, Use.OTHER)


@dataclass(frozen=True)
class ShownTopic:
    """One topic and its use."""

    state: TopicState
    use: TopicUse


@dataclass(frozen=True)
class Topics:
    """A cluster's brokers and topics; `problem` says why generations are missing."""

    brokers: tuple[Broker, ...]
    topics: tuple[ShownTopic, ...]
    problem: str | None = None


class Uses:
    """Tells the use of topics by their names.

    Args:
        project: whose.
        served: every declared table and view with the name it is queried by.
        generations: what Pinot knows of the project.
    """

    def __init__(
        self, project: str, served: Mapping[TableName, str], generations: Iterable[Generation]
    ) -> None:
        self._project = project
        self._served = served
        self._known = {one.names.topic(one.contract.table): one for one in generations}
        self._number = re.compile(rf"{re.escape(project)}\.(?P<view>v?)(?P<number>\d+)\.")

    def of(self, topic: str) -> TopicUse:
        """The use of one topic."""
        if topic in self._known:
            one = self._known[topic]
            use = Use.TABLE if one.contract.origin is None else Use.VIEW
            return TopicUse(use, one.served_name, one.names.label, one.status.value)
        match = self._number.match(topic)
        if match is None:
            return TopicUse(Use.INTERNAL if topic.startswith(INTERNAL) else Use.OTHER)
        number = int(match["number"])
        names = ViewNames(self._project, number) if match["view"] else CaptureNames(self._project, number)
        if isinstance(names, CaptureNames) and topic in (services := service_uses(names)):
            return TopicUse(services[topic], generation=names.label)
        for table, served_name in self._served.items():
            if table.is_view == isinstance(names, ViewNames) and names.topic(table) == topic:
                return TopicUse(Use.VIEW if table.is_view else Use.TABLE, served_name, names.label)
        return TopicUse(Use.OTHER, generation=names.label)

    def newest(self, table: TableName, topics: Iterable[str]) -> str | None:
        """The topic of a table's or a view's newest generation, by the names alone."""
        found = [
            (int(match["number"]), topic)
            for topic in topics
            if (match := self._number.match(topic)) is not None
            and (use := self.of(topic)).name == self._served.get(table)
            and use.use is (Use.VIEW if table.is_view else Use.TABLE)
        ]
        return max(found)[1] if found else None


def service_uses(names: CaptureNames) -> dict[str, Use]:
    """The topics of a capture that carry no row."""
    return {
        names.message_topic: Use.FENCES,
        names.heartbeat_topic: Use.HEARTBEATS,
        names.notification_topic: Use.NOTIFICATIONS,
        offset_topic(names): Use.POSITIONS,
    }
