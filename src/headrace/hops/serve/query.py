"""The query client: served names, SQL's NULLs, exact numbers, complete answers or an error.

Promise: one query is answered from one generation of one table, as PostgreSQL would answer it, or it raises.
What Pinot answers only in part is thrown away and asked again for a short while.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from headrace.errors import HeadraceError
from headrace.hops.serve import aggregation, answer, directory, selection, statement
from headrace.hops.serve.client import NO_ROW, PinotClient, after_option
from headrace.hops.serve.dialect import Names
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.expressions import Expressions
from headrace.hops.serve.known import known_not_null
from headrace.hops.serve.plan import MAX_ROWS, OutputColumn, Plan, Row
from headrace.hops.serve.statement import Parsed, Select
from headrace.hops.serve.truth import FALSE, TRUE

DEFAULT_TIMEOUT_S = 10.0
RETRY_S = 2.0
RETRY_PAUSE_S = 0.1


@dataclass(frozen=True)
class QueryResult:
    """A complete answer.

    Attributes:
        columns: names and PostgreSQL types.
        rows: values as Python has them: int, Decimal, float, str, bool, bytes, date, datetime, None.
        warnings: what is not exact in it, in words; empty for most.
        generation: the physical table that answered.
        time_ms: as the broker measured it.
    """

    columns: tuple[OutputColumn, ...]
    rows: list[Row]
    warnings: tuple[str, ...]
    generation: Generation
    time_ms: int


class SwitchedError(HeadraceError):
    """The offsets to wait for are those of a generation that answers no more: ask for the new one's."""


@dataclass(frozen=True)
class Prepared:
    """A query whose served name has been resolved: it can be sent, now or after a fence."""

    parsed: Parsed
    generation: Generation
    select: Select


class QueryClient:
    """Answers SQL over the served tables of one project.

    Args:
        pinot: the cluster.
        project: whose tables.
    """

    def __init__(self, pinot: PinotClient, project: str) -> None:
        self._pinot = pinot
        self._project = project

    def run(
        self, sql: str, *, after: Mapping[int, int] | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> QueryResult:
        """Prepare and execute; see both."""
        return self.execute(self.prepare(sql), after=after, timeout_s=timeout_s)

    def prepare(self, sql: str) -> Prepared:
        """Parse and resolve. `query-syntax`, `query-unsupported`, `served-table-unknown`."""
        parsed = statement.parse(sql)
        generation = directory.resolve(self._pinot, self._project, parsed.table)
        return Prepared(parsed, generation, parsed.bind(generation.contract))

    def execute(
        self,
        prepared: Prepared,
        *,
        after: Mapping[int, int] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> QueryResult:
        """Send it and read the whole answer.

        Args:
            prepared: by `prepare`.
            after: partition to offset: wait until Pinot has indexed everything below.
            timeout_s: for each try; a failure that passes by itself is tried again for 2 s after the first
                one, and once at least.

        Raises:
            SwitchedError: `query-switched`, only with `after`: another generation has become the live one.
        """
        deadline: float | None = None
        while True:
            try:
                return self._once(prepared, after, timeout_s)
            except (answer.Transient, answer.Unserved):
                # From the first failure: a try may itself take longer than all of that.
                now = time.monotonic()
                deadline = now + RETRY_S if deadline is None else deadline
                if now > deadline:
                    raise
            time.sleep(RETRY_PAUSE_S)
            again = self._again(prepared)
            if after and again.generation.physical != prepared.generation.physical:
                raise SwitchedError(
                    "query-switched",
                    f"{prepared.parsed.table} was switched to a new generation while the query waited",
                    hint="ask again",
                )
            prepared = again

    def _again(self, prepared: Prepared) -> Prepared:
        """The same query on the generation that is live now: it may have been switched in between."""
        live = directory.resolve(self._pinot, self._project, prepared.parsed.table)
        if live == prepared.generation:
            return prepared
        return replace(prepared, generation=live, select=prepared.parsed.bind(live.contract))

    def _once(self, prepared: Prepared, after: Mapping[int, int] | None, timeout_s: float) -> QueryResult:
        options = _options(prepared.generation, after)
        condition, plan = compile_select(prepared.select, prepared.generation)
        if plan.sql is None:
            rows, time_ms = plan.read([]), 0
        else:
            try:
                found = answer.read(self._pinot.query(plan.sql, options, timeout_s=timeout_s))
            except answer.Unserved:
                if condition == TRUE:
                    raise
                _, plan = compile_select(prepared.select, prepared.generation, or_never=True)
                found = answer.read(self._pinot.query(plan.sql or "", options, timeout_s=timeout_s))
            _refuse_cut(found, prepared.select)
            rows, time_ms = plan.read(found.rows), found.time_ms
        return QueryResult(plan.columns, rows, plan.warnings, prepared.generation, time_ms)


def compile_select(select: Select, generation: Generation, *, or_never: bool = False) -> tuple[str, Plan]:
    """WHERE in Pinot's words and the plan; pure."""
    where = select.where
    names = Names(generation.contract)
    condition = Expressions(names).where.true(where) if where is not None else TRUE
    if or_never and condition not in {TRUE, FALSE}:
        condition = f"({condition} OR {NO_ROW})"
    known = known_not_null(where, generation.contract) if where is not None else frozenset[str]()
    expressions = Expressions(replace(names, known=known))
    planner = aggregation.plan if aggregation.is_aggregation(select) else selection.plan
    return condition, planner(select, generation.physical, expressions, condition)


def _options(generation: Generation, after: Mapping[int, int] | None) -> dict[str, str]:
    if not after:
        return {}
    wrong = [partition for partition in after if not 0 <= partition < generation.contract.partitions]
    if wrong:
        raise HeadraceError("query-after", f"{generation.served_name} has no partition {wrong[0]}")
    return after_option(after)


def _refuse_cut(found: answer.Answer, select: Select) -> None:
    """The far LIMIT must not have cut anything off."""
    if len(found.rows) <= MAX_ROWS or (select.limit is not None and not aggregation.is_aggregation(select)):
        return
    raise HeadraceError(
        "query-too-many-rows",
        f"the answer has more than {MAX_ROWS:,} rows",
        hint="narrow it with WHERE, or say LIMIT to take a part of it knowingly",
    )
