"""The served table: one Pinot schema and one REALTIME table, managed as a single thing.

Promise: `read` has no effect; `apply` creates, repairs or alters in place and leaves `read() == desired`;
what cannot be altered in place (columns, key, topic, partitions: the contract's shape) is refused, because it
needs a new generation. `delete` returns when the segments are gone; the name must not be used again, see
`delete_table`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from headrace.contract import TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.serve import render
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Config, Placement, Status
from headrace.names import GenerationNames
from headrace.plan.resource import Document

DELETE_TIMEOUT_S = 60.0
CONSUMING_TIMEOUT_S = 60.0
POLL_S = 0.1

_INDEX_KEYS = ("invertedIndexColumns", "rangeIndexColumns", "bloomFilterColumns", "jsonIndexColumns")


RELOAD_ATTEMPTS = 20
RELOAD_PAUSE_S = 0.5


@dataclass(frozen=True)
class ServedTable:
    """One generation of a served table in Pinot.

    Attributes:
        client: the cluster.
        contract: the shape.
        names: the capture, or the generation of a view, it belongs to.
        place: brokers and replicas.
        status: what readers may do with it.
    """

    client: PinotClient
    contract: TableContract
    names: GenerationNames
    place: Placement
    status: Status = Status.BUILDING

    @property
    def name(self) -> str:
        """The physical table."""
        return self.names.pinot_table(self.contract.served_name)

    @property
    def address(self) -> str:
        return f"pinot:{self.name}"

    @property
    def desired(self) -> Document:
        return {
            "schema": render.schema(self.contract, self.names),
            "table": render.table(self.contract, self.names, self.place, self.status),
        }

    def read(self) -> Document | None:
        """Schema and table reduced to what we manage; an index added by hand shows as a difference."""
        config = self.client.table_config(self.name)
        if config is None:
            return None
        desired = self.desired
        wanted = cast("dict[str, object]", desired["table"])
        table = cast("dict[str, object]", _reduced(config, wanted))
        indexing = cast("dict[str, object]", config.get("tableIndexConfig") or {})
        kept = cast("dict[str, object]", table.get("tableIndexConfig") or {})
        kept.update({key: indexing[key] for key in _INDEX_KEYS if indexing.get(key)})
        schema = self.client.schema(self.name)
        return {"schema": _reduced(schema, desired["schema"]) if schema else None, "table": table}

    def apply(self) -> None:
        found = self.client.table_config(self.name)
        desired = self.desired
        if found is None:
            self.client.put_schema(cast(Document, desired["schema"]))
            self.client.create_table(cast(Document, desired["table"]))
            return
        self._refuse_other_shape(found)
        current = self.read()
        if current is None or current == desired:
            return
        if current["schema"] != desired["schema"]:
            self.client.put_schema(cast(Document, desired["schema"]))
        if current["table"] != desired["table"]:
            self._update(current, desired)

    def set_status(self, status: Status) -> None:
        """Mark the table building, live or retired, and nothing else; a no-op when it is so already."""
        config = self.client.table_config(self.name)
        if config is None:
            raise HeadraceError(
                "served-table-missing",
                f"the Pinot table {self.name} does not exist",
                hint="`headrace plan` shows what is missing, `headrace apply` makes it",
                where=Where(address=self.address),
            )
        metadata = cast("dict[str, object]", config.setdefault("metadata", {}))
        custom = cast("dict[str, str]", metadata.setdefault("customConfigs", {}))
        if custom.get(Config.STATUS) != status.value:
            custom[Config.STATUS] = status.value
            self.client.update_table(self.name, config)

    def delete(self) -> None:
        delete_table(self.client, self.name)

    def _update(self, current: Document, desired: Document) -> None:
        table = cast("dict[str, object]", desired["table"])
        self.client.update_table(self.name, table)
        if _indexes(cast("dict[str, object]", current["table"])) != _indexes(table):
            self._reload()

    def _reload(self) -> None:
        """Right after its creation a table has nobody to take the message, and Pinot answers 500."""
        for attempt in range(RELOAD_ATTEMPTS):
            try:
                self.client.reload(self.name)
            except HeadraceError as error:
                if error.code != "pinot-refused" or attempt == RELOAD_ATTEMPTS - 1:
                    raise
                time.sleep(RELOAD_PAUSE_S)
            else:
                return

    def _refuse_other_shape(self, found: Mapping[str, object]) -> None:
        """A table whose contract differs in shape must not be bent: its rows were decoded by the old one."""
        there = custom_configs(found).get(Config.CONTRACT)
        if there is None:
            return
        try:
            shape = TableContract.from_json(there).shape
        except ValueError:
            return
        if shape != self.contract.shape:
            raise HeadraceError(
                "served-table-shape",
                f"the Pinot table {self.name} was built for another shape of {self.contract.table}",
                cause=f"shape {shape}, wanted {self.contract.shape}",
                hint="it needs a new generation: `headrace plan` proposes it",
                where=Where(address=self.address),
            )


def delete_table(client: PinotClient, name: str, *, timeout_s: float = DELETE_TIMEOUT_S) -> None:
    """Delete table and schema by name and wait until the servers have let go of the segments.

    Idempotent, and right after a half-finished delete too. A table made under the same name may never be
    consumed: each second for up to twenty minutes Pinot 0.11.0's server looks whether the deleted table is
    gone, and if it looks while the new one is not reported yet, it stops that one
    (`HelixInstanceDataManager.deleteTable`). Raises `pinot-delete-timeout`.
    """
    client.delete_table(name)
    deadline = time.monotonic() + timeout_s
    while client.external_view(name) or client.ideal_state(name):
        if time.monotonic() > deadline:
            raise HeadraceError(
                "pinot-delete-timeout",
                f"Pinot still holds segments of {name} after {timeout_s:.0f} s",
                hint="look for errors in `headrace logs pinot`, then run the command again",
                where=Where(address=f"pinot:{name}"),
            )
        time.sleep(POLL_S)
    client.delete_schema(name)


def wait_until_consuming(client: PinotClient, name: str, *, timeout_s: float = CONSUMING_TIMEOUT_S) -> None:
    """Return once every partition has a consuming segment that the broker can reach.

    Raises `pinot-not-consuming` with the state that was last seen.
    """
    deadline = time.monotonic() + timeout_s
    state = "no segment yet"
    while time.monotonic() < deadline:
        wanted, seen = client.ideal_state(name), client.external_view(name)
        missing = [segment for segment in wanted if wanted[segment] != seen.get(segment)]
        consuming = [segment for segment in seen if "CONSUMING" in seen[segment].values()]
        if wanted and not missing and consuming:
            return
        state = f"{len(missing)} of {len(wanted)} segments not in their wanted state" if wanted else state
        time.sleep(POLL_S)
    raise HeadraceError(
        "pinot-not-consuming",
        f"the Pinot table {name} does not consume after {timeout_s:.0f} s",
        cause=state,
        hint="look for errors in `headrace logs pinot`",
        where=Where(address=f"pinot:{name}"),
    )


def custom_configs(config: Mapping[str, object]) -> dict[str, str]:
    """`metadata.customConfigs` of a table config, empty when there are none."""
    metadata = cast("dict[str, object]", config.get("metadata") or {})
    return cast("dict[str, str]", metadata.get("customConfigs") or {})


def _indexes(table: Mapping[str, object]) -> dict[str, object]:
    indexing = cast("dict[str, object]", table["tableIndexConfig"])
    return {key: indexing.get(key) for key in _INDEX_KEYS} | {"fields": table.get("fieldConfigList")}


def _reduced(found: object, wanted: object) -> object:
    """`found` without what the server added by itself: keys that `wanted` does not speak of.

    Maps whose every key is ours (stream properties, custom configs) keep strangers: a property added by hand
    is drift. Lists are taken whole, their maps reduced one by one where both sides name the same thing.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        left = cast("dict[str, object]", found)
        right = cast("dict[str, object]", wanted)
        whole = _is_text_map(right)
        return {key: _reduced(value, right.get(key)) for key, value in left.items() if key in right or whole}
    if isinstance(found, list) and isinstance(wanted, list):
        by_name = {str(_name_of(item)): item for item in cast("list[object]", wanted)}
        return [_reduced(item, by_name.get(str(_name_of(item)))) for item in cast("list[object]", found)]
    return cast(object, found)


def _is_text_map(value: Mapping[str, object]) -> bool:
    return len(value) > 4 and all(isinstance(item, str) for item in value.values())


def _name_of(item: object) -> object:
    return cast("dict[str, object]", item).get("name") if isinstance(item, dict) else item
