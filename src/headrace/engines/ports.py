"""Loopback ports: picked once for a project, written down, kept from then on.

Clients, connector and table configurations name these ports, so they stay the same across restarts, and two
projects never get the same one: what every project has is registered in `HEADRACE_HOME/ports.json`.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import TypeAdapter, ValidationError

from headrace.engines.folder import ProjectFolder, exclusive, write_atomically
from headrace.errors import HeadraceError

LOOPBACK = "127.0.0.1"
# Below the range the kernel takes outgoing connections' ports from, so none of those can be in the way.
_FIRST, _LAST = 20_000, 29_999

_PORTS = TypeAdapter(dict[str, int])
_REGISTRY = TypeAdapter(dict[int, str])


@dataclass(frozen=True)
class Moved:
    """A recorded port that was given up, because something that is not ours has it now."""

    name: str
    old: int
    new: int
    holder: str

    def __str__(self) -> str:
        return f"port {self.old} of {self.name} is taken by {self.holder}; {self.new} is used instead"


@dataclass(frozen=True)
class Allocation:
    """The ports of a project, and which of them are not what they were."""

    ports: Mapping[str, int]
    moved: tuple[Moved, ...] = ()


def allocate(
    folder: ProjectFolder,
    names: Collection[str],
    home: Path,
    *,
    in_use: Collection[int] = (),
    fixed: Mapping[str, int] | None = None,
) -> Allocation:
    """Give every name a free port, the one it had before where possible, and write them down.

    Idempotent. While something of ours runs, recorded ports are not moved: the others rely on them.

    Args:
        names: what needs a port.
        home: the folder that all projects share.
        in_use: ports that processes of this project hold now; empty when none runs.
        fixed: ports the declaration asks for.

    Raises:
        HeadraceError: `port-taken` when a recorded port is held by a foreign process while engines of ours
            run, or one the declaration asks for is held; `no-free-port` when none is left.
    """
    home.mkdir(parents=True, exist_ok=True)
    with exclusive(home / "ports.lock", timeout_s=30.0) as held:
        if not held:
            raise HeadraceError(
                "ports-locked",
                "the register of ports is locked by another process",
                cause=str(home / "ports.lock"),
                hint="wait for the other `headrace up` to end",
            )
        registry = _read_registry(home)
        foreign = {port for port, owner in registry.items() if owner != str(folder.directory)}
        allocation = _choose(folder, names, foreign, set(in_use), fixed or {})
        folder.run.mkdir(parents=True, exist_ok=True)
        write_atomically(folder.ports_file, _PORTS.dump_json(dict(allocation.ports), indent=1).decode())
        others = {port: owner for port, owner in registry.items() if port in foreign}
        own = dict.fromkeys(allocation.ports.values(), str(folder.directory))
        write_atomically(home / "ports.json", _REGISTRY.dump_json({**others, **own}, indent=1).decode())
        return allocation


def _choose(
    folder: ProjectFolder,
    names: Collection[str],
    foreign: set[int],
    in_use: set[int],
    fixed: Mapping[str, int],
) -> Allocation:
    recorded = read_ports(folder)
    candidates = _candidates(folder, foreign | set(recorded.values()) | set(fixed.values()))
    ports: dict[str, int] = {}
    moved: list[Moved] = []
    for name in names:
        port = fixed.get(name, recorded.get(name))
        if recorded.get(name) in in_use:
            port = recorded[name]  # its engine runs: another port is for after a `down`
        # Somebody else's project may be down: its ports are free to bind, but still its own.
        if port is not None and (port in in_use or (port not in foreign and is_free(port))):
            ports[name] = port
            continue
        if port is not None and (in_use or name in fixed):
            raise _taken(name, port, foreign, in_declaration=name in fixed)
        ports[name] = next(candidates)
        if port is not None:
            moved.append(Moved(name, port, ports[name], _holder(port, foreign)))
    return Allocation(ports, tuple(moved))


def read_ports(folder: ProjectFolder) -> dict[str, int]:
    """The recorded ports by name; empty before the first `up`."""
    try:
        return _PORTS.validate_json(folder.ports_file.read_bytes())
    except (OSError, ValidationError):
        return {}


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that are only waiting to be forgotten are not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Who listens on the port, as far as we may see it: `pid 4711 (nginx)`."""
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return "a process we may not see"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            try:
                return f"pid {connection.pid} ({psutil.Process(connection.pid).name()})"
            except (psutil.Error, TypeError, ValueError):
                break
    return "a process we may not see"


def _holder(port: int, foreign: set[int]) -> str:
    return "another project" if port in foreign and is_free(port) else holder(port)


def _taken(name: str, port: int, foreign: set[int], *, in_declaration: bool) -> HeadraceError:
    cause = "other engines of this project are running and rely on that port"
    hint = "stop that process, or run `headrace down` and `headrace up` to get another port"
    if in_declaration:
        cause, hint = "headrace.yaml asks for that port", "stop that process or change engines.ports"
    return HeadraceError(
        "port-taken",
        f"port {port} of {name} is taken by {_holder(port, foreign)}",
        cause=cause,
        hint=hint,
    )


def _candidates(folder: ProjectFolder, avoided: Collection[int]) -> Iterator[int]:
    """Free ports, from a place of the project's own: a project made again mostly gets its old ones."""
    count = _LAST - _FIRST + 1
    start = zlib.crc32(str(folder.directory).encode()) % count
    for step in range(count):
        port = _FIRST + (start + step) % count
        if port not in avoided and is_free(port):
            yield port
    raise HeadraceError(
        "no-free-port",
        f"no port from {_FIRST} to {_LAST} is free",
        hint="stop what listens there, or take other projects down with `headrace down --purge`",
    )


def _read_registry(home: Path) -> dict[int, str]:
    """Port to project directory, without entries of projects that are gone or have given the port up."""
    try:
        registry = _REGISTRY.validate_json((home / "ports.json").read_bytes())
    except (OSError, ValidationError):
        return {}
    return {
        port: owner
        for port, owner in registry.items()
        if port in read_ports(ProjectFolder(Path(owner))).values()
    }
