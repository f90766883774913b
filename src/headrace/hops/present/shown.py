"""What is to be shown: the input of this hop, and the stable identities of everything it makes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from headrace.contract import TableContract

_NAMESPACE = uuid.UUID("6a1f2f0e-6a51-5b5e-9d0a-3f0c1c0d7a11")


@dataclass(frozen=True)
class Shown:
    """One served table or view.

    Attributes:
        served_name: what people know it by; dataset, charts and tab carry it across generations.
        physical: the Pinot table that is live now.
        contract: its columns.
        is_view: its rows are computed, not carried.
    """

    served_name: str
    physical: str
    contract: TableContract
    is_view: bool = False


@dataclass(frozen=True)
class Presentation:
    """Everything one dashboard is made from.

    Attributes:
        project: whose it is; part of every UUID.
        title: of the dashboard.
        refresh_seconds: how often a browser asks again; 1 or more.
        shown: the tables and views, in the order of their tabs.
        broker_url: `http://host:8099`, as Superset reaches it.
        controller_url: `http://host:9000`.
    """

    project: str
    title: str
    refresh_seconds: int
    shown: tuple[Shown, ...]
    broker_url: str
    controller_url: str

    def uuid(self, kind: str, *names: str) -> str:
        """The identity of a thing of ours: `database`; `dataset`, name; `chart`, name, slot; `dashboard`."""
        return identity(self.project, kind, *names)


def identity(project: str, kind: str, *names: str) -> str:
    """The same for the same words, whenever and wherever it is computed."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join((project, kind, *names))))


def slug(project: str) -> str:
    """The dashboard's name in its address: `/superset/dashboard/headrace-shop/`."""
    return f"headrace-{project}"


def dashboard_url(superset_url: str, project: str) -> str:
    """Where people look at it."""
    return f"{superset_url}/superset/dashboard/{slug(project)}/"
