"""What this Connect cluster and its Debezium can do; versions are looked at here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.render import (
    CONNECTOR_CLASS,
    EXACT_CONNECTOR_CLASS,
    ROW_GUARD_CLASS,
    STOCK_CONVERTER_CLASS,
    STRUCT_CONVERTER_CLASS,
    TRUNCATE_PARTITIONS,
)

OLDEST_DEBEZIUM = (3, 7)
OLDEST_CONNECT = (3, 7)


@dataclass(frozen=True)
class CaptureCapability:
    """What was found, all of it good enough.

    Attributes:
        debezium: the connector's version, `3.7.0.Final`.
        connect: the worker's version, `4.3.1`.
        row_guard: the worker has headrace's transformation: columns can be masked, large rows set aside.
        exact: the worker has headrace's connector, which loses no part of a change when it is killed.
        every_partition: that connector sends a TRUNCATE to every partition; an older one ignores the setting.
        struct_converter: the worker has headrace's converter, which writes what the stock one does, faster.
    """

    debezium: str
    connect: str
    row_guard: bool
    exact: bool
    every_partition: bool
    struct_converter: bool

    @property
    def connector_class(self) -> str:
        """What a connector should be made of here."""
        return EXACT_CONNECTOR_CLASS if self.exact else CONNECTOR_CLASS

    @property
    def converter_class(self) -> str:
        """What its keys and values should be written by here."""
        return STRUCT_CONVERTER_CLASS if self.struct_converter else STOCK_CONVERTER_CLASS


def capability(client: ConnectClient) -> CaptureCapability:
    """Look and judge.

    Raises:
        HeadraceError: `debezium-missing`, `debezium-unsafe`, `connect-too-old`, `connect-unreachable`.
    """
    plugins = client.plugins()
    connect = str(client.worker().get("version", ""))
    there = {plugin["class"] for plugin in plugins}
    debezium = next(
        (p.get("version") or "" for p in plugins if p["class"] in (CONNECTOR_CLASS, EXACT_CONNECTOR_CLASS)),
        None,
    )
    if debezium is None:
        raise HeadraceError(
            "debezium-missing",
            "this Kafka Connect has no Debezium connector for PostgreSQL",
            cause=f"{CONNECTOR_CLASS} is not among its plugins",
            hint="unpack debezium-connector-postgres 3.7 into a folder of the worker's plugin.path",
        )
    if _numbers(debezium) < OLDEST_DEBEZIUM or re.search(r"(?i)alpha|beta|snapshot", debezium):
        raise HeadraceError(
            "debezium-unsafe",
            f"Debezium {debezium} loses rows",
            cause=(
                "before 3.7 a restart in the middle of a COPY skips rows that share a log position"
                " (dbz#1554), and a restart among interleaved transactions skips earlier rows (dbz#76)"
            ),
            hint="install debezium-connector-postgres 3.7.0.Final or newer",
        )
    if _numbers(connect) < OLDEST_CONNECT:
        raise HeadraceError(
            "connect-too-old",
            f"Kafka Connect {connect} cannot create a connector that waits",
            cause="initial_state (KIP-980) came with 3.7; without it a first snapshot cannot be proven",
            hint="use workers of version 3.7 or newer",
        )
    exact = EXACT_CONNECTOR_CLASS in there
    return CaptureCapability(
        debezium,
        connect,
        row_guard=ROW_GUARD_CLASS in there,
        exact=exact,
        every_partition=exact and TRUNCATE_PARTITIONS in client.properties(EXACT_CONNECTOR_CLASS),
        struct_converter=STRUCT_CONVERTER_CLASS in there,
    )


def _numbers(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
