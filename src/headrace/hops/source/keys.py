"""Which columns identify a row: the primary key, or a declared key that PostgreSQL itself keeps unique."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.hops.source.relations import SourceTable, UniqueIndex


@dataclass(frozen=True)
class KeyProblem:
    """Why there is no usable key, and the remedy."""

    reason: str
    hint: str


Key = tuple[tuple[str, ...], bool, KeyProblem | None]
"""The key's columns, whether they come from the declaration, and what is wrong."""


def key_of(source: SourceTable, declared: tuple[str, ...] | None) -> Key:
    """The key of a table; pure.

    A declared key counts only where a unique index and NOT NULL keep its promise: without them two rows could
    share a key, and one of them would silently vanish from what is served.
    """
    primary = source.primary_key
    if declared is None:
        return _primary(source, primary)
    if primary is not None and set(declared) == set(primary.columns):
        return _primary(source, primary)
    return declared, True, _declared_problem(source, declared)


def _primary(source: SourceTable, primary: UniqueIndex | None) -> Key:
    if primary is None:
        return (), False, KeyProblem("it has no primary key", _offer(source))
    if primary.deferrable:
        hint = (
            f"make it immediate: ALTER TABLE {source.table} DROP CONSTRAINT {primary.name}, "
            f"ADD PRIMARY KEY ({', '.join(primary.columns)})"
        )
        reason = "its primary key is DEFERRABLE: a key can arrive created before it was deleted"
        return primary.columns, False, KeyProblem(reason, hint)
    return primary.columns, False, None


def _offer(source: SourceTable) -> str:
    candidates = [index for index in source.unique if _usable(source, index)]
    if candidates:
        columns = ", ".join(candidates[0].columns)
        return f"write `key: [{columns}]` (unique index {candidates[0].name}), or add a primary key"
    return "add a primary key, or a unique index over NOT NULL columns and name them with `key:`"


def _usable(source: SourceTable, index: UniqueIndex) -> bool:
    return index.whole and not index.deferrable and not _nullable(source, index.columns)


def _nullable(source: SourceTable, columns: tuple[str, ...]) -> list[str]:
    return [column.name for column in source.columns if column.name in columns and not column.not_null]


def _declared_problem(source: SourceTable, declared: tuple[str, ...]) -> KeyProblem | None:
    nullable = _nullable(source, declared)
    if nullable:
        alter = ", ".join(f"ALTER COLUMN {name} SET NOT NULL" for name in nullable)
        return KeyProblem(
            f"the declared key can be NULL in {', '.join(nullable)}: such a row would have no identity",
            f"ALTER TABLE {source.table} {alter}",
        )
    if any(_usable(source, index) and set(index.columns) <= set(declared) for index in source.unique):
        return None
    columns = ", ".join(declared)
    return KeyProblem(
        f"no immediate unique index keeps the declared key ({columns}) unique: of two rows with one key "
        "only the later would be served",
        f"CREATE UNIQUE INDEX CONCURRENTLY ON {source.table} ({columns})",
    )
