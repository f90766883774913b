"""Lists what exists of a project in the real systems; reads only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.apply.contracts import refused
from headrace.apply.owner import folder_id
from headrace.apply.source_sessions import SourceSessions
from headrace.apply.systems import Catalogue, PublicationState
from headrace.contract import TableContract, ViewContract
from headrace.errors import HeadraceErrors
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.render import included_tables
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Config
from headrace.hops.serve.resource import custom_configs
from headrace.hops.source.catalog import contracts
from headrace.hops.source.client import SourceClient
from headrace.hops.source.preflight import preflight
from headrace.hops.source.relations import read_tables
from headrace.hops.source.resource import check_owner, read_publications
from headrace.hops.source.slot import read_slots
from headrace.hops.topic import marks
from headrace.hops.topic.client import KafkaClient
from headrace.names import CaptureNames, TableName
from headrace.plan.model import ServedState, SlotStatus, Status
from headrace.spec.model import Declaration


class RealInventory:
    """As `systems.Inventory`.

    Args:
        folder: the project's `.headrace`, where the supervisor keeps what it saw of the logs.
    """

    def __init__(
        self,
        declaration: Declaration,
        source: SourceSessions,
        kafka: KafkaClient,
        connect: ConnectClient,
        pinot: PinotClient,
        folder: Path,
    ) -> None:
        self._folder = folder
        self._declaration = declaration
        self._project = declaration.project
        self._source = source
        self._kafka = kafka
        self._connect = connect
        self._pinot = pinot

    def catalogue(self) -> Catalogue:
        return self._source.run(self._catalogue)

    def allows(self, new_captures: int) -> None:
        """Raise HeadraceErrors with everything that forbids so many new captures on this source."""
        tables = [declared.table for declared in self._declaration.declared]
        found = preflight(self._source.address, tables, new_slots=new_captures, project=self._project)
        if found.problems:
            raise HeadraceErrors(list(found.problems))

    def slots(self) -> Mapping[int, SlotStatus]:
        prefix = f"headrace_{self._project}_"
        found = self._source.run(lambda client: read_slots(client, prefix))
        numbered = {number: slot for slot in found if (number := _number(prefix, slot.name)) is not None}
        return {n: SlotStatus.LOST if slot.lost else SlotStatus.USABLE for n, slot in numbered.items()}

    def publications(self) -> Mapping[int, PublicationState]:
        """As they are; HeadraceError `project-taken` when another folder's project made one of them."""
        prefix = f"headrace_{self._project}_"
        found: dict[int, PublicationState] = {}
        for state in self._source.run(lambda client: read_publications(client, prefix)):
            number = _number(prefix, state.name)
            if number is not None:
                check_owner(state, folder_id(self._folder))
                found[number] = PublicationState(state.tables, state.publishes_all)
        return found

    def connectors(self) -> Mapping[int, tuple[TableName, ...]]:
        found: dict[int, tuple[TableName, ...]] = {}
        for name in self._connect.connectors():
            names = CaptureNames.of_connector(name)
            config = self._connect.config(name) if names and names.project == self._project else None
            if names is not None and config is not None:
                found[names.number] = included_tables(config)
        return found

    def topics(self) -> Mapping[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        ours = re.compile(rf"^{re.escape(self._project)}\.(\d+)\.")
        for topic in self._kafka.topics():
            match = ours.match(topic)
            if match:
                found.setdefault(int(match[1]), set()).add(topic)
        return {number: frozenset(topics) for number, topics in found.items()}

    def lost_topics(self) -> Mapping[str, str]:
        return marks.lost(self._folder)

    def served(self) -> tuple[ServedState, ...]:
        prefix = f"{self._project}_"
        names = [name for name in self._pinot.tables() if name.startswith(prefix)]
        configs = [custom_configs(self._pinot.table_config(name) or {}) for name in names]
        ours = [config for config in configs if config.get(Config.PROJECT) == self._project]
        return tuple(_served(config) for config in ours if config[Config.CAPTURE].isdigit())

    def _catalogue(self, client: SourceClient) -> Catalogue:
        found, refusals = contracts(client, self._declaration)
        if refusals:
            raise HeadraceErrors([refused(self._declaration, refusal) for refusal in refusals])
        tables = read_tables(client, [contract.table for contract in found])
        sizes_bytes = {name: table.size_bytes for name, table in tables.items()}
        presents = self._declaration.dashboard is not None
        return Catalogue(tuple(found), sizes_bytes, self._views(found), presents)

    def _views(self, tables: Sequence[TableContract]) -> tuple[ViewContract, ...]:
        if not self._declaration.views:
            return ()
        from headrace.hops.transform.views import compile_views  # brings a whole SQL parser with it

        return tuple(view.declared for view in compile_views(self._declaration, tables).required())


def _number(prefix: str, name: str) -> int | None:
    """The capture number of a slot or publication, None for a name of another project."""
    text = name.removeprefix(prefix)
    return int(text) if text.isdigit() else None


def _served(config: Mapping[str, str]) -> ServedState:
    try:
        contract = TableContract.from_json(config.get(Config.CONTRACT, ""))
    except ValueError:
        contract = None
    return ServedState(
        table=TableName.parse(config[Config.TABLE]),
        served_name=config[Config.NAME],
        capture=int(config[Config.CAPTURE]),
        status=Status(config[Config.STATUS]),
        contract=contract,
    )
