"""The dashboard of a project in a plan: shown when every table and view is where it belongs; pure."""

from __future__ import annotations

from headrace.plan.captures import Layout
from headrace.plan.items import Item, Leftover, Showing
from headrace.plan.model import Kind, Stage, StageKind, World, address, digest
from headrace.plan.resource import Document
from headrace.plan.views import ViewLayout


def needed_to_present(world: World, layout: Layout, views: ViewLayout) -> tuple[Item, ...]:
    """The dashboard over the generations that are live when all is done; nothing where none is declared."""
    if not world.presents:
        return ()
    return (Item(_address(world), StageKind.PRESENT, None, (), shows=_showings(world, layout, views)),)


def leftover_presented(world: World) -> tuple[Leftover, ...]:
    """What Superset still shows although no dashboard is declared."""
    if world.presents or not world.presented:
        return ()
    return (Leftover(_address(world), StageKind.RETIRE, None, {}),)


def presentation_stage(world: World, changes: Stage | None, desired: Document | None) -> Stage | None:
    """The dashboard's change, and the check of its charts where they were not seen to be right yet."""
    if desired is None:
        return None
    if changes is None and world.charts_checked == digest(desired):
        return None
    return changes or Stage(StageKind.PRESENT)


def dashboard_address(project: str) -> str:
    return address(Kind.DASHBOARD, project)


def _address(world: World) -> str:
    return dashboard_address(world.project)


def _showings(world: World, layout: Layout, views: ViewLayout) -> tuple[Showing, ...]:
    tables = [
        Showing(world.names(home).pinot_table(contract.served_name), contract)
        for contract in world.contracts
        if (home := layout.home(contract.table)) is not None
    ]
    computed = [
        Showing(world.view_names(home.number).pinot_table(home.contract.served_name), home.contract)
        for home in views.homes
    ]
    return (*tables, *computed)
