"""What makes a table not exact whatever its rows say: its source changed, or lost what was to come.

Promise: reading only, in a session that the caller gives, and in the words of `headrace status`. A change of
the source is seen as soon as it is committed, without waiting for the supervisor's next look, and is not
seen any more once the table is built anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headrace.contract import TableContract
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.directory import look as look_served
from headrace.hops.source.client import SourceClient
from headrace.hops.source.watch import Change, TableLook, compare, look
from headrace.observe.tables import tells_of_lost_rows
from headrace.observe.told import standing
from headrace.observe.watch import Alert
from headrace.observe.watchers import Remembered, changed, read_remembered, remembered_file

_SUPERVISED = frozenset({Change.PARTITION_ATTACHED, Change.IDENTITY_CHANGED})
"""The supervisor looks into a new partition and mends what is harmless: these count once it tells of them."""


@dataclass(frozen=True)
class Drift:
    """How the source is not any more what a generation was built from.

    Attributes:
        reasons: in words; empty when all is as it was.
        left_out: carried columns that the source does not have any more as they were.
        comparable: whether its rows can be told by their key.
    """

    reasons: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    comparable: bool = True


def no_drift(client: SourceClient, generation: Generation) -> Drift:
    """For a generation that nobody watches over."""
    return Drift()


@dataclass(frozen=True)
class DriftLook:
    """Looks at the source of one generation.

    Attributes:
        pinot: the cluster.
        project: whose generations.
        directory: of the project, where the supervisor writes what it knows.
    """

    pinot: PinotClient
    project: str
    directory: Path

    def __call__(self, client: SourceClient, generation: Generation) -> Drift:
        alerts = standing(self.directory)
        contract = self._carried(generation)
        now = look(client, [generation.source])[generation.source]
        remembered = read_remembered(remembered_file(self.directory))
        return drift(generation, contract, known(generation, remembered), now, alerts)

    def _carried(self, generation: Generation) -> TableContract | None:
        """The table whose changes a generation shows, as it was captured; None when that is not served."""
        if generation.contract.origin is None:
            return generation.contract
        wanted = (generation.source, generation.capture)
        live = look_served(self.pinot, self.project).live().values()
        return next((one.contract for one in live if (one.contract.table, one.names) == wanted), None)


def known(generation: Generation, remembered: Iterable[Remembered]) -> TableLook | None:
    """How its source looked when all was well; None when that is not remembered."""
    publication = generation.capture.publication
    return next(
        (one.look for one in remembered if one.table == generation.source and one.publication == publication),
        None,
    )


def drift(
    generation: Generation,
    contract: TableContract | None,
    before: TableLook | None,
    now: TableLook | None,
    alerts: Iterable[Alert],
) -> Drift:
    """What is to be said of a generation; pure.

    Args:
        contract: of the table whose changes it shows; None when that is not known.
        before: how that table looked when all was well.
        now: how it looks; None when there is none.
        alerts: what the supervisor told last.
    """
    alerts = tuple(alerts)
    lost = tuple(alert.summary for alert in alerts if tells_of_lost_rows(generation, alert))
    if contract is None:
        return Drift(lost)
    told = {alert.summary for alert in alerts}
    findings = [
        finding
        for finding in compare(contract, generation.capture.publication, before, now)
        if finding.change not in _SUPERVISED or changed(finding).summary in told
    ]
    left_out = {finding.column for finding in findings if finding.column}
    retyped = {finding.column for finding in findings if finding.change is Change.COLUMN_RETYPED}
    return Drift(
        (*(changed(finding).summary for finding in findings), *lost),
        # A key of another type is compared all the same: without it rows could not be told at all.
        frozenset(left_out - (retyped & set(contract.key))),
        now is not None and not (left_out - retyped) & set(contract.key),
    )
