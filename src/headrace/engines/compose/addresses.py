"""Where engines in containers are: as the host reaches them, and as they reach each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from headrace.endpoints import Endpoints, SourceAddress
from headrace.engines import secret_files, stack
from headrace.engines.compose.roles import DATA, PORTS
from headrace.engines.folder import ProjectFolder

HOST = "host.docker.internal"
"""By this name a container reaches the machine that runs it."""

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def endpoints(
    project: str, folder: ProjectFolder, ports: Mapping[str, int], source: SourceAddress | None = None
) -> Endpoints:
    """As `stack.endpoints`, for the published ports of containers."""
    outside = stack.endpoints(project, folder.directory, ports, source)
    inside = dataclasses.replace(
        outside,
        source=_inside(outside.source, embedded=source is None),
        kafka_bootstrap=f"kafka:{PORTS['kafka']}",
        connect_url=f"http://connect:{PORTS['connect']}",
        pinot_controller_url=f"http://pinot:{PORTS['pinot_controller']}",
        pinot_broker_url=f"http://pinot:{PORTS['pinot_broker']}",
        spark_url=outside.spark_url and f"http://spark:{PORTS['spark']}",
        superset_url=outside.superset_url and f"http://superset:{PORTS['superset']}",
    )
    return dataclasses.replace(outside, inside=inside)


def _inside(source: SourceAddress, *, embedded: bool) -> SourceAddress:
    secrets = ProjectFolder(DATA).root / "secrets"
    at = {"host": "postgres", "port": PORTS["postgres"]} if embedded else {}
    if not embedded and source.host in _LOOPBACK_NAMES:
        at = {"host": HOST}
    return dataclasses.replace(
        source,
        password_file=secrets / secret_files.PROPERTIES,
        sslrootcert=source.sslrootcert and str(secrets / secret_files.SOURCE_CA),
        **at,
    )
