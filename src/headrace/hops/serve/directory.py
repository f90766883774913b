"""Served name -> physical table: Pinot 0.11 has no aliases, so the mapping lives in the table configs.

Promise: one look gives one consistent mapping; of several generations of a table exactly the one marked live
is answered from, and two live ones are an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Config, Status
from headrace.hops.serve.resource import custom_configs
from headrace.names import CaptureNames


@dataclass(frozen=True)
class Generation:
    """One physical table of a project.

    Attributes:
        physical: its name in Pinot.
        served_name: what people ask for.
        names: the capture it belongs to.
        status: building, live or retired.
        contract: the shape it was built for.
    """

    physical: str
    served_name: str
    names: CaptureNames
    status: Status
    contract: TableContract


@dataclass(frozen=True)
class Directory:
    """Every generation of every table of one project, as seen in one look."""

    project: str
    generations: tuple[Generation, ...]

    def live(self) -> dict[str, Generation]:
        """Served name to the one generation that is answered from; `served-table-ambiguous` for two."""
        found: dict[str, Generation] = {}
        for generation in self.generations:
            if generation.status is not Status.LIVE:
                continue
            other = found.get(generation.served_name)
            if other is not None:
                raise HeadraceError(
                    "served-table-ambiguous",
                    f"two tables claim to be the live `{generation.served_name}`",
                    cause=f"{other.physical} and {generation.physical}",
                    hint="run `headrace apply`: it keeps the newest complete one",
                )
            found[generation.served_name] = generation
        return found

    def resolve(self, name: str) -> Generation:
        """The live generation of a served name, case as declared; `served-table-unknown` with near names."""
        live = self.live()
        found = live.get(name) or {key.lower(): value for key, value in live.items()}.get(name.lower())
        if found is not None:
            return found
        building = [g.physical for g in self.generations if g.served_name.lower() == name.lower()]
        raise HeadraceError(
            "served-table-unknown",
            f"there is no served table `{name}`",
            cause="it is still being built" if building else None,
            hint="wait for `headrace status` to show it live"
            if building
            else f"served tables: {', '.join(sorted(live)) or 'none yet'}",
        )


def look(client: PinotClient, project: str) -> Directory:
    """Read the directory of `project`. Tables of others are passed over."""
    prefix = f"{project}_"
    names = [name for name in client.tables() if name.startswith(prefix)]
    return Directory(
        project, tuple(_generations(project, ((name, client.table_config(name)) for name in names)))
    )


def _generations(
    project: str, configs: Iterable[tuple[str, Mapping[str, object] | None]]
) -> Iterable[Generation]:
    for physical, config in configs:
        custom = custom_configs(config or {})
        if custom.get(Config.PROJECT) != project:
            continue
        yield Generation(
            physical=physical,
            served_name=custom[Config.NAME],
            names=CaptureNames(project, int(custom[Config.CAPTURE])),
            status=Status(custom[Config.STATUS]),
            contract=TableContract.from_json(custom[Config.CONTRACT]),
        )
