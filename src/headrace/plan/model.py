"""What a plan is made of: the observed world, the changes, the stages.

Everything here is frozen and knows no system. A plan that is printed, saved and run is the same value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.contract import TableContract, ViewContract
from headrace.names import CaptureNames, TableName, ViewNames
from headrace.plan.resource import Document

FORMAT_VERSION = 1
"""Of the saved plan and of `plan --json`; raised when a reader of the old form would be misled."""


class Kind(StrEnum):
    """The kinds of managed objects; an address is `<kind>:<name in its system>`."""

    IDENTITY = "identity"
    PUBLICATION = "publication"
    SLOT = "slot"
    TOPIC = "topic"
    SERVED = "pinot"
    CONNECTOR = "connector"
    JOB = "spark"  # the query that computes a view
    TABLE = "table"  # what people query: which generation a name stands for
    VIEW = "view"  # the same for a view
    DASHBOARD = "dashboard"  # all that Superset shows of a project


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    DRIFT = "drift"  # somebody else changed it; apply changes it back
    NONE = "none"


class SlotStatus(StrEnum):
    ABSENT = "absent"
    USABLE = "usable"
    LOST = "lost"


class Snapshot(StrEnum):
    """What is known of a capture's initial snapshot."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    PROVEN = "proven"
    BROKEN = "broken"


class Status(StrEnum):
    """`headrace.status` of a generation in Pinot."""

    BUILDING = "building"
    LIVE = "live"
    RETIRED = "retired"


@dataclass(frozen=True)
class ServedState:
    """One generation as Pinot knows it."""

    table: TableName
    served_name: str
    capture: int
    status: Status
    contract: TableContract | None
    """None when the stored text cannot be read; such a generation is rebuilt."""


LOG_INCOMPLETE = "log-incomplete"
"""What a query fails of that has to begin with records of its table's topic that are gone."""


@dataclass(frozen=True)
class ViewState:
    """What exists of one generation of a view.

    Attributes:
        number: of the generation; no two generations share one, of whatever views.
        view: the view, as `TableName.of_view`.
        status: of its table in Pinot; None when there is no such table.
        contract: what its table was made for; None when there is none that can be read.
        topic: whether the topic of its results is there.
        job: whether Spark knows its query.
        failed: the code of what its query has failed of for good; None while it has not.
    """

    number: int
    view: TableName
    status: Status | None = None
    contract: TableContract | None = None
    topic: bool = False
    job: bool = False
    failed: str | None = None

    @property
    def served_name(self) -> str:
        return self.view.table


@dataclass(frozen=True)
class CaptureState:
    """What exists of one capture, and what is remembered of its birth.

    Attributes:
        number: its number.
        connector: the tables its connector includes; None when there is no connector.
        slot: whether its slot is there and still holds its WAL.
        publication: the tables it publishes; None when there is no publication.
        publishes_all: the publication lets inserts, updates, deletes and truncates pass, unfiltered.
        topics: the topics under its prefix.
        snapshot: what the notifications and the consistent point say of the initial snapshot.
        born_with: the shape of each table it was begun for; None when that is not remembered.
    """

    number: int
    connector: tuple[TableName, ...] | None = None
    slot: SlotStatus = SlotStatus.ABSENT
    publication: tuple[TableName, ...] | None = None
    publishes_all: bool = True
    topics: frozenset[str] = frozenset()
    snapshot: Snapshot = Snapshot.NOT_STARTED
    born_with: Mapping[TableName, str] | None = None

    @property
    def started(self) -> bool:
        """Something may already have been read for it."""
        return self.connector is not None or self.slot is not SlotStatus.ABSENT


