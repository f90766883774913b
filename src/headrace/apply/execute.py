"""Runs the stages of a plan, and plans again until nothing is left to do.

Promise: every step is idempotent and every step's trace is in the systems or in the state before the next
one begins, so a run that is killed anywhere and started again ends the same. A live generation goes only
after its successor is live, or because its table is no longer declared.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from headrace.apply.birth import PointWatch, SnapshotBroken, catch_up, prove
from headrace.apply.journal import Journal
from headrace.apply.progress import ActionDone, PlanChanged, Progress, StageBegun, once_back
from headrace.apply.request import asked
from headrace.apply.state import State, StateStore
from headrace.apply.switch import close, switch
from headrace.apply.systems import Catalogue, Systems
from headrace.apply.views import catch_up_view, close_view, switch_view
from headrace.apply.world import Survey, survey
from headrace.errors import HeadraceError
from headrace.names import TableName
from headrace.plan.captures import CaptureLayout
from headrace.plan.model import Action, Change, Kind, Plan, Stage, StageKind, address, digest
from headrace.plan.render import as_json

_SERVED = address(Kind.SERVED, "")

MAX_ROUNDS = 6
"""A snapshot that breaks this often has a cause that trying again does not cure."""


class Run:
    """One apply of one project; the caller holds the project's lock.

    Args:
        systems: the engines.
        directory: the project's `.headrace`.
        progress: told of every step.
        catalogue: taken as what is declared; None asks the source. Nothing declared means: remove everything.
    """

    def __init__(
        self, systems: Systems, directory: Path, progress: Progress, catalogue: Catalogue | None = None
    ) -> None:
        self._systems = systems
        self._catalogue = catalogue
        self._store = StateStore(directory, systems.project)
        self._state = self._store.load()
        self._journal = Journal(directory)
        self._progress = progress
        self._watches: dict[int, PointWatch] = {}

    def survey(self) -> Survey:
        return survey(self._systems, self._state, self._catalogue)

    def ask(self, tables: Iterable[TableName]) -> None:
        """Note that these tables are to start over (`request.py`)."""
        self._save(asked(self._systems, self._state, tables))

    def converge(self, expected: Mapping[str, object] | None) -> Plan:
        """Run the plan, then whatever is still left, until a plan is empty. Returns the first plan.

        Args:
            expected: a plan as `render.as_json` gives it, shown to somebody before; None to run any plan.

        Raises:
            HeadraceError: `plan-outdated` when an expected plan is not what would be planned now;
                `not-converged` when something changes things back as fast as headrace sets them.
        """
        look = self.survey()
        first = look.plan
        if expected is not None:
            refuse_outdated(expected, first)
        self._remember(look)
        self._journal.write("plan", digest=first.world_digest, stages=[s.kind for s in first.stages])
        for _ in range(MAX_ROUNDS):
            if look.plan.empty:
                self._settle(look)
                return first
            self._round(look)
            look = once_back(self.survey, "looking what is left", self._progress)
        if look.plan.empty:
            self._settle(look)
            return first
        raise HeadraceError(
            "not-converged",
            "the project is still not as declared",
            cause=", ".join(change.address for change in look.plan.changes[:3])
            or "a snapshot keeps breaking",
            hint="run `headrace plan` to see what is left, `headrace logs connect` for why",
        )

    def _round(self, look: Survey) -> None:
        try:
            for position, stage in enumerate(look.plan.stages, start=1):
                self._progress(StageBegun(stage, position, len(look.plan.stages)))
                self._journal.write("stage", stage=stage.kind, capture=stage.capture)
                self._stage(look, stage)
        except SnapshotBroken as broken:
            self._journal.write("snapshot-broken", capture=broken.number, reason=broken.reason)
            self._forget_births({broken.number})
            self._progress(PlanChanged(str(broken)))
        finally:
            for watch in self._watches.values():
                watch.stop()
            self._watches.clear()

    def _stage(self, look: Survey, stage: Stage) -> None:
        if stage.kind is StageKind.PROVE:
            self._prove(look, stage)
        elif stage.kind is StageKind.CATCH_UP_VIEWS:
            for home in look.views.moves:
                catch_up_view(self._systems, home, self._progress)
        elif stage.kind is StageKind.CATCH_UP:
            assert stage.capture is not None
            served = {c.table: c.served_name for c in look.world.contracts if c.table in stage.tables}
            catch_up(self._systems.flow, look.world.names(stage.capture), served, self._progress)
        else:
            if stage.kind is StageKind.BUILD:
                self._begin(look, stage)
            elif stage.kind is StageKind.BUILD_VIEWS:
                self._begin_views(look)
            elif stage.kind in (StageKind.DISCARD, StageKind.RETIRE):
                self._forget_births({c.number for c in look.layout.captures if not c.tables})
            for change in stage.changes:
                self._change(look, stage, change)
            if stage.kind is StageKind.PRESENT:
                self._check_charts(look)

    def _remember(self, look: Survey) -> None:
        """Numbers and schemas of all that exists, before any of it is removed; the state may be a new one."""
        there = {where for where, reading in look.readings.items() if reading.observed is not None}
        tables = {where for where in there | set(look.removals) if where.startswith(_SERVED)}
        seen = replace(
            self._state,
            schemas=self._state.schemas | tables,
            next_capture=max(self._state.next_capture, look.world.next_capture),
            next_view=max(self._state.next_view, look.world.next_view),
        )
        if seen != self._state:
            self._save(seen)

    def _begin(self, look: Survey, stage: Stage) -> None:
        """Remember a capture before anything of it exists, so that its number is never used twice."""
        number = stage.capture
        assert number is not None
        if number in self._state.births:
            return
        layout = next(c for c in look.layout.captures if c.number == number)
        self._save(self._state.with_birth(number, _shapes(look, layout)))

    def _check_charts(self, look: Survey) -> None:
        """A dashboard whose charts are not right stays to be done."""
        item = next(item for item in look.items if item.kind is Kind.DASHBOARD)
        with self._journal.action(StageKind.PRESENT, item.address, "check"):
            self._systems.presenter.check(self._systems, item.shows)
        self._save(replace(self._state, charts_checked=digest(look.resources[item.address].desired)))

    def _begin_views(self, look: Survey) -> None:
        """Remember the numbers before anything carries them, so that none is ever used twice."""
        above = max(home.number for home in look.views.moves) + 1
        if self._state.next_view < above:
            self._save(replace(self._state, next_view=above))

    def _prove(self, look: Survey, stage: Stage) -> None:
        number = stage.capture
        assert number is not None
        names = look.world.names(number)
        capture = look.world.capture(number)
        watched = self._watches.get(number)
        point = self._state.births[number].consistent_point if number in self._state.births else None
        if point is None:
            watched = watched or PointWatch(self._systems.flow, names)
            point = watched.wait(self._progress)
            if number in self._state.births:
                self._save(self._state.with_consistent_point(number, point))
        carried = set(stage.tables) | set((capture.connector if capture else None) or ())
        contracts = [c for c in look.world.contracts if c.table in carried]
        with self._journal.action(stage.kind, f"capture:{number}", "prove"):
            prove(self._systems.flow, names, contracts, point, self._progress)

    def _change(self, look: Survey, stage: Stage, change: Change) -> None:
        begun = time.monotonic()
        with self._journal.action(stage.kind, change.address, change.action):
            if change.kind is Kind.TABLE:
                self._table(change)
            elif change.kind is Kind.VIEW:
                self._view(look, change)
            elif change.action is Action.DELETE:
                look.removals[change.address].delete()
                self._after_delete(change)
            else:
                self._before_apply(look, change)
                look.resources[change.address].apply()
                self._save(
                    replace(
                        self._state,
                        applied={**self._state.applied, change.address: digest(change.after)},
                    )
                )
        self._progress(ActionDone(change, time.monotonic() - begun))

    def _table(self, change: Change) -> None:
        assert change.table is not None
        if change.action is Action.DELETE:
            close(self._systems, change.table)
        else:
            assert change.capture is not None
            switch(self._systems, change.table, change.capture, self._progress)

    def _view(self, look: Survey, change: Change) -> None:
        assert change.table is not None
        if change.action is Action.DELETE:
            close_view(self._systems, change.table)
        else:
            home = next(h for h in look.views.moves if h.view.table == change.table)
            switch_view(self._systems, home, self._progress)

    def _before_apply(self, look: Survey, change: Change) -> None:
        if change.kind is Kind.IDENTITY and change.table not in self._state.identities:
            assert change.table is not None
            found = str((change.before or {}).get("identity", "default"))
            self._save(replace(self._state, identities={**self._state.identities, change.table: found}))
        if change.kind is Kind.SERVED and change.action is Action.CREATE:
            self._save(replace(self._state, schemas=self._state.schemas | {change.address}))
        if change.kind is Kind.CONNECTOR and change.action is Action.CREATE:
            assert change.capture is not None
            watch = PointWatch(self._systems.flow, look.world.names(change.capture))
            watch.start()
            self._watches[change.capture] = watch

    def _after_delete(self, change: Change) -> None:
        applied = {where: value for where, value in self._state.applied.items() if where != change.address}
        identities = self._state.identities
        if change.kind is Kind.IDENTITY:
            identities = {t: identity for t, identity in identities.items() if t != change.table}
        schemas = self._state.schemas - {change.address}
        self._save(replace(self._state, applied=applied, identities=identities, schemas=schemas))

    def _forget_births(self, numbers: set[int]) -> None:
        """No later plan goes on with these captures; it discards all that is left of them.

        Saved before the first deletion: a deletion that is cut off must not be followed by a creation under
        the same name (`delete_table` in hops/serve/resource.py says why).
        """
        births = {n: birth for n, birth in self._state.births.items() if n not in numbers}
        if births != self._state.births:
            self._save(replace(self._state, births=births))

    def _settle(self, look: Survey) -> None:
        """Nothing is left to do: drop what need not be remembered any longer."""
        kept = {c.number for c in look.layout.captures if c.tables}
        gone = self._state.schemas - look.readings.keys()
        for where in gone:
            self._systems.flow.drop_schema(where.removeprefix(_SERVED))
        settled = replace(
            self._state,
            births={n: birth for n, birth in self._state.births.items() if n in kept},
            applied=look.applied(),
            schemas=self._state.schemas - gone,
            resync_above={},
        )
        if settled != self._state:
            self._save(settled)
        self._journal.write("settled")

    def _save(self, state: State) -> None:
        self._store.save(state)
        self._state = state


def _shapes(look: Survey, layout: CaptureLayout) -> dict[TableName, str]:
    return {c.table: c.shape for c in look.world.contracts if c.table in layout.tables}


def refuse_outdated(expected: Mapping[str, object], found: Plan) -> None:
    """Raise `plan-outdated` unless both plans were decided from the same declaration and world."""
    now = as_json(found)
    if expected.get("declaration_digest") != now["declaration_digest"]:
        cause = "the declaration or the source's tables changed since"
    elif any(expected.get(part) != now[part] for part in ("version", "project", "world_digest", "stages")):
        cause = "what exists changed since"
    else:
        return
    raise HeadraceError(
        "plan-outdated",
        "the plan no longer fits what is there",
        cause=cause,
        hint="run `headrace plan` again and look at what it says now",
    )
