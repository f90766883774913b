"""The process of a container until the engine takes its place.

Promise: the definition that runs natively is prepared in the container's volume and then executed in this
process' stead, with the environment freed of secrets, so that signals, exit codes and the console are the
engine's own. Whatever is wrong before that ends the container with one error on its log.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from headrace.engines import secret_files, stack
from headrace.engines.address_book import AddressBook
from headrace.engines.compose import env_values, volume
from headrace.engines.compose.roles import (
    MASK_KEY,
    ROLES,
    SOURCE_CA,
    SOURCE_PASSWORD,
    SUPERSET_KEY,
    SUPERSET_PASSWORD,
    book,
)
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.probe import listens
from headrace.engines.service import Service
from headrace.errors import HeadraceError, Where

Tell = Callable[[str], None]

DEPENDENCY_PATIENCE_S = 300.0
_POLL_S = 0.5
_SAID_EVERY_S = 15.0


@dataclass(frozen=True)
class Container:
    """What a container is told.

    Attributes:
        role: the engine.
        project: its name, which is also that of the embedded database.
        directory: the folder that holds `.headrace`: the volume.
        heap_mb: None for the engine's default.
        kafka_outside: where clients on the host find the broker.
        patience_s: how long engines it depends on are waited for.
    """

    role: str
    project: str
    directory: Path
    heap_mb: int | None = None
    kafka_outside: str | None = None
    patience_s: float = DEPENDENCY_PATIENCE_S


def become(container: Container, environment: Mapping[str, str], tell: Tell) -> NoReturn:
    """Prepare the engine, wait for those it depends on, and be it.

    Args:
        container: what it is told.
        environment: of this process; what is secret in it goes into files of mode 600.
        tell: takes lines for the container's log.

    Raises:
        HeadraceError: `secret-missing`, `volume-not-writable`, `volume-of-another-engine`,
            `volume-of-another-version`, `folder-of-another-project`, `dependency-absent`, whatever the
            definition finds missing.
    """
    folder = _own_volume(container)
    keep_secrets(container.role, folder, environment)
    addresses = book(container.kafka_outside)
    service = _definition(container, folder, addresses)
    for name in service.depends_on:
        _wait_for(name, addresses, container.patience_s, tell)
    tell(f"starting {service.name}")
    service.prepare()
    os.chdir(service.log.parent)
    kept = {name: value for name, value in environment.items() if name not in _SECRETS}
    # The definition's own command, without a shell.
    os.execve(service.command[0], service.command, {**kept, **service.environment})  # noqa: S606


def keep_secrets(role: str, folder: ProjectFolder, environment: Mapping[str, str]) -> None:
    """Write what an engine must know into files where its definition looks for it.

    Raises:
        HeadraceError: `secret-missing`, with the variable's name.
    """
    missing = [name for name in ROLES[role].secrets if not environment.get(name)]
    if missing:
        raise HeadraceError(
            "secret-missing",
            f"{missing[0]} is not set",
            cause=f"{role} needs it, and there is no default",
            hint="`headrace compose env` writes a file with all of them; pass it with --env-file",
        )
    given = {
        name: env_values.decoded(environment[name])
        for name in (*ROLES[role].secrets, *ROLES[role].optional_secrets)
        if environment.get(name)
    }
    if SOURCE_PASSWORD in given:
        secret_files.keep(folder, secret_files.PASSWORD, given[SOURCE_PASSWORD])
        secret_files.write_password_file(folder, given[SOURCE_PASSWORD])
    if MASK_KEY in given:
        secret_files.keep(folder, secret_files.MASK_KEY, f"mask_key={given[MASK_KEY]}\n")
    if SOURCE_CA in given:
        secret_files.keep(folder, secret_files.SOURCE_CA, given[SOURCE_CA])
    if SUPERSET_PASSWORD in given:
        secret_files.keep(folder, secret_files.SUPERSET_PASSWORD, given[SUPERSET_PASSWORD])
    if SUPERSET_KEY in given:
        secret_files.keep(folder, secret_files.SUPERSET_KEY, given[SUPERSET_KEY])


_SECRETS = frozenset(name for role in ROLES.values() for name in (*role.secrets, *role.optional_secrets))


def _own_volume(container: Container) -> ProjectFolder:
    folder = ProjectFolder.of(container.directory)
    try:
        folder.create(container.project)
        volume.claim(folder, container.role)
    except OSError as error:
        raise HeadraceError(
            "volume-not-writable",
            f"{container.directory} cannot be written to",
            cause=error.strerror,
            hint="mount a volume there that belongs to the image's user (see the Dockerfile)",
            where=Where(file=str(container.directory)),
        ) from error
    return folder


def _definition(container: Container, folder: ProjectFolder, addresses: AddressBook) -> Service:
    heap_mb = container.heap_mb or stack.DEFAULT_HEAPS_MB.get(container.role, 0)
    return stack.engine(container.role, container.project, folder, addresses, Installation.load(), heap_mb)


def _wait_for(name: str, addresses: AddressBook, patience_s: float, tell: Tell) -> None:
    """Until something listens there: the engine itself copes with one that has only just begun."""
    began = time.monotonic()
    said = -_SAID_EVERY_S
    while not listens(addresses.ports[name], addresses.host(name)):
        waited_s = time.monotonic() - began
        if waited_s > patience_s:
            raise HeadraceError(
                "dependency-absent",
                f"{name} did not answer within {patience_s:.0f} s",
                cause=_why(name, addresses),
                hint=f"start it too: add the file that has the service {name}, and look at its log",
            )
        if waited_s - said >= _SAID_EVERY_S:
            said = waited_s
            tell(f"waiting for {addresses.address(name)} ({_why(name, addresses)})")
        time.sleep(_POLL_S)


def _why(name: str, addresses: AddressBook) -> str:
    try:
        socket.getaddrinfo(addresses.host(name), addresses.ports[name])
    except OSError:
        return f"there is no service called {name} in this network"
    return f"nothing listens at {addresses.address(name)}"
