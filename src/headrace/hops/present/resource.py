"""The dashboard of a project with all it rests on, managed as a single thing.

Promise: `read` has no effect and shows every change by hand to what we made; `apply` is idempotent, brings
everything to `desired` in one transaction and removes charts and datasets of ours that nothing needs;
`delete` removes what we made and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from ruamel.yaml import YAML

from headrace.errors import HeadraceError, Where
from headrace.hops.present import render
from headrace.hops.present.charts import SLOTS
from headrace.hops.present.client import Json, SupersetClient
from headrace.hops.present.shown import Presentation, dashboard_url, identity
from headrace.plan.resource import Document

_NAMES = ("column_name", "metric_name")
_IGNORED = frozenset({"version", "chartId"})


@dataclass(frozen=True)
class Dashboard:
    """Everything of one project in Superset.

    Attributes:
        client: the Superset.
        presentation: what should be shown.
    """

    client: SupersetClient
    presentation: Presentation

    @property
    def address(self) -> str:
        return f"dashboard:{self.presentation.project}"

    @property
    def url(self) -> str:
        """Where people look at it."""
        return dashboard_url(self.client.url, self.presentation.project)

    @property
    def desired(self) -> Document:
        return _by_uuid(render.documents(self.presentation).values())

    def read(self) -> Document | None:
        """What is there of ours, what should not be there too; None when there is nothing."""
        desired = self.desired
        exported = {
            str(document["uuid"]): document
            for path, document in _parsed(self.client.export())
            if path.partition("/")[0] in {"databases", "datasets", "charts", "dashboards"}
        }
        found = {
            key: _reduced(exported[uuid], wanted)
            for key, wanted in desired.items()
            if (uuid := key.partition(":")[2]) in exported
        }
        stale: Json = {f"{kind}:{uuid}": dict[str, object]() for kind, _, uuid in self._stale()}
        return {**found, **stale} if found or stale else None

    def apply(self) -> None:
        self._refuse_taken_names()
        if self.read() != self.desired:
            self.client.import_bundle(render.bundle(self.presentation))
        self._remove(self._stale())

    def delete(self) -> None:
        delete_all(self.client, self.presentation.project)

    def _stale(self) -> list[tuple[str, int, str]]:
        wanted = {key.partition(":")[2] for key in self.desired}
        return [found for found in ours(self.client, self.presentation.project) if found[2] not in wanted]

    def _remove(self, found: list[tuple[str, int, str]]) -> None:
        for kind, number, _ in found:
            self.client.delete(kind, number)

    def _refuse_taken_names(self) -> None:
        """Superset knows a dataset by database and name too: a stranger of that name stops an import."""
        database = self.presentation.uuid("database")
        for dataset in self.client.list("dataset", ("id", "uuid", "table_name", "database.uuid")):
            name = str(dataset["table_name"])
            mine = cast(Json, dataset.get("database") or {}).get("uuid") == database
            shown = any(name == one.served_name for one in self.presentation.shown)
            if mine and shown and dataset["uuid"] != self.presentation.uuid("dataset", name):
                raise HeadraceError(
                    "present-name-taken",
                    f"Superset has a dataset `{name}` that headrace did not make",
                    hint="rename or delete that dataset, then run the command again",
                    where=Where(address=self.address),
                )


def delete_all(client: SupersetClient, project: str) -> None:
    """Remove what headrace made for a project; the database entry stays while somebody's dataset needs it."""
    for kind, number, _ in ours(client, project):
        if kind == "database":
            rest = client.list("dataset", ("id", "uuid", "database.id"))
            if any(cast(Json, one.get("database") or {}).get("id") == number for one in rest):
                continue
        client.delete(kind, number)


def ours(client: SupersetClient, project: str) -> list[tuple[str, int, str]]:
    """Kind, number and UUID of all that headrace made, in an order in which it can be removed.

    A dataset is ours when its UUID follows from its name; a chart, when it follows from such a name and a
    slot: nothing is known by a mark that a person could copy or lose.
    """
    database, dashboard = identity(project, "database"), identity(project, "dashboard")
    datasets = client.list("dataset", ("id", "uuid", "table_name"))
    names = {
        str(one["table_name"])
        for one in datasets
        if one["uuid"] == identity(project, "dataset", str(one["table_name"]))
    }
    possible = {identity(project, "chart", name, slot) for name in names for slot in SLOTS}
    own_datasets = {identity(project, "dataset", name) for name in names}
    found: list[tuple[str, int, str]] = []
    for kind, uuids in (
        ("dashboard", {dashboard}),
        ("chart", possible),
        ("dataset", own_datasets),
        ("database", {database}),
    ):
        listed = datasets if kind == "dataset" else client.list(kind)
        found += [
            (kind, cast(int, one["id"]), str(one["uuid"])) for one in listed if str(one["uuid"]) in uuids
        ]
    return found


def _by_uuid(documents: object) -> dict[str, Json]:
    """`chart:6a1f…` to the document without what says nothing of it."""
    found: dict[str, Json] = {}
    for document in cast("list[Json]", documents):
        kind = _kind(document)
        found[f"{kind}:{document['uuid']}"] = cast(Json, _canonical(document))
    return found


def _kind(document: Json) -> str:
    if "viz_type" in document:
        return "chart"
    if "table_name" in document:
        return "dataset"
    return "database" if "sqlalchemy_uri" in document else "dashboard"


def _canonical(document: object) -> object:
    """Lists of columns and metrics by name: their order says nothing."""
    if isinstance(document, dict):
        items = cast("dict[str, object]", document).items()
        return {key: _canonical(value) for key, value in items if key not in _IGNORED}
    if isinstance(document, list):
        listed = cast("list[object]", document)
        if listed and all(_name(one) is not None for one in listed):
            return {str(_name(one)): _canonical(one) for one in listed}
        return [_canonical(one) for one in listed]
    return document


def _reduced(found: object, wanted: object, *, whole: bool = False) -> object:
    """`found` in the form of `wanted`, without what Superset added by itself.

    Of columns, metrics and the places of a layout everything counts (`whole`): one more is a change by hand.
    """
    if isinstance(wanted, dict):
        right = cast("dict[str, object]", wanted)
        canonical = _canonical(found)
        left = cast("dict[str, object]", canonical) if isinstance(canonical, dict) else {}
        return {
            key: _reduced(value, right.get(key), whole=key in {"columns", "metrics", "position"})
            for key, value in left.items()
            if key in right or whole
        }
    return _canonical(found)


def _name(value: object) -> object:
    if not isinstance(value, dict):
        return None
    named = cast("dict[str, object]", value)
    return next((named[key] for key in _NAMES if key in named), None)


def _parsed(files: dict[str, str]) -> Iterator[tuple[str, Json]]:
    yaml = YAML(typ="safe", pure=True)
    for path, text in files.items():
        document: object = yaml.load(text)  # pyright: ignore[reportUnknownMemberType]
        if isinstance(document, dict) and "uuid" in document:
            yield path, cast(Json, document)
