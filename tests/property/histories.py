"""Histories of transactions: what several sessions do to several tables, in one order.

A history is drawn as a list of short intents (`Intent`: session, verb, table, where in the key space, how
many keys, a seed for values), which shrink well. `resolve` turns intents into the statements that make sense
at that point and folds them into the oracle on the way: an insert takes keys that are not there, an update
ones that are, and keys another transaction holds are left alone, so every statement succeeds, or fails where
it is meant to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.property.model import Model, identity
from tests.property.tables import FORBIDDEN, TABLES, Key, Row, Table, Value, pick

SESSIONS = 3
KEY_SPACE = 60
"""Keys a table can have in a history; small, so that deleted keys come back."""


@dataclass(frozen=True)
class Intent:
    """What a session would like to do; numbers are taken modulo what there is."""

    session: int
    verb: str
    table: str
    start: int
    count: int
    seed: int


@dataclass(frozen=True)
class Statement:
    """One statement of one session. `copy` holds rows for COPY; `fails` is the SQLSTATE it must end with."""

    session: int
    sql: str
    parameters: tuple[str | None, ...] = ()
    copy: tuple[tuple[str | None, ...], ...] | None = None
    fails: str | None = None
    verb: str = ""

    def __repr__(self) -> str:
        shown = ", ".join(repr(p if p is None or len(p) < 20 else p[:20] + "…") for p in self.parameters[:8])
        return f"[{self.session}] {self.sql[:200]} ({shown})"


@dataclass
class History:
    """Statements in order, and the model after them: `model.committed` is what the tables must hold."""

    tables: list[Table]
    statements: list[Statement]
    model: Model
    truncated: set[str] = field(default_factory=set)


_WRITES = {
    "insert": 8,
    "upsert": 4,
    "update": 8,
    "update_some": 8,
    "update_each": 5,
    "rekey": 4,
    "delete": 6,
    "reinsert": 3,
    "copy": 2,
    "touch": 2,
    "refused": 2,
    "truncate": 1,
}
_CONTROL = {"begin": 8, "commit": 6, "rollback": 2, "savepoint": 4, "rollback_to": 3, "release": 2}
VERBS = tuple(name for name, weight in (_WRITES | _CONTROL).items() for _ in range(weight))


def intents(tables: Sequence[str] = tuple(TABLES)) -> st.SearchStrategy[Intent]:
    """One intent."""
    return st.builds(
        Intent,
        session=st.integers(0, SESSIONS - 1),
        verb=st.sampled_from(VERBS),
        table=st.sampled_from(tuple(tables)),
        start=st.integers(0, KEY_SPACE - 1),
        count=st.integers(1, 30),
        seed=st.integers(0, 2**16),
    )


def random_intents(
    seed: int, length: int, tables: Sequence[str] = tuple(TABLES), *, truncate: bool = True
) -> list[Intent]:
    """A long list of intents from a seed alone, for runs that go on longer than Hypothesis draws."""
    source = random.Random(seed)
    verbs = VERBS if truncate else tuple(verb for verb in VERBS if verb != "truncate")
    return [
        Intent(
            session=source.randrange(SESSIONS),
            verb=source.choice(verbs),
            table=source.choice(list(tables)),
            start=source.randrange(KEY_SPACE),
            count=source.choice((1, 1, 2, 5, 12, 30)),
            seed=source.randrange(2**16),
        )
        for _ in range(length)
    ]


def resolve(
    wanted: Sequence[Intent], tables: Sequence[str] = tuple(TABLES), *, forbidden: bool = False
) -> History:
    """Statements for the intents, every transaction ended; with `forbidden` some values cannot be carried."""
    chosen = [TABLES[name] for name in tables]
    resolver = _Resolver(History(chosen, [], Model(chosen)), forbidden)
    for intent in wanted:
        resolver.take(intent)
    for session in range(SESSIONS):
        if resolver.model.in_transaction(session):
            resolver.control(session, "rollback" if session == 2 else "commit")
    return resolver.history


class _Resolver:
    def __init__(self, history: History, forbidden: bool) -> None:
        self.history = history
        self.model = history.model
        self._forbidden = forbidden

    def take(self, intent: Intent) -> None:
        if intent.verb in _CONTROL:
            self.control(intent.session, intent.verb)
            return
        table = TABLES[intent.table]
        if not self.model.free_table(intent.session, table.name):
            return
        action: Callable[[Intent, Table], None] = getattr(self, f"_{intent.verb}")
        action(intent, table)

    def control(self, session: int, verb: str) -> None:
        inside, depth = self.model.in_transaction(session), self.model.depth(session)
        if verb == "begin" and not inside:
            self.model.begin(session)
            self._say(session, "BEGIN")
        elif verb in ("commit", "rollback") and inside:
            getattr(self.model, verb)(session)
            self._say(session, verb.upper())
        elif verb == "savepoint" and inside and depth < 3:
            self.model.savepoint(session)
            self._say(session, f"SAVEPOINT s{depth + 1}")
        elif verb == "rollback_to" and depth:
            self.model.rollback_to(session)
            self._say(session, f"ROLLBACK TO SAVEPOINT s{depth}")
        elif verb == "release" and depth:
            self.model.release(session)
            self._say(session, f"RELEASE SAVEPOINT s{depth}")

    def _say(self, session: int, sql: str, verb: str = "") -> None:
        self.history.statements.append(Statement(session, sql, verb=verb or sql.split()[0].lower()))

    def _keys(self, intent: Intent, table: Table, *, existing: bool | None) -> list[Key]:
        """Keys from `start` on that are free, and that exist or not as asked."""
        found: list[Key] = []
        for offset in range(KEY_SPACE):
            key = table.key_of((intent.start + offset) % KEY_SPACE)
            name = identity(key)
            there = self.model.visible(intent.session, table.name, name) is not None
            if existing in (None, there) and self.model.free(intent.session, table.name, name):
                found.append(key)
            if len(found) == intent.count:
                break
        return found

    def _row(self, table: Table, key: Key, seed: int) -> Row:
        row = table.random_row(key, seed)
        if self._forbidden and seed % 23 == 7:
            places = [
                n for n, c in enumerate(table.columns) if n >= table.key_width and c.sql_type in FORBIDDEN
            ]
            if places:
                place = places[seed % len(places)]
                pool = FORBIDDEN[table.columns[place].sql_type]
                row = (*row[:place], pool[seed % len(pool)], *row[place + 1 :])
        return row

    def _rows(self, intent: Intent, table: Table, keys: list[Key]) -> list[Row]:
        return [self._row(table, key, intent.seed + n) for n, key in enumerate(keys)]

    def _emit(self, intent: Intent, sql: str, values: Sequence[Value | None]) -> None:
        parameters = tuple(None if value is None else value.text for value in values)
        self.history.statements.append(Statement(intent.session, sql, parameters, verb=intent.verb))

    def _put(self, intent: Intent, table: Table, row: Row) -> None:
        self.model.put(intent.session, table.name, identity(row[: table.key_width]), row)  # type: ignore[arg-type]

    def _insert(self, intent: Intent, table: Table) -> None:
        keys = self._keys(intent, table, existing=False)
        if keys:
            rows = self._rows(intent, table, keys)
            self._emit(intent, f"INSERT INTO {table.name} VALUES {_rows_sql(table, rows)}", _flat(rows))
            for row in rows:
                self._put(intent, table, row)

    def _upsert(self, intent: Intent, table: Table) -> None:
        keys = self._keys(intent, table, existing=None)
        if keys:
            rows = self._rows(intent, table, keys)
            key = ", ".join(c.name for c in table.key_columns)
            changes = ", ".join(f"{c.name} = EXCLUDED.{c.name}" for c in table.value_columns)
            self._emit(
                intent,
                f"INSERT INTO {table.name} VALUES {_rows_sql(table, rows)}"
                f" ON CONFLICT ({key}) DO UPDATE SET {changes}",
                _flat(rows),
            )
            for row in rows:
                self._put(intent, table, row)

    def _update(self, intent: Intent, table: Table) -> None:
        """All columns of several rows to the same values."""
        self._set(intent, table, list(range(table.key_width, len(table.columns))))

    def _update_some(self, intent: Intent, table: Table) -> None:
        """One or two columns, never a big one: what lies out of line stays untouched."""
        places = [n for n, c in enumerate(table.columns) if n >= table.key_width and not c.big]
        source = random.Random(intent.seed)
        self._set(intent, table, sorted(source.sample(places, min(len(places), 1 + intent.seed % 2))))

    def _touch(self, intent: Intent, table: Table) -> None:
        """An update that changes nothing."""
        keys = self._keys(intent, table, existing=True)
        if keys:
            column = table.value_columns[0].name
            condition, values = _where(table, keys)
            self._emit(intent, f"UPDATE {table.name} SET {column} = {column} WHERE {condition}", values)
            for key in keys:
                self.model.touch(intent.session, table.name, identity(key))

    def _set(self, intent: Intent, table: Table, places: list[int]) -> None:
        keys = self._keys(intent, table, existing=True)
        if not keys:
            return
        sample = self._row(table, keys[0], intent.seed)
        condition, key_values = _where(table, keys)
        changes = ", ".join(f"{table.columns[n].name} = %s::{table.columns[n].sql_type}" for n in places)
        self._emit(
            intent,
            f"UPDATE {table.name} SET {changes} WHERE {condition}",
            [*(sample[n] for n in places), *key_values],
        )
        for key in keys:
            old = self.model.visible(intent.session, table.name, identity(key))
            assert old is not None
            self._put(intent, table, tuple(sample[n] if n in places else v for n, v in enumerate(old)))

    def _update_each(self, intent: Intent, table: Table) -> None:
        """One column of several rows, each to a value of its own, in one statement."""
        keys = self._keys(intent, table, existing=True)
        places = [n for n, c in enumerate(table.columns) if n >= table.key_width and not c.big]
        if not keys:
            return
        place = places[intent.seed % len(places)]
        column = table.columns[place]
        pairs = [(key, pick(column, intent.seed + 37 * n)) for n, key in enumerate(keys)]
        names = [f"k{n}" for n in range(table.key_width)]
        one = ", ".join([*(f"%s::{c.sql_type}" for c in table.key_columns), f"%s::{column.sql_type}"])
        match = " AND ".join(f"t.{c.name} = v.{k}" for c, k in zip(table.key_columns, names, strict=True))
        listed = ", ".join([f"({one})"] * len(pairs))
        self._emit(
            intent,
            f"UPDATE {table.name} t SET {column.name} = v.x FROM (VALUES {listed})"
            f" v({', '.join([*names, 'x'])}) WHERE {match}",
            [value for key, new in pairs for value in (*key, new)],
        )
        for key, new in pairs:
            old = self.model.visible(intent.session, table.name, identity(key))
            assert old is not None
            self._put(intent, table, (*old[:place], new, *old[place + 1 :]))

    def _rekey(self, intent: Intent, table: Table) -> None:
        """A primary-key change; in a partitioned table it may move the row to another partition."""
        old_keys = self._keys(intent, table, existing=True)[:3]
        new_keys = self._keys(intent, table, existing=False)[: len(old_keys)]
        for old_key, new_key in zip(old_keys, new_keys, strict=False):
            row = self.model.visible(intent.session, table.name, identity(old_key))
            assert row is not None
            changes = ", ".join(f"{c.name} = %s::{c.sql_type}" for c in table.key_columns)
            condition, values = _where(table, [old_key])
            self._emit(intent, f"UPDATE {table.name} SET {changes} WHERE {condition}", [*new_key, *values])
            self.model.put(intent.session, table.name, identity(old_key), None)
            self._put(intent, table, (*new_key, *row[table.key_width :]))

    def _delete(self, intent: Intent, table: Table) -> None:
        keys = self._keys(intent, table, existing=True)
        if keys:
            condition, values = _where(table, keys)
            self._emit(intent, f"DELETE FROM {table.name} WHERE {condition}", values)
            for key in keys:
                self.model.put(intent.session, table.name, identity(key), None)

    def _reinsert(self, intent: Intent, table: Table) -> None:
        """Delete and insert again, in one transaction when one is open."""
        keys = self._keys(intent, table, existing=True)
        if keys:
            self._delete(intent, table)
            rows = self._rows(intent, table, keys)
            self._emit(intent, f"INSERT INTO {table.name} VALUES {_rows_sql(table, rows)}", _flat(rows))
            for row in rows:
                self._put(intent, table, row)

    def _copy(self, intent: Intent, table: Table) -> None:
        keys = self._keys(intent, table, existing=False)
        if keys:
            rows = self._rows(intent, table, keys)
            texts = tuple(tuple(None if v is None else v.text for v in row) for row in rows)
            self.history.statements.append(
                Statement(intent.session, f"COPY {table.name} FROM STDIN", copy=texts, verb="copy")
            )
            for row in rows:
                self._put(intent, table, row)

    def _refused(self, intent: Intent, table: Table) -> None:
        """A statement that writes new rows and then fails on a key that exists: nothing of it may be seen."""
        new = self._keys(intent, table, existing=False)[:5]
        old = self._keys(intent, table, existing=True)[:1]
        if not old:
            return
        inside = self.model.in_transaction(intent.session)
        rows = self._rows(intent, table, [*new, *old])
        if inside:
            self._say(intent.session, "SAVEPOINT refused")
        parameters = tuple(None if value is None else value.text for value in _flat(rows))
        sql = f"INSERT INTO {table.name} VALUES {_rows_sql(table, rows)}"
        self.history.statements.append(
            Statement(intent.session, sql, parameters, fails="23505", verb="refused")
        )
        if inside:
            self._say(intent.session, "ROLLBACK TO SAVEPOINT refused")
            self._say(intent.session, "RELEASE SAVEPOINT refused")

    def _truncate(self, intent: Intent, table: Table) -> None:
        if self.model.can_truncate(intent.session, table.name):
            self._say(intent.session, f"TRUNCATE {table.name}")
            self.model.truncate(intent.session, table.name)
            self.history.truncated.add(table.name)


def _rows_sql(table: Table, rows: Sequence[Row]) -> str:
    one = "(" + ", ".join(f"%s::{column.sql_type}" for column in table.columns) + ")"
    return ", ".join([one] * len(rows))


def _where(table: Table, keys: Sequence[Key]) -> tuple[str, list[Value]]:
    names = ", ".join(c.name for c in table.key_columns)
    one = "(" + ", ".join(f"%s::{c.sql_type}" for c in table.key_columns) + ")"
    return f"({names}) IN ({', '.join([one] * len(keys))})", [value for key in keys for value in key]


def _flat(rows: Sequence[Row]) -> list[Value | None]:
    return [value for row in rows for value in row]
