"""From the declaration's `dashboard:` to what is to be presented; pure."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.endpoints import Endpoints
from headrace.hops.present.shown import Presentation, Shown
from headrace.spec.model import Declaration


def presentation(
    declaration: Declaration, live: Iterable[Shown], endpoints: Endpoints
) -> Presentation | None:
    """What the declaration wants of the tables and views that are live; None when it wants no dashboard.

    Args:
        declaration: names the tables to show and their order, or leaves it open.
        live: what there is, in the order of the tabs when the declaration names none.
        endpoints: where Pinot is, as Superset reaches it.
    """
    wanted = declaration.dashboard
    if wanted is None:
        return None
    by_name = {shown.served_name: shown for shown in live}
    names = wanted.tables or tuple(by_name)
    return Presentation(
        project=declaration.project,
        title=wanted.title or declaration.project,
        refresh_seconds=wanted.refresh_seconds,
        shown=tuple(by_name[name] for name in names if name in by_name),
        broker_url=endpoints.pinot_broker_url,
        controller_url=endpoints.pinot_controller_url,
    )
