"""How every served table stands: which generation, how far behind, how much is stored, whether it is exact.

Promise: reading only, each system asked once per table; a table that cannot be asked says why instead of a
number. A table counts as exact only when neither its rows nor a standing alert speak against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from headrace.errors import HeadraceError
from headrace.hops.capture.failure import SLOT_AHEAD
from headrace.hops.serve.answer import LOG_LOST, checked_rows
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation, look
from headrace.hops.serve.probe import live_rejects, newest_commit_time_ms, positions, stored
from headrace.hops.serve.render import Status
from headrace.hops.source.probe import SLOT_LOST
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.probe import end_offsets
from headrace.hops.transform.client import JobStatus
from headrace.hops.transform.probe import stands_still
from headrace.names import CaptureNames, TableName
from headrace.observe.watch import SOURCE_CHANGED, Alert


@dataclass(frozen=True)
class TableStatus:
    """One generation of one table.

    Attributes:
        name: the served name.
        source: schema and table in PostgreSQL; of a view, those it is computed from.
        capture: the number of the generation, with a `v` before it for a view.
        status: `building`, `live` or `retired`.
        lag_records: records of the topic that Pinot has not indexed yet; None when that is not known.
        live_rows: what a query counts.
        stored_rows: every version and tombstone Pinot keeps.
        newest_commit_time_ms: when the newest change that Pinot has was committed; None when it has none.
        inexact: why the table is not exact, in words; empty for an exact one.
        problem: why it could not be asked, or why nobody knows whether it is exact.
    """

    name: str
    source: str
    capture: str
    status: str
    lag_records: int | None = None
    live_rows: int | None = None
    stored_rows: int | None = None
    newest_commit_time_ms: int | None = None
    inexact: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def exact(self) -> bool | None:
        """False when something could not be carried exactly; None when that is not known."""
        if self.inexact:
            return False
        return None if self.problem else True


def table_status(
    project: str,
    pinot: PinotClient,
    kafka: KafkaClient,
    alerts: Iterable[Alert] = (),
    unknown: str | None = None,
    queries: Mapping[str, JobStatus] | HeadraceError | None = None,
) -> list[TableStatus]:
    """Every generation of a project's tables, live ones first, by name.

    Args:
        project: whose tables.
        pinot, kafka: where they are kept.
        alerts: what stands; some of it makes a table not exact.
        unknown: why nobody would have told; then no table is said to be exact.
        queries: how the queries of views stand, by the name of their table in Pinot; None: not asked; an
            error: why that is not known.
    """
    generations = sorted(
        look(pinot, project).generations, key=lambda one: (one.status is not Status.LIVE, one.served_name)
    )
    topics = [one.names.topic(one.contract.table) for one in generations]
    try:
        ends = end_offsets(kafka, topics) if topics else {}
    except HeadraceError:
        ends = {}
    standing = tuple(alerts)
    unasked = queries.summary if isinstance(queries, HeadraceError) else None
    known = None if isinstance(queries, HeadraceError) else queries
    live = [one for one in generations if one.status is Status.LIVE]
    captures = {one.source: one.capture for one in live if not one.is_view}
    return [
        _one(
            generation,
            pinot,
            ends,
            (*alerted(generation, standing), *_stands_still(generation, captures, known)),
            unknown or (unasked if generation.is_view else None),
        )
        for generation in generations
    ]


def _stands_still(
    generation: Generation,
    captures: Mapping[TableName, CaptureNames],
    queries: Mapping[str, JobStatus] | None,
) -> tuple[str, ...]:
    """Why a live view does not follow its table."""
    if not generation.is_view or generation.status is not Status.LIVE:
        return ()
    home = captures.get(generation.source)
    if home is not None and home != generation.capture:
        return (f"it still reads an earlier generation of {generation.source}: run `headrace apply`",)
    reason = None if queries is None else stands_still(queries.get(generation.physical))
    return () if reason is None else (reason,)


def alerted(generation: Generation, alerts: Iterable[Alert]) -> tuple[str, ...]:
    """Why alerts make a generation not exact: its table changed at the source, or rows of it were lost.

    A change at the source is told of the live generation; one that is being built knows it already.
    """
    table = f"table:{generation.source}"
    live = generation.status is Status.LIVE
    return tuple(
        alert.summary
        for alert in alerts
        if (live and alert.code.startswith(SOURCE_CHANGED) and alert.address == table)
        or tells_of_lost_rows(generation, alert)
    )


def tells_of_lost_rows(generation: Generation, alert: Alert) -> bool:
    """Whether an alert says that the slot, the connector or a log of this generation has lost some."""
    read = (generation.names.topic(generation.contract.table), generation.capture.topic(generation.source))
    addresses = {
        SLOT_LOST: {f"slot:{generation.capture.slot}"},
        SLOT_AHEAD: {f"connector:{generation.capture.connector}"},
        LOG_LOST: {f"topic:{topic}" for topic in read},  # of a view, its own and that of its table
    }
    return alert.address in addresses.get(alert.code, ())


def _one(
    generation: Generation,
    pinot: PinotClient,
    ends: Mapping[str, Mapping[int, int]],
    told: tuple[str, ...],
    unknown: str | None,
) -> TableStatus:
    known = TableStatus(
        generation.served_name,
        str(generation.source),
        generation.names.label,
        generation.status.value,
    )
    if generation.status is Status.RETIRED:
        return known
    end = ends.get(generation.names.topic(generation.contract.table))
    try:
        reached = positions(pinot, generation.physical)
        rows = stored(pinot, generation.physical)
        newest = newest_commit_time_ms(pinot, generation.physical)
        inexact = set_aside(generation, pinot)
    except HeadraceError as error:
        return replace(known, inexact=told, problem=error.summary)
    return replace(
        known,
        lag_records=_lag(end, reached),
        live_rows=rows.live_rows,
        stored_rows=rows.stored_rows,
        newest_commit_time_ms=newest,
        inexact=(*told, *inexact),
        problem=unknown if generation.status is Status.LIVE else None,
    )


def _lag(end: Mapping[int, int] | None, reached: Mapping[int, int]) -> int | None:
    if end is None or set(end) - set(reached):
        return None
    return sum(max(0, offset - reached[partition]) for partition, offset in end.items())


def set_aside(generation: Generation, pinot: PinotClient) -> tuple[str, ...]:
    """Why rows that Pinot keeps make a generation not exact, in words."""
    reasons: list[str] = []
    rejected = live_rejects(pinot, generation.physical, generation.contract.key)
    if rejected:
        reasons.append(f"{rejected:,} rows could not be carried exactly: `headrace rejects`")
    flagged = checked_rows(
        pinot.query(f"SELECT COUNT(*) FROM \"{generation.physical}\" WHERE __reject <> ''")  # noqa: S608
    )
    if flagged and int(str(flagged[0][0])):
        reasons.append(f"{flagged[0][0]} rows have columns the declaration does not know, or lack some")
    return tuple(reasons)
