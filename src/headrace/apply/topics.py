"""Looks at the topics of a project, at those who read them, and into them.

Promise: reading only; nothing here joins a group, commits an offset or writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar, cast

from headrace.apply.real import Connections
from headrace.apply.tracing import from_the_source, spelled_key
from headrace.contract import TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.serve.directory import Directory, Generation, look
from headrace.hops.topic import browse
from headrace.hops.topic.catalogue import cluster
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.messages import Record
from headrace.names import TableName
from headrace.observe.message import Message, decoded
from headrace.observe.readers import (
    Consumers,
    Ends,
    Reader,
    connectors,
    group_readers,
    pinot_reader,
    spark_readers,
)
from headrace.observe.row_key import is_key, is_plain_key, is_result_key
from headrace.observe.topics import INTERNAL, ShownTopic, Topics, Uses
from headrace.spec.model import Declaration

T = TypeVar("T")
NEAR = 3


def served_names(declaration: Declaration) -> dict[TableName, str]:
    """Every declared table and view with the name it is queried by."""
    found = {declared.table: declared.served_name for declared in declaration.declared}
    return found | {TableName.of_view(view): view for view in declaration.views}


def topics(connections: Connections, declaration: Declaration) -> Topics:
    """The brokers and all topics, each with its use."""
    found = cluster(connections.kafka)
    directory, problem = _directory(connections)
    uses = Uses(declaration.project, served_names(declaration), directory.generations)
    shown = tuple(ShownTopic(one, uses.of(one.name)) for one in found.topics)
    return Topics(found.brokers, shown, problem.summary if problem else None)


def consumers(connections: Connections) -> Consumers:
    """Everybody who reads the topics, and the connectors."""
    problems: list[tuple[str, str]] = []
    kafka, spark = connections.kafka, connections.spark
    directory, problem = _directory(connections)
    if problem:
        problems.append(("pinot", problem.summary))

    def ask(system: str, work: Callable[[], list[T]]) -> list[T]:
        try:
            return work()
        except HeadraceError as error:
            problems.append((system, error.summary))
            return []

    # Asked once: each further question would wait as long.
    answers = bool(ask("kafka", lambda: [kafka.topics()]))
    ends = Ends(kafka if answers else None)
    readers: list[Reader] = []
    for one in sorted(directory.generations, key=lambda one: (one.served_name, one.names.number)):
        readers += ask("pinot", lambda one=one: [pinot_reader(connections.pinot, one, ends)])
    if spark is not None and answers:
        readers += ask("spark", lambda: spark_readers(spark, kafka, directory.generations, ends))
    if answers:
        readers += ask("kafka", lambda: group_readers(kafka, ends))
    found = ask("connect", lambda: connectors(connections.connect))
    return Consumers(tuple(readers), tuple(found), tuple(dict.fromkeys(problems)))


@dataclass(frozen=True)
class TopicMessages:
    """Looks into one topic, once or for as long as one likes.

    Attributes:
        topic: which.
    """

    kafka: KafkaClient
    topic: str
    wanted: Callable[[Record], bool] | None

    def newest(self, count: int) -> tuple[tuple[Message, ...], bool]:
        """The last messages, oldest first; and whether all there is was looked through for them."""
        found = browse.newest(self.kafka, self.topic, count, self.wanted)
        return tuple(decoded(record) for record in found.records), found.whole

    def since(self, offset: int) -> Generator[Message]:
        """Messages from an offset of every partition to the present end; 0 is the beginning."""
        for record in browse.since(self.kafka, self.topic, offset, self.wanted):
            yield decoded(record)

    def follow(self, offset: int | None = None) -> Generator[Message]:
        """Messages as they come, for ever; from an offset on instead of from now on.

        What is committed to Kafka after the call is never missed.
        """
        start = (
            browse.end_of(self.kafka, self.topic)
            if offset is None
            else browse.start_at(self.kafka, self.topic, offset)
        )
        return self._follow(start)

    def _follow(self, start: dict[int, int]) -> Generator[Message]:
        for record in browse.follow(self.kafka, self.topic, start, self.wanted):
            yield decoded(record)


def topic_messages(
    connections: Connections, declaration: Declaration, text: str, key: Sequence[str] = ()
) -> TopicMessages:
    """The messages of a topic.

    Args:
        text: the name of a declared table or view, or else of a topic.
        key: only those of this key, a value for each of its columns; a TRUNCATE of a table counts too.

    Raises:
        HeadraceError: `topic-unknown`, `topic-internal`, `trace-key`.
    """
    directory, problem = _directory(connections)
    topic, table, contract = _found(connections, declaration, directory, text)
    if not key:
        return TopicMessages(connections.kafka, topic, None)
    if contract is None and table is not None and not table.is_view:
        missing = HeadraceError(
            "served-table-unknown",
            f"there is no served table of {table} yet: its key is not known",
            hint="`headrace apply` makes it",
        )
        contract, _ = from_the_source(connections, table, problem or missing)
    return TopicMessages(connections.kafka, topic, _wanted(connections, table, contract, key))


def _wanted(
    connections: Connections, table: TableName | None, contract: TableContract | None, key: Sequence[str]
) -> Callable[[Record], bool]:
    given = tuple(key)
    if table is not None and table.is_view:
        return lambda record: record.key is not None and is_result_key(given, _json_key(record.key))
    if contract is None:
        return lambda record: is_plain_key(given, record.key)
    known, spelled = contract, spelled_key(connections, contract, key)
    return lambda record: record.key is None or is_key(known, spelled, _json_key(record.key))


def _json_key(key: bytes) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(key))


def _found(
    connections: Connections, declaration: Declaration, directory: Directory, text: str
) -> tuple[str, TableName | None, TableContract | None]:
    """A topic, the table or view whose it is, and what that looks like as far as Pinot knows it."""
    served = served_names(declaration)
    there = connections.kafka.topics()
    table = _declared(served, text)
    if table is not None:
        one = _generation(directory, served[table])
        if one is not None:
            return one.names.topic(one.contract.table), table, one.contract
        topic = Uses(declaration.project, served, ()).newest(table, there)
        if topic is None:
            raise HeadraceError(
                "topic-unknown",
                f"`{text}` has no topic yet",
                hint="`headrace apply` makes it",
                where=Where(address=f"table:{table}"),
            )
        return topic, table, None
    if text not in there:
        raise _unknown(text, [*there, *(name.shown for name in served), *served.values()])
    if text.startswith(INTERNAL):
        raise HeadraceError(
            "topic-internal",
            f"messages of {text} are not shown: Kafka and Kafka Connect keep keys and their own state there",
            hint="`headrace topics --all` shows how large it is",
            where=Where(address=f"topic:{text}"),
        )
    owners = {one.names.topic(one.contract.table): one.contract for one in directory.generations}
    contract = owners.get(text)
    return text, contract.table if contract else None, contract


def _declared(served: dict[TableName, str], text: str) -> TableName | None:
    view, table = TableName.of_view(text), TableName.parse(text)
    by_name = {served_name: one for one, served_name in served.items()}
    return next((one for one in (view, table, by_name.get(text)) if one in served), None)


def _generation(directory: Directory, served_name: str) -> Generation | None:
    live = directory.find(served_name)
    if live is not None:
        return live
    building = [one for one in directory.generations if one.served_name == served_name]
    return max(building, key=lambda one: one.names.number, default=None)


def _directory(connections: Connections) -> tuple[Directory, HeadraceError | None]:
    """What Pinot knows of the project, or nothing and why."""
    project = connections.systems.project
    try:
        return look(connections.pinot, project), None
    except HeadraceError as error:
        return Directory(project, ()), error


def _unknown(text: str, names: Sequence[str]) -> HeadraceError:
    shown = [name for name in dict.fromkeys(names) if not name.startswith(INTERNAL)]
    near = get_close_matches(text, shown, n=NEAR, cutoff=0.5)
    near += [name for name in shown if text and text in name and name not in near][: NEAR - len(near)]
    return HeadraceError(
        "topic-unknown",
        f"there is no topic `{text}`, nor a declared table or view of that name",
        hint=f"did you mean {' or '.join(f'`{name}`' for name in near)}?"
        if near
        else "`headrace topics` lists them",
    )
