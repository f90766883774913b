"""What the supervisor looks at on behalf of the hops: failed connectors, slots' WAL, catalogue, logs.

Each function takes the project directory and returns watchers; the supervisor knows them by name only
(`headrace.engines.runtime.WATCHERS`). They raise while engines are not reachable, which is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from headrace.contract import TableContract
from headrace.endpoints import Endpoints
from headrace.engines import runtime
from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.errors import HeadraceError, Where
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.watch import ConnectWatcher, Report
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation
from headrace.hops.source.client import SourceClient
from headrace.hops.source.probe import SLOT_LOST, WalGuard, project_slots
from headrace.hops.source.watch import CatalogueWatch, Finding, TableLook
from headrace.hops.topic.client import KafkaClient
from headrace.names import TableName
from headrace.observe.log_watch import LogWatch
from headrace.observe.served_tables import ServedTables
from headrace.observe.watch import SOURCE_CHANGED, Alert, Severity, Watcher
from headrace.spec import load
from headrace.spec.model import Declaration

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_S = 20.0


def connectors(directory: Path) -> list[Watcher]:
    """Restarts failed connectors."""
    declaration, endpoints = _open(directory)
    client = ConnectClient(endpoints.connect_url, timeout_s=CONNECT_TIMEOUT_S)
    return [ConnectorRestart(ConnectWatcher(client, declaration.project))]


def wal(directory: Path) -> list[Watcher]:
    """Tells when a slot keeps too much WAL or loses it."""
    declaration, endpoints = _open(directory)
    return [WalGuard(endpoints.source, declaration.project)]


def catalogue(directory: Path) -> list[Watcher]:
    """Tells when the source's tables are not any more what the served ones were built from."""
    declaration, endpoints = _open(directory)
    pinot = PinotClient(endpoints.pinot_controller_url, endpoints.pinot_broker_url)
    return [CatalogueChange(endpoints, pinot, declaration.project, remembered_file(directory))]


def logs(directory: Path) -> list[Watcher]:
    """Tells when the log of something served lost records."""
    declaration, endpoints = _open(directory)
    pinot = PinotClient(endpoints.pinot_controller_url, endpoints.pinot_broker_url)
    kafka = KafkaClient(endpoints.kafka_bootstrap)
    return [LogWatch(pinot, kafka, declaration.project, ProjectFolder.of(directory).root)]


def _open(directory: Path) -> tuple[Declaration, Endpoints]:
    declaration = load.load(load.in_directory(directory))
    return declaration, runtime.endpoints(declaration, directory)


class ConnectorRestart:
    """The watcher over connectors: restarts what has failed, and says so as long as it has."""

    name = "connectors"
    interval_s = 1.0

    def __init__(self, connectors: ConnectWatcher) -> None:
        self._connectors = connectors

    def check(self) -> list[Alert]:
        return [_failed(report) for report in self._connectors.look()]


def _failed(report: Report) -> Alert:
    failure = report.failure
    return Alert(
        failure.code,
        f"{report.connector}: {failure.summary} ({failure.cause})",
        Severity.WARNING if failure.restart and report.attempts <= 3 else Severity.CRITICAL,
        failure.hint,
        f"connector:{report.connector}",
    )


@dataclass(frozen=True)
class Remembered:
    """A table as it was when all was well, for the capture that carries it."""

    table: TableName
    publication: str
    look: TableLook | None


_FILE = TypeAdapter(list[Remembered])


class CatalogueChange:
    """The watcher over the source's catalogue.

    Promise: a change of a served table is told within two intervals, also one made while nothing ran: what
    the tables looked like is kept in a file. It is told until the table is built anew. A slot of a served
    table that is not there is told too, and for as long even if the connector makes another one by that name:
    what lay between the two is lost.
    """

    name = "catalogue"
    interval_s = 2.0

    def __init__(self, endpoints: Endpoints, pinot: PinotClient, project: str, remembered: Path) -> None:
        self._endpoints = endpoints
        self._project = project
        self._path = remembered
        self._remembered = read_remembered(remembered)
        self._source: SourceClient | None = None
        self._dropped: set[str] = set()
        self._served = ServedTables(pinot, project)

    def check(self) -> list[Alert]:
        # Before what is served: the slot of a table that was switched away in between is rightly gone.
        slots = self._ask(lambda client: {slot.name for slot in project_slots(client, self._project)})
        served = self._served.look().live().values()
        live = [generation.capture for generation in served]
        contracts = _contracts(served)
        carried = {contract.table: name for name, group in contracts.items() for contract in group}
        baseline = {
            one.table: one.look for one in self._remembered if carried.get(one.table) == one.publication
        }
        watch = CatalogueWatch(contracts, baseline)
        findings = self._ask(watch.findings)
        needed = {names.slot for names in live}
        self._dropped = (self._dropped & needed) | (needed - slots)
        now = [
            Remembered(table, carried[table], look)
            for table, look in sorted(watch.baseline.items())
            if table in carried
        ]
        if now != self._remembered:
            write_atomically(self._path, _FILE.dump_json(now).decode(), mode=0o600)
            self._remembered = now
        return [changed(finding) for finding in findings] + [dropped(slot) for slot in sorted(self._dropped)]

    def _ask(self, question: Callable[[SourceClient], Answer]) -> Answer:
        try:
            if self._source is None:
                self._source = SourceClient.connect(self._endpoints.source)
            return question(self._source)
        except Exception:
            if self._source is not None:
                self._source.close()
            self._source = None
            raise


def remembered_file(directory: Path) -> Path:
    """Where the watcher over the catalogue keeps what it remembers."""
    return ProjectFolder.of(directory).root / "catalogue.json"


def _contracts(served: Iterable[Generation]) -> Mapping[str, Sequence[TableContract]]:
    """The tables among what is served, by their publication."""
    grouped: dict[str, list[TableContract]] = {}
    for generation in served:
        if not generation.is_view:
            grouped.setdefault(generation.capture.publication, []).append(generation.contract)
    return grouped


def read_remembered(path: Path) -> list[Remembered]:
    """What it remembers; nothing where there is no file yet.

    Raises:
        HeadraceError: `catalogue-unreadable`: a change made meanwhile must not be forgotten.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise HeadraceError(
            "catalogue-unreadable",
            "what the source's tables looked like cannot be read",
            cause=str(error) if isinstance(error, OSError) else "it was written by something else",
            hint="restore the file; or remove it and run `headrace resync --all`",
            where=Where(file=str(path)),
        ) from error


def changed(finding: Finding) -> Alert:
    """What is said of a table that is not any more what its generation was built from."""
    return Alert(
        f"{SOURCE_CHANGED}{finding.change}",
        f"{finding.table} has changed: {finding.change} ({finding.detail})",
        Severity.CRITICAL,
        f"`headrace plan` shows what to do; `headrace resync {finding.table}` builds it anew",
        f"table:{finding.table}",
    )


def dropped(slot: str) -> Alert:
    """What is said of a slot that is gone although a served table needs it."""
    return Alert(
        SLOT_LOST,
        f"the slot {slot} was dropped: what was written behind its last change is not in Pinot",
        Severity.CRITICAL,
        "`headrace apply` builds its tables anew",
        f"slot:{slot}",
    )
