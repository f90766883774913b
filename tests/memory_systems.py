"""The systems of one project in memory: what the planner's tests run on.

It stands beside the real ones and passes the same conformance suite
(tests/integration/apply/test_conformance.py). Every effect goes through `Memory.effect`, so a test can kill a
run before any of them, and every effect checks the one rule that matters: a generation readers are sent to is
only removed once its table has a newer complete one, or when the table is no longer declared.

Somebody writes all the time: every declared table changes before every effect. A generation that readers are
sent to shows a change at once, as long as its capture carries the table; one that is being built is as late
as it may be and shows only what was waited for. What readers see of a table never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from headrace.apply.systems import Catalogue, PublicationState, SnapshotReport, Systems
from headrace.contract import Column, Conversion, TableContract, ViewContract
from headrace.names import CaptureNames, GenerationNames, TableName, ViewNames
from headrace.plan.model import (
    LOG_INCOMPLETE,
    ServedState,
    SlotStatus,
    Snapshot,
    Status,
    ViewState,
    positions_topic,
)
from headrace.plan.resource import Document


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


@dataclass
class MemoryCapture:
    """What the engines hold of one capture."""

    publication: dict[str, object] | None = None
    slot: SlotStatus = SlotStatus.ABSENT
    confirmed: int = 0
    connector: dict[str, object] | None = None
    snapshot: Snapshot = Snapshot.NOT_STARTED
    snapshot_point: int = 0
    tables: tuple[TableName, ...] = ()
    published: tuple[TableName, ...] = ()

    def publishes(self, table: TableName) -> bool:
        return self.publication is not None and table in self.published

    def carries(self, table: TableName) -> bool:
        """A change of the table that is made now arrives."""
        running = self.connector is not None and self.slot is SlotStatus.USABLE
        return running and self.publishes(table) and table in self.tables


@dataclass
class MemoryTable:
    """One generation. `shows` is how many of the source's changes of its table it has indexed."""

    state: ServedState
    document: dict[str, object]
    complete: bool = False
    lost_rows: bool = False
    shows: int = 0


@dataclass
class MemoryView:
    """One generation of a view in Pinot. `shows` is how many changes of its table are in what it shows."""

    number: int
    contract: TableContract
    status: Status
    document: dict[str, object]
    complete: bool = False
    shows: int = 0

    @property
    def view(self) -> TableName:
        return self.contract.table


