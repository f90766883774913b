"""What every `Resource` promises, asked of the ones in memory and of the real ones alike.

`read` has no effect; `apply` is idempotent and leaves `read() == desired`; what others change shows, and
`apply` puts it back; `delete` of what is gone does nothing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from headrace.apply.project import open_project
from headrace.apply.real import Connections
from headrace.apply.systems import Systems
from headrace.contract import Column, Conversion, TableContract
from headrace.names import CaptureNames, TableName
from headrace.plan.model import Status, service_topics
from headrace.plan.resource import Resource
from tests.integration.apply.project import RunningProject
from tests.memory_systems import Memory, memory_systems

ORDERS = TableName("public", "orders")

PG_TYPES = {
    Conversion.BOOLEAN: "boolean",
    Conversion.INT: "integer",
    Conversion.LONG: "bigint",
    Conversion.FLOAT: "real",
    Conversion.DOUBLE: "double precision",
    Conversion.DECIMAL: "numeric(10,2)",
    Conversion.DECIMAL_TEXT: "numeric",
    Conversion.TEXT: "text",
    Conversion.BYTES: "bytea",
    Conversion.DATE: "date",
    Conversion.TIME_MICROS: "time without time zone",
    Conversion.TIMESTAMP_MICROS: "timestamp without time zone",
    Conversion.TIMESTAMP_TZ: "timestamp with time zone",
    Conversion.JSON_TEXT: "integer[]",
}


def every_conversion() -> TableContract:
    """A table with a column of every conversion: what a server hands back differs by type."""
    key = Column("id", "bigint", Conversion.LONG, nullable=False)
    columns = tuple(Column(f"c_{c.value}", PG_TYPES[c], c) for c in Conversion)
    return TableContract(ORDERS, "orders", ("id",), (key, *columns))


@dataclass(frozen=True)
class Bench:
    """One set of systems, and a capture number nobody uses."""

    systems: Systems
    names: CaptureNames
    connector_can_run: bool

    @property
    def contract(self) -> TableContract:
        return every_conversion()

    def topics(self) -> list[Resource]:
        objects = self.systems.objects
        return [
            objects.topic(self.names, self.names.topic(ORDERS), self.contract),
            *(objects.topic(self.names, name, None) for name in service_topics(self.names)),
        ]


_NUMBERS = itertools.count(9001)
"""What is real has a name once only."""


@pytest.fixture(scope="module")
def connections(shared_project: RunningProject) -> Iterator[Connections]:
    with open_project(shared_project.directory).connections() as connections:
        yield connections


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.engines)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        memory = Memory(declared={ORDERS: every_conversion()})
        yield Bench(memory_systems(memory), CaptureNames(memory.project, 9001), True)
        return
    connections: Connections = request.getfixturevalue("connections")
    systems = connections.systems
    found = Bench(systems, CaptureNames(systems.project, next(_NUMBERS)), True)
    yield found
    systems.objects.connector(found.names, ()).delete()
    systems.objects.slot(found.names).delete()
    systems.objects.publication(found.names, ()).delete()
    systems.objects.served(found.names, found.contract, Status.RETIRED).delete()
    for topic in found.topics():
        topic.delete()
    identity = _identity(found)
    identity.delete()
    assert identity.read() == {"identity": "default"}


def _identity(bench: Bench) -> Resource:
    return bench.systems.objects.identity(ORDERS, "default")


def _publication(bench: Bench) -> Resource:
    return bench.systems.objects.publication(bench.names, [bench.contract])


def _topic(bench: Bench) -> Resource:
    return bench.topics()[0]


def _service_topic(bench: Bench) -> Resource:
    return bench.topics()[-1]


def _served(bench: Bench) -> Resource:
    bench.topics()[0].apply()
    return bench.systems.objects.served(bench.names, bench.contract, Status.BUILDING)


def _connector(bench: Bench) -> Resource:
    for needed in (_identity(bench), _publication(bench), *bench.topics()):
        needed.apply()
    return bench.systems.objects.connector(bench.names, [_narrow()])


def _narrow() -> TableContract:
    """The table as the source has it."""
    columns = (
        Column("id", "bigint", Conversion.LONG, nullable=False),
        Column("note", "text", Conversion.TEXT, nullable=False),
    )
    return TableContract(ORDERS, "orders", ("id",), columns)


MAKERS = [_identity, _publication, _topic, _service_topic, _served, _connector]
Maker = Callable[[Bench], Resource]


@pytest.mark.parametrize("make", MAKERS)
def test_apply_leaves_what_is_desired_and_is_idempotent(bench: Bench, make: Maker) -> None:
    resource = make(bench)
    resource.apply()
    assert resource.read() == resource.desired
    resource.apply()
    assert resource.read() == resource.desired


@pytest.mark.parametrize("make", MAKERS)
def test_read_has_no_effect(bench: Bench, make: Maker) -> None:
    resource = make(bench)
    before = resource.read()
    assert resource.read() == before
    resource.apply()
    assert resource.read() == resource.read() == resource.desired


@pytest.mark.parametrize("make", [maker for maker in MAKERS if maker is not _identity])
def test_delete_removes_and_does_nothing_twice(bench: Bench, make: Maker) -> None:
    resource = make(bench)
    resource.delete()
    resource.apply()
    resource.delete()
    assert resource.read() is None
    resource.delete()
    assert resource.read() is None


def test_an_identity_becomes_what_it_was(bench: Bench) -> None:
    resource = _identity(bench)
    before = resource.read()
    resource.apply()
    resource.delete()
    assert resource.read() == before
    resource.delete()
    assert resource.read() == before


@pytest.mark.parametrize("make", MAKERS)
def test_addresses_are_of_one_form_and_documents_are_json(bench: Bench, make: Maker) -> None:
    resource = make(bench)
    kind, colon, name = resource.address.partition(":")
    assert kind
    assert colon
    assert name
    assert json.loads(json.dumps(resource.desired)) == dict(resource.desired)


def test_a_slot_is_read_and_dropped(bench: Bench) -> None:
    slot = bench.systems.objects.slot(bench.names)
    assert slot.read() is None
    slot.delete()
    assert slot.read() is None


def test_a_status_is_changed_and_nothing_else(bench: Bench) -> None:
    served = _served(bench)
    served.apply()
    before = [s for s in bench.systems.inventory.served() if s.capture == bench.names.number]
    bench.systems.flow.set_status(bench.names.pinot_table(before[0].served_name), Status.RETIRED)
    (after,) = [s for s in bench.systems.inventory.served() if s.capture == bench.names.number]
    assert after == replace(before[0], status=Status.RETIRED)
    assert bench.systems.objects.served(bench.names, bench.contract, Status.RETIRED).read() is not None
    served.delete()
    bench.systems.flow.set_status(bench.names.pinot_table(before[0].served_name), Status.LIVE)
    assert not [s for s in bench.systems.inventory.served() if s.capture == bench.names.number]


def test_the_inventory_lists_what_was_made(bench: Bench) -> None:
    number = bench.names.number
    inventory = bench.systems.inventory
    assert number not in inventory.publications()
    connector = _connector(bench)
    connector.apply()
    assert inventory.publications()[number].tables == (ORDERS,)
    assert inventory.publications()[number].publishes_all
    assert inventory.connectors()[number] == (ORDERS,)
    assert bench.names.topic(ORDERS) in inventory.topics()[number]
    assert set(service_topics(bench.names)) <= inventory.topics()[number]


def test_a_table_that_stands_still_has_left_the_publication_and_nothing_else(bench: Bench) -> None:
    number, inventory, flow = bench.names.number, bench.systems.inventory, bench.systems.flow
    flow.stand_still(bench.names, ORDERS)
    assert number not in inventory.publications()
    items = replace(bench.contract, table=TableName("public", "items"), served_name="items")
    both = bench.systems.objects.publication(bench.names, [bench.contract, items])
    both.apply()
    for _ in range(2):
        flow.stand_still(bench.names, ORDERS)
        assert inventory.publications()[number].tables == (items.table,)
    for _ in range(2):
        flow.stand_still(bench.names, items.table)
        assert inventory.publications()[number].tables == ()
        assert inventory.publications()[number].publishes_all
    _identity(bench).apply()
    assert _identity(bench).read() == {"identity": "full"}
