"""How far a view has been computed.

Each record of the results says how much of the table's topic had been read when it was written (`input`: all
below that offset), and every record read leaves a record there. After a crash older ones come again: then the
view counts as behind until it has caught up, which is on the safe side.
"""

from __future__ import annotations

from typing import cast

from headrace.errors import HeadraceError, Where
from headrace.hops.topic.tail import TopicTail
from headrace.hops.transform.client import JobStatus

FAILED = "failed"
LOG_INCOMPLETE = "log-incomplete"


def computed_below(results: TopicTail) -> int:
    """The offset in the table's topic below which everything is in the results; 0 for nothing."""
    newest = results.last()
    return 0 if newest is None else int(cast(int, newest.document["input"]))


def wanted_below(table: TopicTail, end: int) -> int:
    """What `computed_below` must reach to cover the table's records below `end`."""
    newest = table.last_below(end)
    return 0 if newest is None else newest.offset + 1


def log_incomplete(status: JobStatus) -> bool:
    """Whether a query has failed for good because the table's topic has lost the records it begins with."""
    return status.state == FAILED and status.code == LOG_INCOMPLETE


def check(name: str, status: JobStatus | None) -> None:
    """Raise what a query has failed of for good: `view-failed`, `view-job-missing`."""
    where = Where(address=f"spark:{name}")
    if status is None:
        raise HeadraceError(
            "view-job-missing",
            f"Spark does not know the query {name}",
            hint="`headrace apply` makes it again",
            where=where,
        )
    if status.state == FAILED:
        raise HeadraceError(
            "view-failed",
            f"the query {name} has failed: {status.code}",
            cause=status.message,
            hint="see `headrace logs spark`; `headrace apply` tries again once the cause is gone",
            where=where,
        )
