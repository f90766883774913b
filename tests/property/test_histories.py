"""The history machinery itself, on PostgreSQL alone: the oracle must agree with the database."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.histories import KEY_SPACE, History, Statement, intents, random_intents, resolve
from tests.property.model import Model
from tests.property.replay import Replayer, create_tables, differences, postgres_reader
from tests.property.tables import FORBIDDEN, TABLES, Value
from tests.temporary_postgres import TemporaryPostgres


class Bench:
    """A database with all tables; `check` plays a history on emptied tables and compares."""

    def __init__(self, server: TemporaryPostgres) -> None:
        server.recreate("histories")
        self.connection = server.connect("histories")
        create_tables(self.connection, TABLES.values(), full_identity=True)
        self.replayer = Replayer(lambda: server.connect("histories"))

    def close(self) -> None:
        self.replayer.close()
        self.connection.close()

    def check(self, history: History) -> None:
        self.connection.execute("TRUNCATE " + ", ".join(TABLES))  # type: ignore[call-overload]
        self.replayer.run(history)
        read = postgres_reader(self.connection)
        for table in history.tables:
            found = differences(table, history.model.committed[table.name], read(table), by_text=True)
            assert found == []


@pytest.fixture(scope="module")
def bench(postgres_server):
    bench = Bench(postgres_server)
    yield bench
    bench.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(wanted=st.lists(intents(), max_size=80), forbidden=st.booleans())
def test_drawn_histories_leave_what_the_oracle_says(bench, wanted, forbidden):
    bench.check(resolve(wanted, forbidden=forbidden))


@pytest.mark.parametrize("seed", range(3))
def test_long_random_histories_leave_what_the_oracle_says(bench, seed):
    history = resolve(random_intents(seed, 800), forbidden=True)
    bench.check(history)
    verbs = Counter(statement.verb for statement in history.statements)
    wanted = (
        "insert upsert update update_some update_each rekey delete reinsert copy touch refused truncate"
        " begin commit rollback savepoint release"
    )
    assert not set(wanted.split()) - set(verbs)


@pytest.mark.parametrize("name", TABLES)
def test_every_value_of_every_pool_is_what_postgresql_prints(bench, name):
    table = TABLES[name]
    read = postgres_reader(bench.connection)
    for place, column in enumerate(table.columns):
        pool: list[Value | None] = [*column.pool, *FORBIDDEN.get(column.sql_type, ())]
        bench.connection.execute("TRUNCATE " + name)  # type: ignore[call-overload]
        rows = []
        for number in range(KEY_SPACE if place < table.key_width else len(pool)):
            row = list(table.random_row(table.key_of(number), 0))
            if place >= table.key_width:
                row[place] = pool[number]
            rows.append([None if value is None else value.text for value in row])
        with bench.connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        assert sorted(map(repr, read(table))) == sorted(map(repr, rows)), column.name


def test_the_comparison_sees_every_kind_of_difference(bench):
    table = TABLES["plain"]
    history = resolve(random_intents(1, 200, ["plain"], truncate=False), ["plain"])
    contents = history.model.committed["plain"]
    rows = [[None if v is None else v.text for v in row] for row in contents.values()]
    assert len(rows) > 5
    assert differences(table, contents, rows, by_text=True) == []
    assert "missing" in differences(table, contents, rows[1:], by_text=True)[0]
    assert "twice" in differences(table, contents, [*rows, rows[0]], by_text=True)[0]
    assert "not in" in differences(table, contents, [*rows, ["77", *rows[0][1:]]], by_text=True)[0]
    for place in range(1, len(table.columns)):
        changed = [row[:] for row in rows]
        changed[0][place] = "other" if changed[0][place] is None else None
        assert f".{table.columns[place].name}:" in differences(table, contents, changed, by_text=True)[0]
    plain = [[None if v is None else v.plain for v in row] for row in contents.values()]
    assert differences(table, contents, plain, by_text=False) == []
    plain[0][2] = "0.001"
    assert len(differences(table, contents, plain, by_text=False)) == 1


def test_a_statement_that_ends_otherwise_than_the_history_says_is_an_error(bench, postgres_server):
    bench.connection.execute("TRUNCATE plain; INSERT INTO plain (id) VALUES (1)")
    history = History([TABLES["plain"]], [], Model([TABLES["plain"]]))
    replayer = Replayer(lambda: postgres_server.connect("histories"))
    for sql, fails in (
        ("INSERT INTO plain (id) VALUES (1)", None),
        ("INSERT INTO plain (id) VALUES (1)", "42P01"),
        ("INSERT INTO plain (id) VALUES (2)", "23505"),
    ):
        history.statements = [Statement(0, sql, fails=fails)]
        with pytest.raises(AssertionError):
            replayer.run(history)
    replayer.close()
