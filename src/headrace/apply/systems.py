"""What plan and apply need of the hops, as five small Protocols.

`objects` makes a `Resource` for an item, `inventory` lists what exists, `flow` moves and proves rows, `views`
does all three for what Spark computes, `presenter` for what Superset shows. The real ones stand in `real.py`;
the tests run everything on a second set in memory that passes the same suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from headrace.contract import TableContract, ViewContract
from headrace.errors import HeadraceError
from headrace.names import CaptureNames, GenerationNames, TableName, ViewNames
from headrace.plan.items import Showing
from headrace.plan.model import ServedState, SlotStatus, Snapshot, Status, ViewState
from headrace.plan.resource import Resource


class Objects(Protocol):
    """Makes resources; making one touches nothing."""

    def identity(self, table: TableName, before: str | None) -> Resource:
        """REPLICA IDENTITY FULL of a table; `before` is what delete restores."""
        ...

    def publication(self, names: CaptureNames, contracts: Sequence[TableContract]) -> Resource: ...

    def slot(self, names: CaptureNames) -> Resource:
        """Only read and delete are meant: Debezium makes the slot."""
        ...

    def topic(self, names: GenerationNames, topic: str, contract: TableContract | None) -> Resource:
        """The topic of a table or a view, or without a contract one of the capture's service topics."""
        ...

    def served(self, names: GenerationNames, contract: TableContract, status: Status) -> Resource: ...

    def connector(self, names: CaptureNames, contracts: Sequence[TableContract]) -> Resource: ...


@dataclass(frozen=True)
class PublicationState:
    tables: tuple[TableName, ...]
    publishes_all: bool


@dataclass(frozen=True)
class Catalogue:
    """What is declared: the tables as the source has them, the views, and whether Superset shows them."""

    contracts: tuple[TableContract, ...]
    sizes_bytes: Mapping[TableName, int] = field(default_factory=dict[TableName, int])
    views: tuple[ViewContract, ...] = ()
    presents: bool = False


class Inventory(Protocol):
    """Lists what exists of a project; reads only, each method from one system."""

    def catalogue(self) -> Catalogue:
        """The contracts of tables and views; HeadraceErrors when one cannot be carried or computed."""
        ...

    def slots(self) -> Mapping[int, SlotStatus]:
        """By capture number."""
        ...

    def publications(self) -> Mapping[int, PublicationState]: ...

    def connectors(self) -> Mapping[int, tuple[TableName, ...]]:
        """The tables each capture's connector includes."""
        ...

    def topics(self) -> Mapping[int, frozenset[str]]: ...

    def lost_topics(self) -> Mapping[str, str]:
        """Topics of which the watch over the logs found that records are gone, and why."""
        ...

    def served(self) -> tuple[ServedState, ...]:
        """Every generation of a table in Pinot."""
        ...


@dataclass(frozen=True)
class SnapshotReport:
    """How far an initial snapshot is.

    Attributes:
        waiting_for: for people; of a broken one, why.
        rows: read so far.
        failure: why another attempt would break too.
        resting: the connector neither runs nor has it failed: stopped, without a worker, or gone.
    """

    state: Snapshot
    waiting_for: str = ""
    rows: int | None = None
    failure: HeadraceError | None = None
    resting: bool = False


