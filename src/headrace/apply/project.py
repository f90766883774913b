"""A project opened for work: what the commands and `import headrace` share.

Promise: opening one connects to nothing; each method opens what it needs. `plan` and everything that only
looks writes nothing, not even into `.headrace`. `apply`, `resync`, `compact` and `destroy` hold the project's
lock, can be killed anywhere and be run again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.apply.execute import Run
from headrace.apply.lock import project_lock
from headrace.apply.progress import Progress, silent
from headrace.apply.state import StateStore
from headrace.apply.systems import Catalogue
from headrace.apply.world import survey
from headrace.contract import TableContract
from headrace.endpoints import Endpoints
from headrace.engines.folder import ProjectFolder
from headrace.errors import HeadraceError
from headrace.names import TableName
from headrace.plan.model import Plan
from headrace.spec.model import Declaration

if TYPE_CHECKING:
    from headrace.apply.audits import Audits
    from headrace.apply.overview import Overview
    from headrace.apply.real import Connections
    from headrace.apply.stored import StoredRows
    from headrace.apply.topics import TopicMessages
    from headrace.engines.lifecycle import Progress as EngineProgress
    from headrace.engines.status import ProjectStatus
    from headrace.engines.stop_project import Stopped
    from headrace.feed.load import LoadOptions, LoadReport
    from headrace.hops.serve.probe import Reject
    from headrace.hops.serve.query import QueryResult
    from headrace.observe.readers import Consumers
    from headrace.observe.topics import Topics
    from headrace.observe.trace import Trace
    from headrace.verify.audit import Say
    from headrace.verify.verdict import TableVerdict

NOTHING_DECLARED = Catalogue(())


@dataclass(frozen=True)
class Project:
    """One headrace.yaml and the engines it is carried by.

    Attributes:
        directory: the folder of headrace.yaml.
        declaration: what it says.
    """

    directory: Path
    declaration: Declaration

    @property
    def name(self) -> str:
        return self.declaration.project

    @property
    def endpoints(self) -> Endpoints:
        """Where the engines are. HeadraceError `engines-not-running` when that is not known."""
        from headrace.engines import runtime

        return runtime.endpoints(self.declaration, self.directory)

    @contextmanager
    def connections(self, *, complete: bool = False) -> Generator[Connections]:
        """Clients of every system, for the length of a block.

        Args:
            complete: refuse at once unless every engine runs.
        """
        from headrace.apply.real import Connections
        from headrace.engines import runtime

        ends = runtime.endpoints(self.declaration, self.directory, complete=complete)
        with Connections(self.declaration, ends, self._folder.root) as connections:
            yield connections

    def plan(self) -> Plan:
        """What `apply` would do now.

        Raises:
            HeadraceErrors: every reason why a declared table cannot be carried, or the system out of reach.
        """
        state = StateStore(self._folder.root, self.name).load()
        with self.connections(complete=True) as connections:
            return survey(connections.systems, state).plan

    def apply(self, expected: Mapping[str, object] | None = None, progress: Progress = silent) -> Plan:
        """Make the declaration true; returns what was planned first.

        Args:
            expected: a plan that was shown (`plan.render.as_json`); refused when it is no longer what would
                be planned.
            progress: told of every step.
        """
        with self._alone("apply"), self.connections(complete=True) as connections:
            return Run(connections.systems, self._folder.root, progress).converge(expected)

    def up(self, progress: EngineProgress | None = None) -> Endpoints:
        """Start the engines that do not run, wait until they serve; what the tables need is `apply`'s."""
        from headrace.engines import lifecycle, runtime

        return runtime.up(self.declaration, self.directory, progress or lifecycle.silent)

    def down(self, *, purge: bool = False) -> Stopped:
        """Stop the engines; their data stays, unless it is to be purged.

        Raises:
            HeadraceError: `slots-left`, `source-not-asked`: a purge would forget what is on somebody's own
                server.
        """
        from headrace.apply.source_left import refuse_purge
        from headrace.engines import runtime

        if purge:
            refuse_purge(self.directory)
        return runtime.down(self.directory, purge=purge)

    def status(self) -> ProjectStatus:
        """How the engines stand now, and what is wrong; never fails for what it finds."""
        from headrace.engines import runtime

        return runtime.status(self.directory)

    def overview(self) -> Overview:
        """How tables and slots stand; what cannot be asked is a problem in it and no failure."""
        from headrace.apply.overview import overview

        return overview(self)

    def grants(self, role: str | None = None) -> tuple[str, ...]:
        """The SQL a least-privilege role needs, `source.user` when none is named; changes nothing."""
        from headrace.apply.privileges import privileges

        return privileges(self.declaration, self.directory, role).statements

    def load_csv(self, file: Path, table: TableName, options: LoadOptions | None = None) -> LoadReport:
        """Load a CSV file, plain or gzip, into a table of the source: all of it in one transaction.

        Raises:
            HeadraceError: file and table do not fit, too many bad lines, or the server refused the rows.
        """
        from headrace.engines import runtime
        from headrace.feed.connect import connect
        from headrace.feed.load import load_csv

        with connect(runtime.source(self.declaration, self.directory)) as connection:
            return load_csv(connection, file, table, options)

    def rejects(
        self, tables: Iterable[TableName] = ()
    ) -> tuple[tuple[TableContract, tuple[Reject, ...]], ...]:
        """The rows that could not be carried exactly; of all that is served when no table is named.

        Raises:
            HeadraceError: `table-not-declared`, or `served-table-unknown` for one that is not live yet.
        """
        from headrace.hops.serve import probe
        from headrace.hops.serve.directory import look, resolve

        names = [self._served_name(table) for table in tables]
        with self.connections() as connections:
            pinot = connections.pinot
            live = [resolve(pinot, self.name, name) for name in names] or look(
                pinot, self.name
            ).live().values()
            return tuple(
                (one.contract, probe.rejects(connections.pinot, one.physical, one.contract.key))
                for one in live
            )

    def query(
        self, sql: str, *, up_to_now: bool = False, after_lsn: int | None = None, timeout_s: float = 10.0
    ) -> QueryResult:
        """Ask Pinot by the names of the declaration.

        Args:
            sql: PostgreSQL's SELECT over one served table.
            up_to_now: wait until everything committed before this call is in the answer.
            after_lsn: wait until everything committed up to this point of the WAL is in it.
            timeout_s: for the query; the wait comes on top.

        Raises:
            HeadraceError: `served-table-stands-still` when no wait would bring that; `wal-not-written` when
                PostgreSQL does not come to the point within `timeout_s`.
        """
        from headrace.apply.asking import ask

        with self.connections() as connections:
            return ask(
                connections, self.name, sql, up_to_now=up_to_now, after_lsn=after_lsn, timeout_s=timeout_s
            )

    def verify(
        self, tables: Iterable[TableName] | None = None, say: Say | None = None
    ) -> tuple[TableVerdict, ...]:
        """Compare Pinot with PostgreSQL row for row, while both go on being written.

        Args:
            tables: and views; all that are declared when absent.
            say: told how far it is.
        """
        from headrace.apply.audits import Audits
        from headrace.hops.source.client import SourceClient
        from headrace.observe.drift import DriftLook
        from headrace.verify.audit import Audit
        from headrace.verify.fence import WalFence

        wanted = self._everything() if tables is None else list(tables)
        names = [self._served_name(table) for table in wanted]
        with self.connections(complete=True) as connections:
            source = connections.endpoints.source
            with SourceClient.connect(source) as session:
                fence = WalFence(session, connections.kafka)
                drift = DriftLook(connections.pinot, self.name, self.directory)
                audits = Audits(connections, Audit(connections.pinot, source, fence, drift=drift))
                return tuple(self._verdict(connections, audits, name, say) for name in names)

    def trace(
        self, table: TableName, key: Sequence[str], *, wait_s: float | None = None, values: bool = False
    ) -> Trace:
        """Where one row is: what every hop knows of it, its position and when.

        Writes nothing but, when it must tell a gap from a delay, a message into the WAL.

        Args:
            key: a value for each column of the table's key, as PostgreSQL takes it.
            wait_s: go on until the row's last change is everywhere, so long at most.
            values: hold the row's values too.

        Raises:
            HeadraceError: `trace-key`, `trace-view`, `table-not-declared`, `served-table-unknown`.
        """
        from headrace.apply.tracing import row_path, trace_row

        served_name = self._served_name(table)
        if table.is_view:
            raise HeadraceError(
                "trace-view",
                f"{served_name} is a view: its rows have no path of their own",
                hint="trace a row of the table it reads: what became of it in its views is shown too",
            )
        with self.connections() as connections:
            path = row_path(connections, table, served_name, key, values=values)
            return trace_row(path, connections, wait_s)

    def topics(self) -> Topics:
        """The brokers and every topic of the cluster, with the table or view it belongs to."""
        from headrace.apply.topics import topics

        with self.connections() as connections:
            return topics(connections, self.declaration)

    def consumers(self) -> Consumers:
        """Everybody who reads the topics and how far they are, and the connectors that write them."""
        from headrace.apply.topics import consumers

        with self.connections() as connections:
            return consumers(connections)

    @contextmanager
    def messages(self, topic: str, key: Sequence[str] = ()) -> Generator[TopicMessages]:
        """The decoded messages of a topic, for the length of a block.

        Args:
            topic: the name of a declared table or view, or else of a topic.
            key: only those of this key, a value for each of its columns.

        Raises:
            HeadraceError: `topic-unknown`, `topic-internal`, `trace-key`.
        """
        from headrace.apply.topics import topic_messages

        with self.connections() as connections:
            yield topic_messages(connections, self.declaration, topic, key)

    def resync(self, tables: Iterable[TableName], progress: Progress = silent) -> Plan:
        """Take tables again from a new snapshot, into one new capture; readers keep the old rows meanwhile.

        Raises:
            HeadraceError: `apply-first` when tables would be dropped by the way.
        """
        wanted = list(tables)
        for table in wanted:
            self._served_name(table)
        with self._alone("resync"), self.connections(complete=True) as connections:
            run = Run(connections.systems, self._folder.root, progress)
            dropped = run.survey().plan.dropped
            if dropped:
                raise HeadraceError(
                    "apply-first",
                    f"{dropped[0]} is still served but no longer declared",
                    hint="run `headrace apply` first: it shows what is removed and asks",
                )
            run.ask(wanted)
            return run.converge(None)

    def stored(self, table: TableName) -> StoredRows:
        """How many versions of rows Pinot keeps of a table, and how many are alive."""
        from headrace.apply.stored import stored_rows

        served_name = self._served_name(table)
        if table.is_view:
            raise HeadraceError(
                "view-not-compacted",
                f"{served_name} is a view: built anew it would read the same log",
                hint="compact the table it reads: its views are built anew with it",
            )
        with self.connections() as connections:
            return stored_rows(connections.pinot, self.name, served_name)

    def compact(
        self, tables: Iterable[TableName], progress: Progress = silent
    ) -> dict[TableName, tuple[StoredRows, StoredRows]]:
        """Drop old versions of rows; what was stored of each table before and after. See `resync`."""
        before = {table: self.stored(table) for table in tables}
        worth = [table for table, rows in before.items() if rows.dead_rows > 0]
        if worth:
            self.resync(worth, progress)
        return {table: (rows, self.stored(table)) for table, rows in before.items()}

    def ask_for_new_generation(self, tables: Iterable[TableName]) -> None:
        """Note that tables are to start over, and leave the work to the next `apply`."""
        with self._alone("resync"), self.connections(complete=True) as connections:
            Run(connections.systems, self._folder.root, silent).ask(tables)

    def destruction(self) -> Plan:
        """What `destroy` would do now."""
        state = StateStore(self._folder.root, self.name).load()
        with self.connections(complete=True) as connections:
            return survey(connections.systems, state, NOTHING_DECLARED).plan

    def destroy(self, progress: Progress = silent) -> Plan:
        """Remove all that headrace made and restore what it changed; touch nothing else.

        The number of the next capture is remembered, so that no name is ever used twice.
        """
        with self._alone("destroy"), self.connections(complete=True) as connections:
            return Run(connections.systems, self._folder.root, progress, NOTHING_DECLARED).converge(None)

    def _verdict(self, connections: Connections, audits: Audits, name: str, say: Say | None) -> TableVerdict:
        """The verdict on one table; of a generation that was switched away meanwhile it would be unjust."""
        from headrace.apply.standing import await_switch, goes_on
        from headrace.hops.serve.directory import resolve

        while True:
            generation = resolve(connections.pinot, self.name, name)
            verdict = audits.verdict(generation, say)
            if verdict.exact or goes_on(connections.systems, generation):
                return verdict
            if not await_switch(connections.pinot, self.name, generation):
                return verdict

    def named(self, text: str) -> TableName:
        """The table or the view that a person means."""
        return TableName.of_view(text) if text in self.declaration.views else TableName.parse(text)

    def _everything(self) -> list[TableName]:
        views = [TableName.of_view(view) for view in self.declaration.views]
        return [declared.table for declared in self.declaration.declared] + views

    def _served_name(self, table: TableName) -> str:
        found = {declared.table: declared.served_name for declared in self.declaration.declared}
        found |= {TableName.of_view(view): view for view in self.declaration.views}
        if table in found:
            return found[table]
        raise HeadraceError(
            "table-not-declared",
            f"{table.shown} is not declared",
            hint=f"declared: {', '.join(sorted(name.shown for name in found))}",
        )

    @property
    def _folder(self) -> ProjectFolder:
        return ProjectFolder.of(self.directory)

    @contextmanager
    def _alone(self, purpose: str) -> Generator[None]:
        self._folder.create(self.name)
        with project_lock(self._folder.root, purpose):
            yield


def open_project(directory: Path | str | None = None) -> Project:
    """The project of a folder, or of the nearest headrace.yaml upward from here.

    Raises:
        HeadraceErrors: every failure of headrace.yaml.
    """
    from headrace.spec import load

    path = load.find(Path.cwd()) if directory is None else load.in_directory(Path(directory))
    return Project(path.parent, load.load(path))
