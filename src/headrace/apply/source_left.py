"""What `down` leaves behind on somebody's own PostgreSQL: slots that keep WAL while nothing reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.observe.slots import SlotWal


@dataclass(frozen=True)
class SlotsLeft:
    """The slots of a project on a server that is not ours.

    Attributes:
        host: the server's; empty where the source is the embedded one.
    """

    host: str = ""
    slots: tuple[SlotWal, ...] = ()


def slots_left(directory: Path) -> SlotsLeft:
    """The project's slots on somebody's own server; none where the source is the embedded one.

    Raises:
        HeadraceError: the declaration cannot be read, or the server does not answer.
    """
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.request import read_request

    folder = ProjectFolder.of(directory)
    if not folder.request_file.exists() or read_request(folder).embedded_source:
        return SlotsLeft()
    from headrace.engines.runtime import source_address
    from headrace.hops.source.client import SourceClient
    from headrace.observe.slots import slot_wal
    from headrace.spec import load

    declaration = load.load(load.in_directory(directory))
    address = source_address(declaration, folder)
    with SourceClient.connect(address) as client:
        return SlotsLeft(address.host, slot_wal(client, declaration.project))


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
    if left.slots:
        raise HeadraceError(
            "slots-left",
            f"{', '.join(slot.name for slot in left.slots)} on {left.host} would keep WAL for ever",
            hint="run `headrace up --no-apply` and `headrace destroy` first, or add --leave-source",
        )