class Flow(Protocol):
    """Follows rows through the hops of one capture."""

    def consistent_point(self, names: CaptureNames) -> int | None:
        """The slot's confirmed position, None while there is no slot."""
        ...

    def snapshot(
        self, names: CaptureNames, contracts: Sequence[TableContract], consistent_point: int | None
    ) -> SnapshotReport:
        """What is known of the initial snapshot; proven by notifications and consistent point only."""
        ...

    def fence(self, names: CaptureNames, topics: Sequence[str]) -> Mapping[str, Mapping[int, int]]:
        """End offsets of these topics that cover everything committed before the call."""
        ...

    def not_yet_indexed(self, table: str, offsets: Mapping[int, int]) -> str | None:
        """None once every query of a Pinot table sees all below these offsets, else what is missing."""
        ...

    def stand_still(self, names: CaptureNames, table: TableName) -> None:
        """Let no later change of a table reach a capture; nothing happens when none can.

        On return all that the capture will ever carry of the table was committed before. HeadraceError when
        the source's writers do not leave a moment for it.
        """
        ...

    def drop_schema(self, physical: str) -> None:
        """Remove the schema of a Pinot table that is not there; fine when it is gone too."""
        ...

    def set_status(self, physical: str, status: Status) -> None:
        """Change what readers may do with a generation: one atomic write; fine when it is gone."""
        ...


class Views(Protocol):
    """Everything plan and apply need of the views and of Spark."""

    def states(self) -> tuple[ViewState, ...]:
        """Every generation of a view of which anything exists, in Pinot, Kafka or Spark; ascending."""
        ...

    def cut_topics(self, topics: Iterable[str]) -> frozenset[str]:
        """Those of these topics whose oldest records are gone; a topic that is not there is none of them."""
        ...

    def job(
        self, names: ViewNames, contract: TableContract, view: ViewContract | None, reads: str
    ) -> Resource:
        """The query of a generation; without a definition only `read` and `delete` are meant."""
        ...

    def not_yet_computed(
        self, names: ViewNames, contract: TableContract, reads: str, ends: Mapping[int, int]
    ) -> str | None:
        """None once the results hold all of the table's topic below these offsets, else what is missing.

        HeadraceError when the query has failed of something that does not pass by itself.
        """
        ...

    def ends(self, names: ViewNames, contract: TableContract) -> Mapping[int, int]:
        """Where the topic of results ends now."""
        ...


class Presenter(Protocol):
    """The dashboard in Superset."""

    def exists(self) -> bool:
        """Whether anything of ours is there; False where Superset does not run."""
        ...

    def dashboard(self, shown: Sequence[Showing]) -> Resource:
        """Everything Superset shows of a project."""
        ...

    def check(self, systems: Systems, shown: Sequence[Showing]) -> None:
        """Ask every chart's question through Superset and compare with PostgreSQL.

        Raises:
            HeadraceError: `chart-failed`, `chart-missing`, `chart-differs`, with the name of the chart.
        """
        ...


class NoPresenter:
    """As `Presenter`, where there is no Superset and no dashboard."""

    def exists(self) -> bool:
        return False

    def dashboard(self, shown: Sequence[Showing]) -> Resource:
        raise AssertionError("there is no dashboard")

    def check(self, systems: Systems, shown: Sequence[Showing]) -> None:
        raise AssertionError("there is no dashboard")


class NoViews:
    """As `Views`, where there are none and nothing computes any."""

    def states(self) -> tuple[ViewState, ...]:
        return ()

    def cut_topics(self, topics: Iterable[str]) -> frozenset[str]:
        return frozenset()

    def job(
        self, names: ViewNames, contract: TableContract, view: ViewContract | None, reads: str
    ) -> Resource:
        raise AssertionError("there are no views")

    def not_yet_computed(
        self, names: ViewNames, contract: TableContract, reads: str, ends: Mapping[int, int]
    ) -> str | None:
        raise AssertionError("there are no views")

    def ends(self, names: ViewNames, contract: TableContract) -> Mapping[int, int]:
        raise AssertionError("there are no views")


def _anything(new_captures: int) -> None:
    """No system forbids anything."""


@dataclass(frozen=True)
class Systems:
    """All of it together.

    Attributes:
        allows: raises HeadraceErrors when the source forbids so many new captures.
    """

    project: str
    objects: Objects
    inventory: Inventory
    flow: Flow
    allows: Callable[[int], None] = _anything
    views: Views = field(default_factory=NoViews)
    presenter: Presenter = field(default_factory=NoPresenter)
