"""Every name headrace gives to a thing in another system, in one place.

Promise: a name is a pure function of the project, the capture number and the table, so any process can find
what another one made. A capture (one connector, one slot, one publication) is never reused: whatever starts
over gets the next number, hence new topics and new Pinot tables (docs/adr/0003-generations.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROJECT_PATTERN = r"^[a-z][a-z0-9_]{0,29}$"
"""Fits PostgreSQL slot names ([a-z0-9_], at most 63), Kafka topics and Pinot tables at once."""

VIEW_SCHEMA = "$view"
"""Stands for the schema of a view among the tables: no table of PostgreSQL is meant by it."""

_CONNECTOR = re.compile(r"^headrace-(?P<project>[a-z][a-z0-9_]*)-(?P<number>\d+)$")


@dataclass(frozen=True, order=True)
class TableName:
    """A table of the source, by schema and name, as the catalogue spells them."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def shown(self) -> str:
        """As people write it: a view by its name alone."""
        return self.table if self.is_view else str(self)

    @property
    def is_view(self) -> bool:
        """Whether it names a view of the declaration instead of a table of the source."""
        return self.schema == VIEW_SCHEMA

    @classmethod
    def of_view(cls, name: str) -> TableName:
        """The name under which a view stands among the tables."""
        return cls(VIEW_SCHEMA, name)

    @classmethod
    def parse(cls, text: str) -> TableName:
        """`orders` means `public.orders`; only the first dot divides."""
        schema, dot, table = text.partition(".")
        return cls(schema, table) if dot else cls("public", text)


@dataclass(frozen=True, order=True)
class CaptureNames:
    """The names that belong to capture number `number` of `project`."""

    project: str
    number: int

    @property
    def connector(self) -> str:
        return f"headrace-{self.project}-{self.number}"

    @property
    def slot(self) -> str:
        return f"headrace_{self.project}_{self.number}"

    @property
    def publication(self) -> str:
        return f"headrace_{self.project}_{self.number}"

    @property
    def topic_prefix(self) -> str:
        return f"{self.project}.{self.number}"

    @property
    def message_topic(self) -> str:
        """Where Debezium puts `pg_logical_emit_message`: the fences."""
        return f"{self.topic_prefix}.message"

    @property
    def heartbeat_topic(self) -> str:
        return f"{self.topic_prefix}.heartbeat"

    @property
    def notification_topic(self) -> str:
        return f"{self.topic_prefix}.notification"

    def topic(self, table: TableName) -> str:
        """The topic of a table: Debezium's own rule, characters outside [A-Za-z0-9._-] become `_`."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.topic_prefix}.{table}")

    def pinot_table(self, served_name: str) -> str:
        """The physical table of one generation; people ask for `served_name` and never see this one."""
        return f"{self.project}_{served_name}_{self.number}"

    @property
    def label(self) -> str:
        """The number as people and table configs see it."""
        return str(self.number)

    @classmethod
    def of_connector(cls, name: str) -> CaptureNames | None:
        """The capture a connector's name speaks of, None for somebody else's connector."""
        match = _CONNECTOR.match(name)
        return cls(match["project"], int(match["number"])) if match else None


@dataclass(frozen=True, order=True)
class ViewNames:
    """The names that belong to generation number `number` of the views of `project`."""

    project: str
    number: int

    @property
    def topic_prefix(self) -> str:
        return f"{self.project}.v{self.number}"

    def topic(self, table: TableName) -> str:
        """The topic of a view's results."""
        return f"{self.topic_prefix}.{table.table}"

    def pinot_table(self, served_name: str) -> str:
        """The physical table of one generation of a view; also the name of its query in Spark."""
        return f"{self.project}_{served_name}_v{self.number}"

    @property
    def label(self) -> str:
        """The number as people and table configs see it."""
        return f"v{self.number}"


GenerationNames = CaptureNames | ViewNames
"""What a physical table's names come from: the capture of a table, or the generation of a view."""


def generation_names(project: str, label: str) -> GenerationNames:
    """The inverse of `label`; ValueError for what is none."""
    if label.startswith("v"):
        return ViewNames(project, int(label[1:]))
    return CaptureNames(project, int(label))


def served_name(table: TableName) -> str:
    """The name people query: the table's own, with characters Pinot refuses turned into `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", table.table)