@dataclass(frozen=True)
class World:
    """Everything a plan is decided from.

    Attributes:
        project: the project's name.
        contracts: what is declared, as the source's catalogue completes it.
        captures: every capture of which anything exists, ascending.
        served: every generation in Pinot.
        next_capture: the lowest number never used.
        resync_above: tables whose generation must be above that number, because somebody asked.
        identities: tables whose replica identity headrace changed: what it was before.
        sizes_bytes: size of each declared table in the source, for what the plan says of cost.
        views: the declared views.
        view_states: every generation of a view of which anything exists, ascending.
        next_view: the lowest number of a generation of a view never used.
        cut_topics: topics of tables whose oldest records are gone.
        lost_topics: topics of which records are gone that Pinot had read or has to read, and why.
        presents: a dashboard is declared.
        presented: Superset holds something that headrace made for the project.
        charts_checked: the digest of the dashboard whose charts were last seen to be right.
    """

    project: str
    contracts: tuple[TableContract, ...] = ()
    captures: tuple[CaptureState, ...] = ()
    served: tuple[ServedState, ...] = ()
    next_capture: int = 1
    resync_above: Mapping[TableName, int] = field(default_factory=dict[TableName, int])
    identities: Mapping[TableName, str] = field(default_factory=dict[TableName, str])
    sizes_bytes: Mapping[TableName, int] = field(default_factory=dict[TableName, int])
    views: tuple[ViewContract, ...] = ()
    view_states: tuple[ViewState, ...] = ()
    next_view: int = 1
    cut_topics: frozenset[str] = frozenset()
    lost_topics: Mapping[str, str] = field(default_factory=dict[str, str])
    presents: bool = False
    presented: bool = False
    charts_checked: str | None = None

    def names(self, number: int) -> CaptureNames:
        return CaptureNames(self.project, number)

    def contract(self, table: TableName) -> TableContract | None:
        return next((c for c in self.contracts if c.table == table), None)

    def capture(self, number: int) -> CaptureState | None:
        return next((c for c in self.captures if c.number == number), None)

    def generation(self, table: TableName, capture: int) -> ServedState | None:
        return next((s for s in self.served if s.table == table and s.capture == capture), None)

    def live(self, table: TableName) -> ServedState | None:
        """The generation readers get: of several live ones the newest, so that one write switches."""
        live = [s for s in self.served if s.table == table and s.status is Status.LIVE]
        return max(live, key=lambda s: s.capture, default=None)

    def view_names(self, number: int) -> ViewNames:
        return ViewNames(self.project, number)

    def view(self, view: TableName) -> ViewContract | None:
        return next((v for v in self.views if v.table == view), None)

    def live_view(self, view: TableName) -> ViewState | None:
        """The generation of a view that readers get, as for tables."""
        live = [s for s in self.view_states if s.view == view and s.status is Status.LIVE]
        return max(live, key=lambda s: s.number, default=None)


@dataclass(frozen=True)
class Change:
    """One object that is to become another.

    Attributes:
        address: `<kind>:<name>`.
        action: what happens to it.
        before: what is; None when it does not exist.
        after: what will be; None when it will not exist.
        reason: why, for people; empty when the two documents say it all.
        table: the source table or the view it is about, where it is about one.
        capture: the capture it belongs to, where it belongs to one.
        view: the number of the view's generation it belongs to, where it belongs to one.
    """

    address: str
    action: Action
    before: Document | None = None
    after: Document | None = None
    reason: str = ""
    table: TableName | None = None
    capture: int | None = None
    view: int | None = None

    @property
    def kind(self) -> Kind:
        return Kind(self.address.partition(":")[0])

    @property
    def name(self) -> str:
        return self.address.partition(":")[2]


class StageKind(StrEnum):
    """The steps of a plan, in the order they can occur."""

    DISCARD = "discard"  # captures that never became live and cannot any more
    REPAIR = "repair"  # what is live, brought back to what is declared
    BUILD = "build"  # everything a new capture needs, its connector last
    PROVE = "prove"  # wait for the snapshot and prove it complete
    CATCH_UP = "catch_up"  # wait until Pinot has all that is committed by now
    SWITCH = "switch"  # readers get the new generation
    BUILD_VIEWS = "build_views"  # topics, tables and queries of new generations of views
    CATCH_UP_VIEWS = "catch_up_views"  # wait until they show all that is committed by now
    SWITCH_VIEWS = "switch_views"  # readers get them
    PRESENT = "present"  # the dashboard, and the check of its charts
    RETIRE = "retire"  # what nothing needs any more


@dataclass(frozen=True)
class Stage:
    """Changes that belong together; the next stage begins when all of them are done."""

    kind: StageKind
    changes: tuple[Change, ...] = ()
    capture: int | None = None
    tables: tuple[TableName, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What will be done, in order, and what it was decided from.

    Attributes:
        project: the project's name.
        declaration_digest: of the contracts.
        world_digest: of everything observed; a saved plan is refused when it is another.
        stages: run one after the other.
        notes: what people should know of the outcome and its price.
        unchanged: how many objects are as they should be.
    """

    project: str
    declaration_digest: str
    world_digest: str
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()
    unchanged: int = 0
    format_version: int = FORMAT_VERSION

    @property
    def empty(self) -> bool:
        return not self.stages

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for stage in self.stages for change in stage.changes)

    @property
    def dropped(self) -> tuple[TableName, ...]:
        """Tables that will no longer be served at all."""
        return tuple(
            c.table
            for c in self.changes
            if c.kind in (Kind.TABLE, Kind.VIEW) and c.action is Action.DELETE and c.table
        )


def positions_topic(names: CaptureNames) -> str:
    """Where the connector keeps its positions; without them it begins again with a snapshot."""
    return f"{names.topic_prefix}.offsets"


def service_topics(names: CaptureNames) -> tuple[str, ...]:
    """The topics of a capture that carry no rows."""
    return (names.message_topic, names.heartbeat_topic, names.notification_topic, positions_topic(names))


def address(kind: Kind, name: object) -> str:
    return f"{kind}:{name}"


def digest(value: object) -> str:
    """A short stable digest of JSON values; what is not JSON is taken by its text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
