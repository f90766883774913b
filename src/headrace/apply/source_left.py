"""What `down` leaves behind on somebody's own PostgreSQL: slots that keep WAL while nothing reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.errors import HeadraceError


@dataclass(frozen=True)
class SlotLeft:
    """A slot of the project on a server that is not ours."""

    name: str
    retained_bytes: int
    host: str
    limit_bytes: int | None


def slots_left(directory: Path) -> list[SlotLeft]:
    """The project's slots on somebody's own server; none where the source is the embedded one.

    Raises:
        HeadraceError: the declaration cannot be read, or the server does not answer.
    """
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.request import read_request

    folder = ProjectFolder.of(directory)
    if not folder.request_file.exists() or read_request(folder).embedded_source:
        return []
    from headrace.engines.runtime import source_address
    from headrace.hops.source.client import SourceClient
    from headrace.hops.source.probe import project_slots, wal_limit_bytes
    from headrace.spec import load

    declaration = load.load(load.in_directory(directory))
    address = source_address(declaration, folder)
    with SourceClient.connect(address) as client:
        limit_bytes = wal_limit_bytes(client)
        return [
            SlotLeft(slot.name, slot.retained_bytes, address.host, limit_bytes)
            for slot in project_slots(client, declaration.project)
        ]


def refuse_purge(directory: Path) -> None:
    """Purging would forget what is on the server, where it would then keep WAL for ever.

    Raises:
        HeadraceError: `slots-left` or `source-not-asked`.
    """
    try:
        left = slots_left(directory)
    except HeadraceError as error:
        raise HeadraceError(
            "source-not-asked",
            "it is not known whether slots of this project are left on the source",
            cause=": ".join(part for part in (error.summary, error.cause) if part),
            hint="mend that, or add --leave-source and drop slots and publications by hand",
        ) from error
    if left:
        raise HeadraceError(
            "slots-left",
            f"{', '.join(slot.name for slot in left)} on {left[0].host} would keep WAL for ever",
            hint="run `headrace up` and `headrace destroy` first, or add --leave-source",
        )
