"""Served name -> physical table: Pinot 0.11 has no aliases, so the mapping lives in the table configs.

Promise: one look gives one consistent mapping; of several generations of a table exactly the one marked live
is answered from, and two live ones are an error, never a guess.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Config, Status
from headrace.hops.serve.resource import custom_configs
from headrace.names import CaptureNames, GenerationNames, TableName, generation_names

LOOKS = 4
LOOK_PAUSE_S = 0.05


@dataclass(frozen=True)
class Generation:
    """One physical table of a project.

    Attributes:
        physical: its name in Pinot.
        served_name: what people ask for.
        names: the capture, or the generation of a view, it belongs to.
        status: building, live or retired.
        contract: the shape it was built for.
    """

    physical: str
    served_name: str
    names: GenerationNames
    status: Status
    contract: TableContract

    @property
    def is_view(self) -> bool:
        """Whether it shows the results of a query over a table."""
        return self.contract.origin is not None

    @property
    def source(self) -> TableName:
        """The table whose changes it shows: its own, or the one it is a view of."""
        origin = self.contract.origin
        return self.contract.table if origin is None else origin.base

    @property
    def capture(self) -> CaptureNames:
        """The capture that carries them."""
        if isinstance(self.names, CaptureNames):
            return self.names
        assert self.contract.origin is not None
        return CaptureNames(self.names.project, self.contract.origin.capture)


@dataclass(frozen=True)
class Directory:
    """Every generation of every table of one project, as seen in one look."""

    project: str
    generations: tuple[Generation, ...]

    def live(self) -> dict[str, Generation]:
        """Served name to the one generation that is answered from.

        A switch marks the new generation live before it retires the old one: of two live generations of a
        source table the higher capture counts. Two tables under one name are `served-table-ambiguous`.
        """
        found: dict[str, Generation] = {}
        for generation in sorted(self.generations, key=lambda one: one.names.number):
            if generation.status is not Status.LIVE:
                continue
            other = found.get(generation.served_name)
            if other is not None and other.contract.table != generation.contract.table:
                raise HeadraceError(
                    "served-table-ambiguous",
                    f"two source tables are served as `{generation.served_name}`",
                    cause=f"{other.contract.table} and {generation.contract.table}",
                    hint="give one of them another `name` in headrace.yaml",
                )
            found[generation.served_name] = generation
        return found

    def find(self, name: str) -> Generation | None:
        """The live generation of a served name, in any case of letters; None when there is none."""
        live = self.live()
        return live.get(name) or {key.lower(): value for key, value in live.items()}.get(name.lower())


def resolve(client: PinotClient, project: str, name: str) -> Generation:
    """The live generation of a served name; `served-table-unknown` when there is none.

    The configs are read one after the other, so a look during a switch can miss both generations: it is
    repeated for a moment before the name counts as unknown.
    """
    for _ in range(LOOKS - 1):
        found = look(client, project).find(name)
        if found is not None:
            return found
        time.sleep(LOOK_PAUSE_S)
    directory = look(client, project)
    found = directory.find(name)
    if found is not None:
        return found
    building = any(one.served_name.lower() == name.lower() for one in directory.generations)
    served = ", ".join(sorted(directory.live())) or "none yet"
    raise HeadraceError(
        "served-table-unknown",
        f"there is no served table `{name}`",
        cause="it is still being built" if building else None,
        hint="`headrace status` shows when it is live" if building else f"served tables: {served}",
    )


def look(client: PinotClient, project: str) -> Directory:
    """Read the directory of `project`.

    Tables of others are passed over, and those whose contract cannot be read: `plan` builds them anew.
    """
    names = candidates(client, project)
    return Directory(
        project, tuple(_generations(project, ((name, client.table_config(name)) for name in names)))
    )


def candidates(client: PinotClient, project: str) -> list[str]:
    """The physical tables that may be the project's, by their names alone: one request."""
    prefix = f"{project}_"
    return [name for name in client.tables() if name.startswith(prefix)]


def _generations(
    project: str, configs: Iterable[tuple[str, Mapping[str, object] | None]]
) -> Iterable[Generation]:
    for physical, config in configs:
        custom = custom_configs(config or {})
        if custom.get(Config.PROJECT) != project:
            continue
        try:
            contract = TableContract.from_json(custom[Config.CONTRACT])
        except ValueError:
            continue
        yield Generation(
            physical=physical,
            served_name=custom[Config.NAME],
            names=generation_names(project, custom[Config.CAPTURE]),
            status=Status(custom[Config.STATUS]),
            contract=contract,
        )
