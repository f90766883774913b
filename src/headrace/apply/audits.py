"""Who compares a generation with PostgreSQL: one way for tables, another for views."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from headrace.contract import ViewContract
from headrace.errors import HeadraceError, HeadraceErrors
from headrace.names import TableName

if TYPE_CHECKING:
    from headrace.apply.real import Connections
    from headrace.hops.serve.directory import Generation
    from headrace.verify.audit import Audit, Say
    from headrace.verify.verdict import TableVerdict
    from headrace.verify.views import ViewAudit


class Audits:
    """The audit of tables and, once one is asked for, of views."""

    def __init__(self, connections: Connections, tables: Audit) -> None:
        self._connections = connections
        self._tables = tables

    def verdict(self, generation: Generation, say: Say | None) -> TableVerdict:
        if generation.contract.origin is None:
            return self._tables.table(generation, say)
        try:
            view = self._views.get(generation.contract.table)
            if view is not None:
                return self._view_audit.view(generation, view, say)
        except HeadraceError as error:
            if isinstance(error, HeadraceErrors) or error.code == "verify-view-outdated":
                return self._not_compared(generation, error)
            raise
        raise HeadraceError(
            "table-not-declared", f"the view {generation.served_name} is not declared any more"
        )

    def _not_compared(self, generation: Generation, error: HeadraceError) -> TableVerdict:
        """Of a view that no longer fits its table; raises the error where the table is as it was."""
        from headrace.hops.source.client import SourceClient
        from headrace.verify.audit import not_compared

        began = time.monotonic()
        with SourceClient.connect(self._connections.endpoints.source) as client:
            drift = self._tables.drift(client, generation)
        if not drift.reasons:
            raise error
        return not_compared(generation, drift.reasons, time.monotonic() - began)

    @cached_property
    def _views(self) -> dict[TableName, ViewContract]:
        return {view.table: view for view in self._connections.systems.inventory.catalogue().views}

    @cached_property
    def _view_audit(self) -> ViewAudit:
        from headrace.apply.standing import computed
        from headrace.verify.views import ViewAudit

        connections = self._connections
        return ViewAudit(
            connections.pinot,
            connections.kafka,
            connections.endpoints.source,
            self._tables.fence,
            lambda generation, ends: computed(connections.systems, generation, ends),
            self._tables.drift,
        )