@dataclass
class Memory:
    """All systems. `declared` and `views` are the declaration; the rest is what the engines hold."""

    project: str = "shop"
    declared: dict[TableName, TableContract] = field(default_factory=dict)
    identities: dict[TableName, str] = field(default_factory=dict)
    captures: dict[int, MemoryCapture] = field(default_factory=dict)
    topics: dict[str, dict[str, object]] = field(default_factory=dict)
    pinot: dict[str, MemoryTable] = field(default_factory=dict)
    views: dict[TableName, ViewContract] = field(default_factory=dict)
    view_tables: dict[str, MemoryView] = field(default_factory=dict)
    jobs: dict[str, dict[str, object]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    seen_views: dict[TableName, tuple[int, int]] = field(default_factory=dict)
    kill_after: int | None = None
    effects: int = 0
    break_snapshots: int = 0
    seen: dict[TableName, tuple[int, int]] = field(default_factory=dict)
    changes: dict[TableName, int] = field(default_factory=dict)
    lsn: int = 1000
    gone: set[str] = field(default_factory=set)
    schemas: set[str] = field(default_factory=set)
    incomplete: set[str] = field(default_factory=set)

    def effect(self, what: str) -> None:
        """Called before every change of anything."""
        if self.kill_after is not None and self.effects >= self.kill_after:
            raise Killed(what)
        self.effects += 1
        self.write()

    def write(self) -> None:
        """Every declared table changes once; readers look, and see it where a generation is so fast."""
        for table in self.declared:
            self.changes[table] = self.changes.get(table, 0) + 1
            for found in self.pinot.values():
                capture = self.captures.get(found.state.capture)
                if found.state.table != table or capture is None or capture.slot is SlotStatus.ABSENT:
                    continue
                if not capture.publishes(table):
                    found.lost_rows = True
                elif capture.carries(table) and found is self.live(table):
                    found.shows = self.changes[table]
        for name, view in self.view_tables.items():
            if view is self.live_view(view.view) and self.computes(name, view):
                view.shows = self.changes.get(view.contract.origin.base, 0)
        self.observe_readers()

    def computes(self, name: str, view: MemoryView) -> bool:
        """A change of the view's table that is made now arrives in its results."""
        origin = view.contract.origin
        assert origin is not None
        capture = self.captures.get(origin.capture)
        topic = ViewNames(self.project, view.number).topic(view.view)
        return (
            name in self.jobs
            and name not in self.incomplete
            and topic in self.topics
            and capture is not None
            and capture.carries(origin.base)
        )

    def live_view(self, view: TableName) -> MemoryView | None:
        found = [v for v in self.view_tables.values() if v.view == view and v.status is Status.LIVE]
        return max(found, key=lambda v: v.number, default=None)

    def capture(self, number: int) -> MemoryCapture:
        return self.captures.setdefault(number, MemoryCapture())

    def lose_rows(self, capture: MemoryCapture, table: TableName | None) -> None:
        """Rows of a table, or of all, passed a capture by: no later change makes its generations whole."""
        for found in self.pinot.values():
            if self.captures.get(found.state.capture) is capture and table in (None, found.state.table):
                found.lost_rows = True

    def live(self, table: TableName) -> MemoryTable | None:
        found = [t for t in self.pinot.values() if t.state.table == table and t.state.status is Status.LIVE]
        return max(found, key=lambda t: t.state.capture, default=None)

    def create_schema(self, name: str) -> None:
        """A name is used once: `delete_table` in hops/serve/resource.py says why."""
        assert name not in self.gone, f"{name} was deleted and is made again under the same name"
        if name not in self.schemas:
            self.schemas.add(name)
            self.effect(f"make {name}, whose schema is there")

    def drop_schema(self, name: str) -> None:
        self.gone.add(name)
        self.effect(f"drop the schema of {name}, whose table is gone")
        self.schemas.discard(name)

    def observe_readers(self) -> None:
        """What readers get at this moment must be complete and never older than before."""
        for table in {t.state.table for t in self.pinot.values()} | set(self.seen):
            live = self.live(table)
            if live is None:
                assert table not in self.declared or table not in self.seen, f"{table} vanished"
                continue
            assert live.complete, f"{table} is answered from an incomplete generation"
            capture, shows = self.seen.get(table, (0, 0))
            assert live.state.capture >= capture, f"{table} went back to an older generation"
            assert live.shows >= shows, f"{table} went back from change {shows} to {live.shows}"
            self.seen[table] = live.state.capture, live.shows
        for view in {v.view for v in self.view_tables.values()} | set(self.seen_views):
            shown = self.live_view(view)
            if shown is None:
                declared = self.views.get(view)
                gone = declared is None or declared.base not in self.declared
                assert gone or view not in self.seen_views, f"{view} vanished"
                continue
            assert shown.complete, f"{view} is answered from an incomplete generation"
            number, shows = self.seen_views.get(view, (0, 0))
            assert shown.number >= number, f"{view} went back to an older generation"
            assert shown.shows >= shows, f"{view} went back from change {shows} to {shown.shows}"
            self.seen_views[view] = shown.number, shown.shows


@dataclass(frozen=True)
class MemoryResource:
    memory: Memory
    address: str
    desired: Document
    _read: Callable[[], Document | None]
    _apply: Callable[[], None]
    _delete: Callable[[], None]

    def read(self) -> Document | None:
        return self._read()

    def apply(self) -> None:
        if self._read() == self.desired:
            return
        self.memory.effect(f"apply {self.address}")
        self._apply()
        self.memory.observe_readers()

    def delete(self) -> None:
        if self._read() is None:
            return
        self.memory.effect(f"delete {self.address}")
        self._delete()
        self.memory.observe_readers()


class MemoryObjects:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def identity(self, table: TableName, before: str | None) -> MemoryResource:
        memory = self._memory

        def read() -> Document | None:
            return {"identity": memory.identities.get(table, "default")}

        def apply() -> None:
            memory.identities[table] = "full"

        def delete() -> None:
            memory.identities[table] = before or memory.identities.get(table, "default")

        return MemoryResource(memory, f"identity:{table}", {"identity": "full"}, read, apply, delete)

    def publication(self, names: CaptureNames, contracts: Sequence[TableContract]) -> MemoryResource:
        tables = tuple(sorted(c.table for c in contracts))
        capture = self._memory.captures.get

        def read() -> Document | None:
            found = capture(names.number)
            return dict(found.publication) if found and found.publication is not None else None

        def apply() -> None:
            found = self._memory.capture(names.number)
            found.publication = {"tables": [str(t) for t in tables]}
            found.published = tables

        def delete() -> None:
            self._memory.capture(names.number).publication = None

        desired = {"tables": [str(t) for t in tables]}
        where = f"publication:{names.publication}"
        return MemoryResource(self._memory, where, desired, read, apply, delete)

    def slot(self, names: CaptureNames) -> MemoryResource:
        def read() -> Document | None:
            found = self._memory.captures.get(names.number)
            if found is None or found.slot is SlotStatus.ABSENT:
                return None
            return {"status": str(found.slot)}

        def apply() -> None:
            raise AssertionError("Debezium makes the slot")

        def delete() -> None:
            found = self._memory.capture(names.number)
            assert found.connector is None, "a slot in use cannot be dropped"
            found.slot = SlotStatus.ABSENT

        return MemoryResource(self._memory, f"slot:{names.slot}", {}, read, apply, delete)

    def topic(self, names: GenerationNames, topic: str, contract: TableContract | None) -> MemoryResource:
        topics = self._memory.topics
        desired: dict[str, object] = {"partitions": contract.partitions if contract else 1}

        def read() -> Document | None:
            return {name: topics[topic][name] for name in desired} if topic in topics else None

        def apply() -> None:
            topics[topic] = {**topics.get(topic, {}), **desired}

        def delete() -> None:
            readers = [
                name for name, job in self._memory.jobs.items() if topic in (job.get("reads"), job["to"])
            ]
            assert not readers, f"{readers} still use {topic}"
            del topics[topic]

        return MemoryResource(self._memory, f"topic:{topic}", desired, read, apply, delete)

    def served(self, names: GenerationNames, contract: TableContract, status: Status) -> MemoryResource:
        memory = self._memory
        if isinstance(names, ViewNames):
            return _served_view(memory, names, contract, status)
        name = names.pinot_table(contract.served_name)
        desired = {"status": str(status), "contract": contract.to_json()}

        def read() -> Document | None:
            found = memory.pinot.get(name)
            return {**found.document, "status": str(found.state.status)} if found else None

        def apply() -> None:
            assert names.topic(contract.table) in memory.topics, "Pinot asks Kafka for the partitions"
            found = memory.pinot.get(name)
            if found is not None and found.state.contract is not None:
                assert found.state.contract.shape == contract.shape, "another shape cannot be had in place"
            state = ServedState(contract.table, contract.served_name, names.number, status, contract)
            if found is None:
                memory.create_schema(name)
                memory.pinot[name] = MemoryTable(state, desired)
            else:
                found.state, found.document = state, desired

        def delete() -> None:
            del memory.pinot[name]
            memory.drop_schema(name)

        return MemoryResource(memory, f"pinot:{name}", desired, read, apply, delete)

    def connector(self, names: CaptureNames, contracts: Sequence[TableContract]) -> MemoryResource:
        memory = self._memory
        tables = tuple(sorted(c.table for c in contracts))

        def read() -> Document | None:
            found = memory.captures.get(names.number)
            return dict(found.connector) if found and found.connector is not None else None

        def apply() -> None:
            found = memory.capture(names.number)
            assert found.publication is not None, "the publication must be there before the slot"
            assert positions_topic(names) in memory.topics
            for contract in contracts:
                assert names.topic(contract.table) in memory.topics
                assert memory.identities.get(contract.table) == "full"
            created = found.connector is None
            found.connector = {"tables": [str(t) for t in tables]}
            found.tables = tables
            if created:
                _begin_snapshot(memory, found)

        def delete() -> None:
            memory.capture(names.number).connector = None

        where = f"connector:{names.connector}"
        return MemoryResource(memory, where, {"tables": [str(t) for t in tables]}, read, apply, delete)


def _served_view(memory: Memory, names: ViewNames, contract: TableContract, status: Status) -> MemoryResource:
    name = names.pinot_table(contract.served_name)
    desired = {"status": str(status), "contract": contract.to_json()}

    def read() -> Document | None:
        found = memory.view_tables.get(name)
        return {**found.document, "status": str(found.status)} if found else None

    def apply() -> None:
        assert names.topic(contract.table) in memory.topics, "Pinot asks Kafka for the partitions"
        found = memory.view_tables.get(name)
        if found is None:
            memory.create_schema(name)
            memory.view_tables[name] = MemoryView(names.number, contract, status, desired)
        else:
            assert found.contract.shape == contract.shape, "another shape cannot be had in place"
            found.contract, found.status, found.document = contract, status, desired

    def delete() -> None:
        del memory.view_tables[name]
        memory.drop_schema(name)

    return MemoryResource(memory, f"pinot:{name}", desired, read, apply, delete)


class MemoryViews:
    """Spark, and what it has written."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def states(self) -> tuple[ViewState, ...]:
        memory = self._memory
        found: dict[tuple[int, TableName], ViewState] = {}

        def note(number: int, view: TableName, **values: object) -> None:
            known = found.get((number, view), ViewState(number, view))
            found[number, view] = replace(known, **values)  # type: ignore[arg-type]

        for table in memory.view_tables.values():
            note(table.number, table.view, status=table.status, contract=table.contract)
        for topic in memory.topics:
            number, _, name = topic.removeprefix(f"{memory.project}.").partition(".")
            if number.startswith("v"):
                note(int(number[1:]), TableName.of_view(name), topic=True)
        for name in memory.jobs:
            served, _, number = name.removeprefix(f"{memory.project}_").rpartition("_v")
            failed = name in memory.incomplete
            note(int(number), TableName.of_view(served), job=True, failed=LOG_INCOMPLETE if failed else None)
        return tuple(sorted(found.values(), key=lambda state: state.number))

    def cut_topics(self, topics: Iterable[str]) -> frozenset[str]:
        return frozenset(topics) & self._memory.cut

    def job(
        self, names: ViewNames, contract: TableContract, view: ViewContract | None, reads: str
    ) -> MemoryResource:
        memory = self._memory
        name, to = names.pinot_table(contract.served_name), names.topic(contract.table)
        desired = {"job": view.job if view else "", "reads": reads, "to": to}

        def read() -> Document | None:
            return dict(memory.jobs[name]) if name in memory.jobs else None

        def apply() -> None:
            assert reads in memory.topics
            assert to in memory.topics
            if reads in memory.cut:
                memory.incomplete.add(name)  # a query begins with the whole log
            memory.jobs[name] = desired

        def delete() -> None:
            del memory.jobs[name]
            memory.incomplete.discard(name)

        return MemoryResource(memory, f"spark:{name}", desired, read, apply, delete)

    def not_yet_computed(
        self, names: ViewNames, contract: TableContract, reads: str, ends: Mapping[int, int]
    ) -> str | None:
        name = names.pinot_table(contract.served_name)
        assert self._memory.computes(name, self._memory.view_tables[name])
        self._computed = ends[0]
        return None

    def ends(self, names: ViewNames, contract: TableContract) -> Mapping[int, int]:
        return {0: self._computed}


def _begin_snapshot(memory: Memory, capture: MemoryCapture) -> None:
    memory.lsn += 10
    if capture.slot is SlotStatus.ABSENT:
        capture.slot = SlotStatus.USABLE
        capture.confirmed = capture.snapshot_point = memory.lsn
        capture.snapshot = Snapshot.RUNNING
    else:
        capture.snapshot_point = memory.lsn  # over a live slot: rows carry another position
    if memory.break_snapshots > 0:
        memory.break_snapshots -= 1
        capture.snapshot = Snapshot.BROKEN


class MemoryInventory:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def catalogue(self) -> Catalogue:
        declared = self._memory.declared
        views = [view for view in self._memory.views.values() if view.base in declared]
        return Catalogue(tuple(declared.values()), views=tuple(views))

    def slots(self) -> Mapping[int, SlotStatus]:
        found = self._memory.captures.items()
        return {n: c.slot for n, c in found if c.slot is not SlotStatus.ABSENT}

    def publications(self) -> Mapping[int, PublicationState]:
        found = self._memory.captures.items()
        return {n: PublicationState(c.published, True) for n, c in found if c.publication is not None}

    def connectors(self) -> Mapping[int, tuple[TableName, ...]]:
        return {n: c.tables for n, c in self._memory.captures.items() if c.connector is not None}

    def topics(self) -> Mapping[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for topic in self._memory.topics:
            number = topic.split(".")[1]
            if number.isdigit():
                found.setdefault(int(number), set()).add(topic)
        return {number: frozenset(topics) for number, topics in found.items()}

    def lost_topics(self) -> Mapping[str, str]:
        return dict.fromkeys(self._memory.lost & self._memory.topics.keys(), "lost")

    def served(self) -> tuple[ServedState, ...]:
        return tuple(table.state for table in self._memory.pinot.values())


class MemoryFlow:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def consistent_point(self, names: CaptureNames) -> int | None:
        found = self._memory.captures.get(names.number)
        return None if found is None or found.slot is SlotStatus.ABSENT else found.confirmed

    def snapshot(
        self, names: CaptureNames, contracts: Sequence[TableContract], consistent_point: int | None
    ) -> SnapshotReport:
        found = self._memory.captures.get(names.number)
        if found is None or found.snapshot is Snapshot.BROKEN:
            return SnapshotReport(Snapshot.BROKEN, "two snapshots were begun")
        if found.snapshot is Snapshot.NOT_STARTED:
            return SnapshotReport(found.snapshot)
        if consistent_point is None:
            return SnapshotReport(Snapshot.BROKEN, "nobody read the slot's consistent point")
        if consistent_point != found.snapshot_point:
            return SnapshotReport(Snapshot.BROKEN, "rows carry another position than the slot's")
        return SnapshotReport(Snapshot.PROVEN)

    def fence(self, names: CaptureNames, topics: Sequence[str]) -> Mapping[str, Mapping[int, int]]:
        changes = {names.topic(table): count for table, count in self._memory.changes.items()}
        return {topic: {0: changes.get(topic, 0)} for topic in topics}

    def not_yet_indexed(self, table: str, offsets: Mapping[int, int]) -> str | None:
        view = self._memory.view_tables.get(table)
        if view is not None:
            view.complete, view.shows = True, max(view.shows, offsets[0])
            return None
        found = self._memory.pinot[table]
        capture = self._memory.captures[found.state.capture]
        assert capture.snapshot is not Snapshot.BROKEN
        assert capture.carries(found.state.table)
        found.complete = True
        found.shows = max(found.shows, offsets[0])
        return None

    def stand_still(self, names: CaptureNames, table: TableName) -> None:
        found = self._memory.captures.get(names.number)
        if found is None or not found.publishes(table):
            return
        self._memory.effect(f"{table} leaves {names.publication}")
        found.published = tuple(t for t in found.published if t != table)
        found.publication = {"tables": [str(t) for t in found.published]}
        self._memory.observe_readers()

    def drop_schema(self, physical: str) -> None:
        self._memory.schemas.discard(physical)

    def set_status(self, physical: str, status: Status) -> None:
        found, view = self._memory.pinot.get(physical), self._memory.view_tables.get(physical)
        if found is not None and found.state.status is not status:
            self._memory.effect(f"{physical} becomes {status}")
            found.state = replace(found.state, status=status)
        elif view is not None and view.status is not status:
            self._memory.effect(f"{physical} becomes {status}")
            view.status = status
        self._memory.observe_readers()


def memory_systems(memory: Memory) -> Systems:
    return Systems(
        memory.project,
        MemoryObjects(memory),
        MemoryInventory(memory),
        MemoryFlow(memory),
        views=MemoryViews(memory),
    )


def contract(name: str, *, columns: int = 1, **values: object) -> TableContract:
    """A contract of a table `public.<name>` with a key and some more columns."""
    key = Column("id", "bigint", Conversion.LONG, nullable=False)
    rest = tuple(Column(f"c{n}", "text", Conversion.TEXT) for n in range(columns))
    made = TableContract(TableName("public", name), name, ("id",), (key, *rest))
    return replace(made, **values)  # type: ignore[arg-type]


def view_of(base: str, *, shape: str = "1", columns: int = 1) -> ViewContract:
    """A view `<base>_view` of `public.<base>`; another shape is another definition."""
    view = TableName.of_view(f"{base}_view")
    key = Column("__key", "text", Conversion.TEXT, nullable=False)
    rest = tuple(Column(f"c{n}", "bigint", Conversion.LONG) for n in range(columns))
    served = TableContract(view, view.table, ("__key",), (key, *rest), versioned=True)
    return ViewContract(
        served, TableName("public", base), shape, f"SELECT {shape}", f'{{"shape": "{shape}"}}'
    )
