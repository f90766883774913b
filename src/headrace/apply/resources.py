"""From an item of the plan to the resource that can read, apply and delete it."""

from __future__ import annotations

from headrace.apply.systems import Systems
from headrace.contract import TableContract
from headrace.names import TableName, ViewNames
from headrace.plan.items import Item, Leftover
from headrace.plan.model import Kind, Status, World
from headrace.plan.resource import Resource


def resource_for(item: Item, systems: Systems, world: World) -> Resource:
    """The resource of an object that should be."""
    objects = systems.objects
    if item.kind is Kind.DASHBOARD:
        return systems.presenter.dashboard(item.shows)
    if item.view is not None:
        return _of_view(item, systems, world.view_names(item.view))
    if item.kind is Kind.IDENTITY:
        table = item.contracts[0].table
        return objects.identity(table, world.identities.get(table))
    assert item.capture is not None
    names = world.names(item.capture)
    if item.kind is Kind.PUBLICATION:
        return objects.publication(names, item.contracts)
    if item.kind is Kind.TOPIC:
        return objects.topic(names, item.name, item.contracts[0] if item.contracts else None)
    if item.kind is Kind.SERVED:
        assert item.status is not None
        return objects.served(names, item.contracts[0], item.status)
    if item.kind is Kind.CONNECTOR:
        return objects.connector(names, item.contracts)
    raise AssertionError(f"nothing makes a {item.kind}")


def _of_view(item: Item, systems: Systems, names: ViewNames) -> Resource:
    contract = item.contracts[0]
    if item.kind is Kind.TOPIC:
        return systems.objects.topic(names, item.name, contract)
    if item.kind is Kind.SERVED:
        assert item.status is not None
        return systems.objects.served(names, contract, item.status)
    assert item.kind is Kind.JOB
    assert item.reads is not None
    return systems.views.job(names, contract, item.defined, item.reads)


def removal_for(left: Leftover, systems: Systems, world: World) -> Resource:
    """The resource of an object that has to go; only its name is sure."""
    objects = systems.objects
    if left.kind is Kind.DASHBOARD:
        return systems.presenter.dashboard(())
    if left.view is not None:
        return _remains_of_view(left, systems, world.view_names(left.view))
    if left.kind is Kind.IDENTITY:
        assert left.table is not None
        return objects.identity(left.table, world.identities.get(left.table))
    assert left.capture is not None
    names = world.names(left.capture)
    if left.kind is Kind.PUBLICATION:
        return objects.publication(names, ())
    if left.kind is Kind.SLOT:
        return objects.slot(names)
    if left.kind is Kind.TOPIC:
        return objects.topic(names, left.name, None)
    if left.kind is Kind.SERVED:
        assert left.table is not None
        assert left.served_name is not None
        return objects.served(names, _name_only(left.table, left.served_name), Status.RETIRED)
    if left.kind is Kind.CONNECTOR:
        return objects.connector(names, ())
    raise AssertionError(f"nothing removes a {left.kind}")


def _remains_of_view(left: Leftover, systems: Systems, names: ViewNames) -> Resource:
    assert left.table is not None
    contract = _name_only(left.table, left.table.table)
    if left.kind is Kind.TOPIC:
        return systems.objects.topic(names, left.name, contract)
    if left.kind is Kind.SERVED:
        return systems.objects.served(names, contract, Status.RETIRED)
    assert left.kind is Kind.JOB
    return systems.views.job(names, contract, None, "")


def _name_only(table: TableName, served_name: str) -> TableContract:
    """Enough of a contract to name a physical table; its own may be unreadable or of an older shape."""
    return TableContract(table=table, served_name=served_name, key=(), columns=())
