"""All views of a declaration at once: compiled, or every error with its line in headrace.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.contract import TableContract
from headrace.errors import HeadraceError, HeadraceErrors
from headrace.hops.transform.compile import Options, compile_sql
from headrace.hops.transform.refusal import ViewRefusal
from headrace.hops.transform.statement import parse
from headrace.hops.transform.view import CompiledView
from headrace.names import TableName
from headrace.spec.model import Declaration, ViewOptions


@dataclass(frozen=True)
class CompiledViews:
    """What became of the declared views.

    Attributes:
        views: the good ones, in the file's order.
        refusals: by name, why the others are none.
        errors: the same as errors with their places.
    """

    views: tuple[CompiledView, ...]
    refusals: Mapping[str, tuple[ViewRefusal, ...]] = field(
        default_factory=dict[str, tuple[ViewRefusal, ...]]
    )
    errors: tuple[HeadraceError, ...] = ()

    def required(self) -> tuple[CompiledView, ...]:
        """All views; HeadraceErrors with every refusal when there is one."""
        if self.errors:
            raise HeadraceErrors(list(self.errors))
        return self.views


def compile_views(declaration: Declaration, contracts: Sequence[TableContract]) -> CompiledViews:
    """The declared views over the contracts of the declared tables; pure."""
    tables: dict[TableName, TableContract] = {contract.table: contract for contract in contracts}
    good: list[CompiledView] = []
    refused: dict[str, tuple[ViewRefusal, ...]] = {}
    errors: list[HeadraceError] = []
    for name, declared in declaration.views.items():
        view, refusals = compile_sql(name, declared.sql, tables, options_of(declared))
        if view is not None:
            good.append(view)
            continue
        refused[name] = tuple(refusals)
        errors.extend(_error(declaration, name, refusal) for refusal in refusals)
    return CompiledViews(tuple(good), refused, tuple(errors))


def form_errors(declaration: Declaration, view: str) -> list[HeadraceError]:
    """What is wrong with a view's SQL before any table is asked for."""
    _, refusals = parse(declaration.views[view].sql)
    return [_error(declaration, view, refusal) for refusal in refusals]


def options_of(declared: ViewOptions) -> Options:
    """The declaration's options as the compiler takes them."""
    return Options(
        indexes=declared.indexes,
        retention_ms=declared.retention.time_ms,
        retention_bytes=declared.retention.size_bytes,
        flush_rows=declared.flush_rows,
    )


def _error(declaration: Declaration, view: str, refusal: ViewRefusal) -> HeadraceError:
    needs = (
        f"it would need views with {refusal.needs}, which this version does not have"
        if refusal.needs
        else None
    )
    return HeadraceError(
        "view-refused",
        f"view {view}: {refusal.reason}",
        cause=needs,
        hint=refusal.hint,
        where=declaration.where_in_sql(view, refusal.line),
    )
