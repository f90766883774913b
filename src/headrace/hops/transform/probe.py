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


def computed_below(results: TopicTail) -> int:
    """The offset in the table's topic below which everything is in the results; 0 for nothing."""
    newest = results.last()
    return 0 if newest is None else int(cast(int, newest.document["input"]))


def wanted_below(table: TopicTail, end: int) -> int:
    """What `computed_below` must reach to cover the table's records below `end`."""
    newest = table.last_below(end)
    return 0 if newest is None else newest.offset + 1


def failed_of(status: JobStatus) -> str | None:
    """The code of what a query has failed of for good, None while it has not."""
    return (status.code or "unknown") if status.state == FAILED else None


def stands_still(status: JobStatus | None) -> str | None:
    """Why the rows of a view do not follow its table; None while its query runs or is started again."""
    if status is None:
        return "its query does not run: `headrace apply` makes it again"
    failed = failed_of(status)
    return None if failed is None else f"its query has failed for good ({failed}): `headrace logs spark`"


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
    if failed_of(status) is not None:
        raise HeadraceError(
            "view-failed",
            f"the query {name} has failed: {status.code}",
            cause=status.message,
            hint="see `headrace logs spark`; correct the row, then `headrace resync` the table that it reads",
            where=where,
        )
