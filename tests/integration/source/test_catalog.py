"""Every refusal of the catalogue, on real servers, and what a good table's contract says."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.contract import Conversion, Mask, Refusal
from headrace.hops.source.catalog import contracts
from headrace.hops.source.client import SourceClient
from headrace.hops.source.types import CONVERSIONS, REFUSED
from headrace.names import TableName
from headrace.spec.model import Declaration


def declare(**tables: Any) -> Declaration:
    return Declaration.model_validate(
        {"project": "shop", "tables": {name.replace("__dot__", "."): o for name, o in tables.items()}}
    )


def refused(client: SourceClient, **tables: Any) -> list[Refusal]:
    good, refusals = contracts(client, declare(**tables))
    named = {refusal.table for refusal in refusals}
    assert not [c for c in good if c.table in named], "a refused table must have no contract"
    assert all(refusal.reason and refusal.hint and refusal.where for refusal in refusals)
    return refusals


def test_a_good_table(client: SourceClient) -> None:
    client.execute(
        "CREATE DOMAIN price AS numeric(12,2); CREATE DOMAIN low_price AS price CHECK (value < 10);"
        "CREATE TYPE mood AS ENUM ('a', 'b');"
        "CREATE TABLE orders (region text, id numeric(10,0), at timestamptz NOT NULL, p low_price, m mood,"
        " secret text, junk interval, tags text[], flag bit(1), PRIMARY KEY (id, region))"
    )
    good, refusals = contracts(
        client,
        declare(
            orders={
                "exclude": ["junk"],
                "mask": {"secret": "hash"},
                "partitions": 3,
                "indexes": {"m": "inverted"},
                "retention": {"time": "1d"},
                "name": "sales",
                "flush_rows": 500,
            }
        ),
    )
    assert refusals == []
    (contract,) = good
    assert contract.table == TableName("public", "orders")
    assert (contract.served_name, contract.key) == ("sales", ("id", "region"))
    assert (contract.excluded, contract.partitions) == (("junk",), 3)
    assert (contract.retention_ms, contract.flush_rows) == (86_400_000, 500)
    assert not contract.declared_key
    assert not contract.partitioned
    found = {column.name: (column.pg_type, column.conversion, column.nullable) for column in contract.columns}
    assert found == {
        "region": ("text", Conversion.TEXT, False),
        "id": ("numeric(10,0)", Conversion.DECIMAL_TEXT, False),
        "at": ("timestamp with time zone", Conversion.TIMESTAMP_TZ, False),
        "p": ("numeric(12,2)", Conversion.DECIMAL, True),
        "m": ("mood", Conversion.TEXT, True),
        "secret": ("text", Conversion.TEXT, True),
        "tags": ("text[]", Conversion.JSON_TEXT, True),
        "flag": ("bit(1)", Conversion.BOOLEAN, True),
    }
    assert contract.column("secret").mask is Mask.HASH
    assert contract.column("m").index == "inverted"


def test_an_index_of_postgresql_becomes_one_of_pinot(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, code text UNIQUE, country text, city text,"
        " placed timestamptz, amount numeric(9,2), document jsonb, state text, note text, phone text,"
        " shop int, number int);"
        "CREATE INDEX ON orders (country, city); CREATE INDEX ON orders USING hash (state);"
        "CREATE INDEX ON orders (placed DESC); CREATE INDEX ON orders (amount);"
        "CREATE INDEX ON orders (document);"
        "CREATE INDEX ON orders (lower(note)); CREATE INDEX ON orders (city) WHERE state = 'open';"
        "CREATE INDEX ON orders (phone); CREATE UNIQUE INDEX ON orders (shop, number)"
    )
    declared = declare(orders={"indexes": {"state": "none", "note": "bloom"}, "mask": {"phone": "redact"}})
    ([contract], _) = contracts(client, declared)
    assert {column.name: column.index for column in contract.columns if column.index} == {
        "country": "inverted",
        "placed": "range",
        "note": "bloom",
        "shop": "inverted",
    }


def test_an_index_that_pinot_cannot_have_or_answers_wrongly_with_is_refused(client: SourceClient) -> None:
    columns = {"raw": "bytea", "document": "jsonb", "many": "integer[]", "loose": "numeric"}
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY, fine numeric(9,2),"
        + ", ".join(f"{name} {kind}" for name, kind in columns.items())  # type: ignore[arg-type]
        + ")"
    )
    for index in ("range", "bloom"):
        refusals = refused(client, t={"indexes": {"fine": index} | dict.fromkeys(columns, index)})
        assert {refusal.column: refusal.reason for refusal in refusals} == {
            name: f"a column of type {kind} cannot have a {index} index" for name, kind in columns.items()
        }
    assert contracts(client, declare(t={"indexes": dict.fromkeys(columns, "inverted")}))[1] == []


def test_a_partitioned_table(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE m (d date, id int, PRIMARY KEY (d, id)) PARTITION BY RANGE (d);"
        "CREATE TABLE m_24 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
    )
    good, refusals = contracts(client, declare(m=None))
    assert refusals == []
    assert good[0].partitioned
    (refusal,) = refused(client, m_24=None)
    assert "declare the partitioned table" in refusal.hint


def test_a_declared_key(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE t (a int NOT NULL, b text NOT NULL, c int); CREATE UNIQUE INDEX t_ab ON t (b, a)"
    )
    good, refusals = contracts(client, declare(t={"key": ["a", "b"]}))
    assert refusals == []
    assert good[0].key == ("a", "b")
    assert good[0].declared_key


def test_the_primary_key_named_again_is_no_declared_key(client: SourceClient) -> None:
    client.execute("CREATE TABLE t (a int, b text, PRIMARY KEY (a, b))")
    good, _ = contracts(client, declare(t={"key": ["b", "a"]}))
    assert good[0].key == ("a", "b")
    assert not good[0].declared_key


TABLES = {
    "view": ("CREATE VIEW t AS SELECT 1 AS a", "a view", "behind it"),
    "materialized": ("CREATE MATERIALIZED VIEW t AS SELECT 1 AS a", "materialized view", "behind it"),
    "sequence": ("CREATE SEQUENCE t", "a sequence", "behind it"),
    "unlogged": ("CREATE UNLOGGED TABLE t (id int PRIMARY KEY)", "unlogged", "SET LOGGED"),
    "parent": (
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE k () INHERITS (t)",
        "inherit",
        "partitioning",
    ),
    "child": (
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (PRIMARY KEY (id)) INHERITS (p)",
        "inherits",
        "partitioning",
    ),
    "keyless": ("CREATE TABLE t (a int)", "no primary key", "add a primary key"),
    "keyless_with_index": (
        "CREATE TABLE t (a int NOT NULL UNIQUE)",
        "no primary key",
        "write `key: [a]` (unique index t_a_key)",
    ),
    "keyless_with_partial_index": (
        "CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX ON t (a) WHERE a > 0",
        "no primary key",
        "add a primary key",
    ),
    "deferrable": ("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)", "DEFERRABLE", "ADD PRIMARY KEY (id)"),
    "case": ('CREATE TABLE t (id int PRIMARY KEY, a int, "A" int)', "only by case", "rename"),
    "system": ("CREATE TABLE t (id int PRIMARY KEY, __kind int)", "beginning with __", "exclude: [__kind]"),
    "dotted": ('CREATE TABLE t (id int PRIMARY KEY, "a.b" int)', "letters, digits", "exclude: [a.b]"),
    "spaced": ('CREATE TABLE t (id int PRIMARY KEY, "a b" int)', "letters, digits", "exclude: [a b]"),
    "dollar": ('CREATE TABLE t (id int PRIMARY KEY, "$docId" int)', "letters, digits", "exclude"),
    "generated": (
        "CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id + 1) STORED)",
        "generated column",
        "exclude: [g]",
    ),
    "type": ("CREATE TABLE t (id int PRIMARY KEY, v interval)", "interval", "exclude: [v]"),
    "unknown_type": (
        "CREATE TYPE text AS (a int); CREATE TABLE t (id int PRIMARY KEY, v public.text)",
        "composite",
        "exclude: [v]",
    ),
    "own_array": (
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, v mood[])",
        "arrays of this kind",
        "exclude",
    ),
    "negative_scale": ("CREATE TABLE t (id int PRIMARY KEY, v numeric(4,-2))", "negative scale", "exclude"),
    "float_key": ("CREATE TABLE t (id float8 PRIMARY KEY)", "compared exactly", "another `key`"),
    "timestamp_key": ("CREATE TABLE t (id timestamp PRIMARY KEY)", "compared exactly", "another `key`"),
    "jsonb_key": ("CREATE TABLE t (id jsonb PRIMARY KEY)", "compared exactly", "another `key`"),
    "micros": (
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp, at__micros bigint)",
        "exact instants of at",
        "exclude: [at__micros]",
    ),
    "missing": ("CREATE TABLE tt (id int PRIMARY KEY)", "no such table", "did you mean public.tt?"),
    "missing_schema": (
        "CREATE SCHEMA sales; CREATE TABLE sales.t (id int PRIMARY KEY)",
        "no such table",
        "did you mean sales.t?",
    ),
}


@pytest.mark.parametrize("case", sorted(TABLES))
def test_refused(server: Any, case: str) -> None:
    setup, reason, hint = TABLES[case]
    if case == "negative_scale":
        server.skip_before(15, "negative scale")
    with SourceClient.connect(server.recreate(f"refused_{case}")) as client:
        client.execute(setup)  # pyright: ignore[reportArgumentType]
        (refusal,) = refused(client, t=None)
    assert reason in refusal.reason
    assert hint in refusal.hint


def test_every_type_of_the_server_is_carried_or_refused_with_its_reason(client: SourceClient) -> None:
    """Whatever a column can be made of, extensions that come with the server apart."""
    names = [
        str(row["typname"])
        for row in client.rows(
            "SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace"
            " AND typtype IN ('b', 'r', 'm')"
            " AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typtype IN ('c', 'p'))"
            " ORDER BY typname"
        )
    ]
    assert len(names) > 100
    columns = ", ".join(f'c{i} pg_catalog."{name}"' for i, name in enumerate(names))
    client.execute(f"CREATE TABLE every_type (id int PRIMARY KEY, {columns})")  # pyright: ignore[reportArgumentType]
    refusals = refused(client, every_type=None)
    found = {names[int((refusal.column or "")[1:])]: refusal.reason for refusal in refusals}
    assert set(found) == set(names) - set(CONVERSIONS)
    assert all(REFUSED.get(name, "") in reason for name, reason in found.items())
    (good,), refusals = contracts(client, declare(every_type={"exclude": [r.column for r in refusals]}))
    assert refusals == []
    assert len(good.columns) == 1 + len(names) - len(found)


def test_foreign_tables_and_partitions(client: SourceClient) -> None:
    client.execute(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE f (id int) SERVER s;"
        "CREATE TABLE p (id int) PARTITION BY RANGE (id);"
        "CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9) SERVER s"
    )
    first, *rest = refused(client, f=None, p=None)
    assert "a foreign table" in first.reason
    assert any("its partition public.p1 is a foreign table" in refusal.reason for refusal in rest)


def test_virtual_generated_columns(client: SourceClient) -> None:
    if client.connection.info.server_version < 180000:
        pytest.skip("PostgreSQL has them since 18")
    client.execute("CREATE TABLE t (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id + 1) VIRTUAL)")
    refusals = refused(client, t={"exclude": ["v"]})
    assert "virtual generated column" in refusals[0].reason
    client.execute("ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE t")
    client.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(Exception, match="cannot update table"):
        client.execute("UPDATE t SET id = 2")


def test_row_security(client: SourceClient, server: Any) -> None:
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON t TO reader"
    )
    assert contracts(client, declare(t=None))[1] == []
    name = client.connection.info.dbname
    with SourceClient.connect(server.address(name, "reader")) as reader:
        (refusal,) = refused(reader, t=None)
    assert "row security" in refusal.reason
    assert "BYPASSRLS" in refusal.hint


def test_all_errors_of_a_declaration_at_once(client: SourceClient) -> None:
    client.execute(
        "CREATE TABLE a (id int PRIMARY KEY, x interval, n int, l text[]);"
        "CREATE TABLE b (k int, l int NOT NULL, m int NOT NULL); CREATE UNIQUE INDEX ON b (m);"
        "CREATE TABLE c (k int NOT NULL)"
    )
    refusals = refused(
        client,
        a={"mask": {"id": "hash", "l": "redact", "q": "hash"}, "indexes": {"nn": "range"}},
        b={"key": ["k"]},
        c={"key": ["k"]},
        z=None,
    )
    said = {(r.table.table, r.column, r.reason.split(":")[0]) for r in refusals}
    assert said == {
        ("a", "id", "it is part of the key and masked"),
        ("a", "l", "an array cannot be masked"),
        ("a", "q", "there is no such column"),
        ("a", "nn", "there is no such column"),
        ("a", "x", "interval"),
        ("b", None, "the declared key can be NULL in k"),
        ("c", None, "no immediate unique index keeps the declared key (k) unique"),
        ("z", None, "there is no such table in the source"),
    }
    assert "did you mean n?" in next(r.hint for r in refusals if r.column == "nn")


def test_collisions(client: SourceClient) -> None:
    client.execute(
        "CREATE SCHEMA s; CREATE TABLE public.orders (id int PRIMARY KEY);"
        "CREATE TABLE s.orders (id int PRIMARY KEY);"
        'CREATE TABLE "ä" (id int PRIMARY KEY); CREATE TABLE "ö" (id int PRIMARY KEY)'
    )
    (refusal,) = refused(client, orders=None, s__dot__orders={"name": "Orders"})
    assert "same name" in refusal.reason
    (refusal,) = refused(client, ä={"name": "x"}, ö={"name": "y"})
    assert "topic would have the same name" in refusal.reason
