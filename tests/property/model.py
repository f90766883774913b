"""The oracle: what the tables hold, folded in plain Python from what was committed.

It shares no code with headrace. Sessions see what is committed and their own changes; a savepoint is a layer
that can be thrown away. Keys an open transaction has touched are its own until it ends, so that a history
replayed statement by statement never waits for a lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.property.tables import NOT_CARRIED, Key, Row, Table

Contents = dict[tuple[str, ...], Row]
"""Rows of a table by the texts of their key."""


def identity(key: Key) -> tuple[str, ...]:
    return tuple(value.text for value in key)


@dataclass
class _Layer:
    """Changes since a savepoint: by table, the key's new row or None where it was deleted."""

    changes: dict[str, dict[tuple[str, ...], Row | None]] = field(default_factory=dict)
    truncated: set[str] = field(default_factory=set)

    def put_over(self, below: _Layer) -> None:
        for table in self.truncated:
            below.truncated.add(table)
            below.changes[table] = {}
        for table, rows in self.changes.items():
            below.changes.setdefault(table, {}).update(rows)


class Model:
    """The state of all tables, committed and in open transactions."""

    def __init__(self, tables: list[Table]) -> None:
        self.committed: dict[str, Contents] = {table.name: {} for table in tables}
        self._open: dict[int, list[_Layer]] = {}
        self._keys: dict[int, set[tuple[str, tuple[str, ...]]]] = {}
        self._exclusive: dict[int, set[str]] = {}

    def in_transaction(self, session: int) -> bool:
        return session in self._open

    def depth(self, session: int) -> int:
        """Savepoints open in the session."""
        return len(self._open[session]) - 1 if session in self._open else 0

    def visible(self, session: int, table: str, key: tuple[str, ...]) -> Row | None:
        for layer in reversed(self._open.get(session, [])):
            if key in layer.changes.get(table, {}):
                return layer.changes[table][key]
            if table in layer.truncated:
                return None
        return self.committed[table].get(key)

    def view(self, session: int, table: str) -> Contents:
        rows: dict[tuple[str, ...], Row | None] = dict(self.committed[table])
        for layer in self._open.get(session, []):
            if table in layer.truncated:
                rows = {}
            rows.update(layer.changes.get(table, {}))
        return {key: row for key, row in rows.items() if row is not None}

    def free(self, session: int, table: str, key: tuple[str, ...]) -> bool:
        """Whether no other open transaction has touched the key."""
        return self.free_table(session, table) and not any(
            (table, key) in keys for other, keys in self._keys.items() if other != session
        )

    def free_table(self, session: int, table: str) -> bool:
        return not any(table in tables for other, tables in self._exclusive.items() if other != session)

    def can_truncate(self, session: int, table: str) -> bool:
        untouched = not any(
            name == table for other, keys in self._keys.items() if other != session for name, _ in keys
        )
        return untouched and self.free_table(session, table)

    def begin(self, session: int) -> None:
        self._open[session] = [_Layer()]
        self._keys[session] = set()
        self._exclusive[session] = set()

    def savepoint(self, session: int) -> None:
        self._open[session].append(_Layer())

    def rollback_to(self, session: int) -> None:
        self._open[session][-1] = _Layer()

    def release(self, session: int) -> None:
        top = self._open[session].pop()
        top.put_over(self._open[session][-1])

    def touch(self, session: int, table: str, key: tuple[str, ...]) -> None:
        """Note a lock without a change (a row written and rolled back, a refused insert)."""
        if session in self._keys:
            self._keys[session].add((table, key))

    def put(self, session: int, table: str, key: tuple[str, ...], row: Row | None) -> None:
        if session not in self._open:
            self._commit_one(table, key, row)
            return
        self.touch(session, table, key)
        self._open[session][-1].changes.setdefault(table, {})[key] = row

    def truncate(self, session: int, table: str) -> None:
        if session not in self._open:
            self.committed[table].clear()
            return
        self._exclusive[session].add(table)
        layer = self._open[session][-1]
        layer.truncated.add(table)
        layer.changes[table] = {}

    def commit(self, session: int) -> None:
        while self.depth(session):
            self.release(session)
        layer = self._open[session][0]
        for table in layer.truncated:
            self.committed[table].clear()
        for table, rows in layer.changes.items():
            for key, row in rows.items():
                self._commit_one(table, key, row)
        self._end(session)

    def rollback(self, session: int) -> None:
        self._end(session)

    def _end(self, session: int) -> None:
        del self._open[session], self._keys[session], self._exclusive[session]

    def _commit_one(self, table: str, key: tuple[str, ...], row: Row | None) -> None:
        if row is None:
            self.committed[table].pop(key, None)
        else:
            self.committed[table][key] = row


def expected_rows(contents: Contents) -> Contents:
    """What a reader of the analytical copy must see: the rows with no value that has to be set aside."""
    return {
        key: row
        for key, row in contents.items()
        if not any(value is not None and value.plain is NOT_CARRIED for value in row)
    }
