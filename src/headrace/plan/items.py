"""Which objects a layout needs, and which ones nothing needs any more.

An `Item` names one object and says with which tables it is to be made; `apply/` turns it into a `Resource`.
A `Leftover` is an object that exists and has to go. Both say in which stage and after what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.contract import TableContract, ViewContract
from headrace.names import TableName
from headrace.plan.captures import CaptureLayout, Layout, Phase
from headrace.plan.model import Kind, SlotStatus, StageKind, Status, World, address, service_topics
from headrace.plan.resource import Document


@dataclass(frozen=True)
class Showing:
    """One table or view of a dashboard: what it is called in Pinot, and its columns."""

    physical: str
    contract: TableContract


@dataclass(frozen=True)
class Item:
    """One object that should be.

    Attributes:
        address: its name in a plan.
        stage: when it is brought about.
        capture: the capture it belongs to; None for a replica identity.
        contracts: the tables it is made for: one, or all of a publication or connector.
        status: of a generation in Pinot.
        needs: addresses of what must be there before it.
        view: the number of the view's generation it belongs to.
        defined: what a view's query is to compute.
        reads: the topic a view's query reads.
        shows: of a dashboard, what it shows.
    """

    address: str
    stage: StageKind
    capture: int | None
    contracts: tuple[TableContract, ...]
    status: Status | None = None
    needs: tuple[str, ...] = ()
    view: int | None = None
    defined: ViewContract | None = None
    reads: str | None = None
    shows: tuple[Showing, ...] = ()

    @property
    def kind(self) -> Kind:
        return Kind(self.address.partition(":")[0])

    @property
    def name(self) -> str:
        return self.address.partition(":")[2]


@dataclass(frozen=True)
class Leftover:
    """One object that should not be. `before` is what a plan shows of it."""

    address: str
    stage: StageKind
    capture: int | None
    before: Document
    table: TableName | None = None
    served_name: str | None = None
    needs: tuple[str, ...] = ()
    view: int | None = None

    @property
    def kind(self) -> Kind:
        return Kind(self.address.partition(":")[0])

    @property
    def name(self) -> str:
        return self.address.partition(":")[2]


def needed(world: World, layout: Layout) -> tuple[Item, ...]:
    """Every object the layout needs, those that are as they should be among them."""
    return tuple(
        item for capture in layout.captures if capture.tables for item in _of_capture(world, capture)
    )


def _of_capture(world: World, capture: CaptureLayout) -> Iterator[Item]:
    names = world.names(capture.number)
    state = world.capture(capture.number)
    stage = StageKind.BUILD if capture.phase is Phase.BUILDING else StageKind.REPAIR
    contracts = tuple(c for c in world.contracts if c.table in capture.tables)
    shrinking = bool(capture.leaving) and state is not None and state.started
    whole = StageKind.RETIRE if shrinking else stage
    publication = address(Kind.PUBLICATION, names.publication)
    services = service_topics(names)
    feeds: list[str] = [publication, *(address(Kind.TOPIC, topic) for topic in services)]
    for topic in services:
        yield Item(address(Kind.TOPIC, topic), stage, capture.number, ())
    for contract in contracts:
        identity = address(Kind.IDENTITY, contract.table)
        topic = address(Kind.TOPIC, names.topic(contract.table))
        served = address(Kind.SERVED, names.pinot_table(contract.served_name))
        generation = world.generation(contract.table, capture.number)
        live = generation is not None and generation.status is Status.LIVE
        status = Status.LIVE if live else Status.BUILDING
        yield Item(identity, stage, None, (contract,))
        yield Item(topic, stage, capture.number, (contract,))
        yield Item(served, stage, capture.number, (contract,), status, (topic,))
        feeds += [topic, served]
    identities = tuple(address(Kind.IDENTITY, c.table) for c in contracts)
    yield Item(publication, whole, capture.number, contracts, None, identities)
    connector = address(Kind.CONNECTOR, names.connector)
    yield Item(connector, whole, capture.number, contracts, None, tuple(feeds))


def leftover(world: World, layout: Layout) -> tuple[Leftover, ...]:
    """Every object of the project that the layout has no use for."""
    found: list[Leftover] = []
    for capture in layout.captures:
        stage = StageKind.DISCARD if capture.phase is Phase.DISCARDED else StageKind.RETIRE
        if not capture.tables:
            found += _moving_parts(world, capture.number, stage)
        found += _storage(world, capture, stage)
    declared = {c.table for c in world.contracts}
    for table, before in sorted(world.identities.items()):
        if table not in declared:
            document = {"identity": "full", "restored_to": before}
            found.append(Leftover(address(Kind.IDENTITY, table), StageKind.RETIRE, None, document, table))
    return tuple(found)


def _moving_parts(world: World, number: int, stage: StageKind) -> Iterator[Leftover]:
    """The connector, the slot and the publication of a capture that goes as a whole."""
    names = world.names(number)
    state = world.capture(number)
    if state is None:
        return
    publication = address(Kind.PUBLICATION, names.publication)
    slot = address(Kind.SLOT, names.slot)
    if state.publication is not None:
        tables = [str(table) for table in state.publication]
        yield Leftover(publication, stage, number, {"tables": tables})
    if state.slot is not SlotStatus.ABSENT or state.connector is not None:
        # A connector that is only being created can still make its slot: it is looked for afterwards.
        yield Leftover(slot, stage, number, {"status": state.slot}, None, None, (publication,))
    if state.connector is not None:
        tables = [str(table) for table in state.connector]
        document = {"tables": tables}
        yield Leftover(address(Kind.CONNECTOR, names.connector), stage, number, document, None, None, (slot,))


def _storage(world: World, capture: CaptureLayout, stage: StageKind) -> Iterator[Leftover]:
    """The topics and generations of a capture that no table has its home in."""
    names = world.names(capture.number)
    state = world.capture(capture.number)
    kept = {names.topic(table) for table in capture.tables}
    if capture.tables:
        kept |= set(service_topics(names))
    topics = (state.topics if state else frozenset[str]()) - kept
    for topic in sorted(topics):
        yield Leftover(address(Kind.TOPIC, topic), stage, capture.number, {})
    for generation in world.served:
        if generation.capture != capture.number or generation.table in capture.tables:
            continue
        where = address(Kind.SERVED, names.pinot_table(generation.served_name))
        needs = (address(Kind.TOPIC, names.topic(generation.table)),)
        before: Document = {"status": generation.status}
        yield Leftover(where, stage, capture.number, before, generation.table, generation.served_name, needs)
