"""The dashboard in the real Superset, and the proof that every chart shows what PostgreSQL says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import LiteralString, cast

from headrace.apply.birth import INDEX_STALL_S
from headrace.apply.progress import silent, wait_until
from headrace.apply.source_sessions import SourceSessions
from headrace.apply.standing import committed
from headrace.apply.systems import Systems
from headrace.contract import TableContract
from headrace.endpoints import Endpoints
from headrace.errors import HeadraceError, Where
from headrace.hops.present import resource
from headrace.hops.present.charts import GROUPS
from headrace.hops.present.client import SupersetClient
from headrace.hops.present.probe import ChartAnswer, check
from headrace.hops.present.shown import Presentation, Shown
from headrace.hops.present.spec import presentation
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import look
from headrace.names import TableName
from headrace.plan.items import Showing
from headrace.plan.resource import Resource
from headrace.spec.model import Declaration

ATTEMPTS = 5
"""Writes may lie between the two questions; what differs so often without any is a difference."""

PARTIAL = {"groups": GROUPS}
"""Charts that show the largest groups only, and how many."""

Row = tuple[object, ...]


class RealPresenter:
    """As `systems.Presenter`.

    Args:
        superset: None where it does not run: then no dashboard may be declared.
    """

    def __init__(
        self,
        declaration: Declaration,
        endpoints: Endpoints,
        source: SourceSessions,
        pinot: PinotClient,
        superset: SupersetClient | None,
    ) -> None:
        self._declaration = declaration
        self._endpoints = endpoints
        self._source = source
        self._pinot = pinot
        self._superset = superset

    def exists(self) -> bool:
        return self._superset is not None and bool(resource.ours(self._superset, self._declaration.project))

    def dashboard(self, shown: Sequence[Showing]) -> Resource:
        return resource.Dashboard(self._client(), self._presentation(shown))

    def check(self, systems: Systems, shown: Sequence[Showing]) -> None:
        wanted = self._presentation(shown)
        queries = {view.table: view.sql for view in systems.inventory.catalogue().views}
        sources = {one.contract.served_name: _source(one.contract, queries) for one in shown}
        oracles = [answer for answer in check(self._client(), wanted) if answer.oracle is not None]
        open_: dict[str, ChartAnswer] = {answer.name: answer for answer in oracles}
        wrong: list[ChartAnswer] = []
        for _ in range(ATTEMPTS):
            before = self._told(open_.values(), sources)
            self._settle(systems, shown)
            answers = {one.name: one for one in check(self._client(), wanted) if one.name in open_}
            after = self._told(open_.values(), sources)
            open_ = {
                name: one
                for name, one in answers.items()
                if not _same(one, before[name]) and not _same(one, after[name])
            }
            wrong = [one for name, one in open_.items() if before[name] == after[name]]
            if not open_:
                return
        if wrong:
            raise HeadraceError(
                "chart-differs",
                f"the chart `{wrong[0].name}` does not show what PostgreSQL says",
                hint="`headrace verify` tells whether the rows differ; when they do not, please report it",
                where=Where(address=f"chart:{wrong[0].name}"),
            )

    def _told(self, charts: Iterable[ChartAnswer], sources: Mapping[str, str]) -> dict[str, Counter[Row]]:
        """What PostgreSQL answers to each chart's question."""
        asked = {
            chart.name: (chart.oracle or "").format(source=sources[chart.served_name]) for chart in charts
        }
        return self._source.run(
            lambda client: {
                name: Counter(_plain(list(row.values())) for row in client.rows(cast(LiteralString, text)))
                for name, text in asked.items()
            }
        )

    def _settle(self, systems: Systems, shown: Sequence[Showing]) -> None:
        """Wait until the charts' tables hold all that is committed by now."""
        live = {one.physical: one for one in look(self._pinot, self._declaration.project).generations}
        for one in shown:
            generation = live.get(one.physical)
            if generation is None:
                continue
            ends = committed(systems, generation)

            def missing(physical: str = one.physical, ends: Mapping[int, int] = ends) -> str | None:
                return systems.flow.not_yet_indexed(physical, ends)

            wait_until(missing, f"waiting for Pinot to index {one.physical}", silent, timeout_s=INDEX_STALL_S)

    def _presentation(self, shown: Sequence[Showing]) -> Presentation:
        made = presentation(
            self._declaration,
            (
                Shown(one.contract.served_name, one.physical, one.contract, one.contract.versioned)
                for one in shown
            ),
            self._endpoints.for_engines,
        )
        # None is declared: only what is left of one is looked for.
        return made or Presentation(
            self._declaration.project,
            self._declaration.project,
            1,
            (),
            self._endpoints.for_engines.pinot_broker_url,
            self._endpoints.for_engines.pinot_controller_url,
        )

    def _client(self) -> SupersetClient:
        if self._superset is None:
            raise HeadraceError(
                "superset-not-running",
                "a dashboard is declared, but Superset does not run here",
                hint="run `headrace up`: it starts what the declaration needs",
            )
        return self._superset


def _source(contract: TableContract, queries: Mapping[TableName, str]) -> str:
    """What stands behind FROM for the rows of a table or a view."""
    if contract.versioned:
        return f"({queries[contract.table]}) AS v"
    schema, table = (name.replace('"', '""') for name in (contract.table.schema, contract.table.table))
    return f'"{schema}"."{table}"'


def _same(chart: ChartAnswer, told: Counter[Row]) -> bool:
    shown = Counter(map(_plain, chart.rows))
    if chart.slot in PARTIAL:
        return not shown - told and (shown == told or shown.total() >= PARTIAL[chart.slot])
    return shown == told


def _plain(row: Sequence[object]) -> Row:
    return tuple(_value(value) for value in row)


def _value(value: object) -> object:
    """Numbers by value, instants as milliseconds since 1970, everything else as its text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)).normalize()
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Decimal(round(at.timestamp() * 1000)).normalize()
    if isinstance(value, date):
        return Decimal((value - date(1970, 1, 1)).days * 86_400_000).normalize()
    return str(value)
