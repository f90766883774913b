from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from headrace.errors import HeadraceError
from headrace.feed.csv_reader import Dialect
from headrace.feed.load import LoadOptions, LoadReport, load_csv
from headrace.names import TableName
from tests.temporary_postgres import TemporaryPostgres

T = TableName("public", "t")


@pytest.fixture
def connection(postgres_server: TemporaryPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.recreate("load"), autocommit=True) as connection:
        yield connection


def load(connection: psycopg.Connection, text: str | bytes, tmp_path: Path, **options: object) -> LoadReport:
    data = text.encode() if isinstance(text, str) else text
    options.setdefault("reject_file", tmp_path / "rejects.csv")
    return load_csv(connection, io.BytesIO(data), T, LoadOptions(**options))  # type: ignore[arg-type]


def rows(connection: psycopg.Connection, query: str = "TABLE t") -> list[tuple[object, ...]]:
    return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_creates_a_table_with_types_that_hold_for_the_whole_file(connection, tmp_path):
    early = "".join(f"{n},{n},{n},2020-01-01\n" for n in range(1, 3001))
    text = f"Id,Code,Amount,When\n{early}3001,0042,2.50,2020-01-01 10:00\n"
    report = load(connection, text, tmp_path, create=True, key=("Id",))
    assert [kind for _, _, kind in report.columns] == ["bigint", "text", "numeric", "timestamp"]
    assert report.created
    assert report.inserted == 3001
    assert rows(connection, "SELECT code, amount::text FROM t WHERE id = 3001") == [("0042", "2.50")]


def test_identity_column_when_there_is_no_key(connection, tmp_path):
    load(connection, "a,b\nx,1\ny,2\n", tmp_path, create=True)
    assert rows(connection) == [(1, "x", 1), (2, "y", 2)]
    load(connection, "a,b\nz,3\n", tmp_path)
    assert rows(connection, "SELECT id FROM t WHERE a = 'z'") == [(3,)]


def test_identity_column_steps_aside_for_an_id_of_the_file(connection, tmp_path):
    load(connection, "id\n7\n7\n", tmp_path, create=True)
    assert rows(connection) == [(1, 7), (2, 7)]


def test_repeating_a_keyed_load_writes_nothing(connection, tmp_path):
    text = "k,v,w\n" + "".join(f"{n},value {n},{n}.50\n" for n in range(5000))
    first = load(connection, text, tmp_path, create=True, key=("k",))
    assert (first.inserted, first.updated, first.unchanged) == (5000, 0, 0)
    before = rows(connection, "SELECT xmin, xmax, ctid FROM t ORDER BY k")
    wal = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    second = load(connection, text, tmp_path, key=("k",))
    assert (second.inserted, second.updated, second.unchanged) == (0, 0, 5000)
    assert rows(connection, "SELECT xmin, xmax, ctid FROM t ORDER BY k") == before
    written = connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", wal).fetchone()
    assert written is not None
    assert written[0] < 200_000  # the catalogue rows of the temporary tables, not 5,000 row versions


def test_a_keyed_load_writes_only_what_differs(connection, tmp_path):
    load(connection, "k,v,w\n1,a,1.5\n2,b,2\n3,,3\n", tmp_path, create=True, key=("k",))
    report = load(connection, "k,v,w\n1,a,1.50\n2,b,2\n3,c,3\n4,d,4\n", tmp_path)
    assert report.key == ("k",)
    assert (report.inserted, report.updated, report.unchanged) == (1, 2, 1)
    assert rows(connection, "SELECT k, v, w::text FROM t ORDER BY k") == [
        (1, "a", "1.50"),
        (2, "b", "2"),
        (3, "c", "3"),
        (4, "d", "4"),
    ]


def test_of_several_lines_with_one_key_the_last_wins(connection, tmp_path):
    report = load(connection, "k,v\n1,a\n2,b\n1,c\n01,d\n", tmp_path, create=True, key=("k",))
    assert report.duplicates == 1  # 01 makes the key a text: three different keys
    connection.execute("DROP TABLE t; CREATE TABLE t (k int PRIMARY KEY, v text)")
    report = load(connection, "k,v\n1,a\n2,b\n1,c\n01,d\n", tmp_path)
    assert (report.duplicates, report.inserted) == (2, 2)
    assert rows(connection) == [(2, "b"), (1, "d")]


def test_bad_lines_go_to_the_reject_file_and_the_rest_loads(connection, tmp_path):
    connection.execute(
        "CREATE TABLE t (k int PRIMARY KEY, v varchar(5), n numeric NOT NULL, CHECK (n < 100), d date)"
    )
    text = (
        b"k,v,n,d\n"
        b"1,a,1,2020-01-01\n"
        b"2,b\n"
        b"3,\xff\xfe,1,\n"
        b"4,n\x00l,1,\n"
        b'5,"open,1,\n'
        b"6,b,x,\n"
        b"7,toolong,1,\n"
        b"8,b,,\n"
        b"9,b,100,\n"
        b"10,b,1,2020-02-30\n"
        b",b,1,\n"
        b'12,"a,b",2,\n'
        b'13,"a\nb",3,\n'
        b"14,c,4,2020-12-31\n"
    )
    report = load(connection, text, tmp_path)
    assert rows(connection, "SELECT k, v FROM t ORDER BY k") == [
        (1, "a"),
        (12, "a,b"),
        (13, "a\nb"),
        (14, "c"),
    ]
    lines = (tmp_path / "rejects.csv").read_text().splitlines()
    reasons = {int(line.split(",")[0]): line.split(",", 1)[1] for line in lines[1:]}
    assert report.rejected == 10
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    for line, part in {
        3: "2 fields instead of 4",
        4: "not valid utf-8",
        5: "NUL byte",
        6: "quote",
        7: "invalid input syntax for type numeric",
        8: "longer than 5",
        9: "n may not be null",
        10: "violates the constraint",
        11: "out of range",
        12: "k may not be null",
    }.items():
        assert part in reasons[line]
    assert (tmp_path / "rejects.csv").stat().st_mode & 0o077 == 0


def test_too_many_bad_lines_load_nothing(connection, tmp_path):
    connection.execute("CREATE TABLE t (k int PRIMARY KEY)")
    with pytest.raises(HeadraceError) as caught:
        load(connection, "k\n1\nx\n2\ny\nz\n", tmp_path, max_rejects=2)
    assert caught.value.code == "too-many-rejects"
    assert rows(connection) == []
    assert len((tmp_path / "rejects.csv").read_text().splitlines()) == 4


def test_thousands_of_unparsable_values_are_found_quickly(connection, tmp_path):
    connection.execute("CREATE TABLE t (k int PRIMARY KEY, v int)")
    text = "k,v\n" + "".join(f"{n},{'x' if n % 20 == 0 else n}\n" for n in range(20_000))
    report = load(connection, text, tmp_path, max_rejects=1000)
    assert (report.rejected, report.inserted) == (1000, 19_000)
    assert report.elapsed_s < 30


def test_gzip_is_told_by_content_and_a_cut_file_loads_nothing(connection, tmp_path):
    body = gzip.compress(b"k,v\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    report = load(connection, body, tmp_path, create=True, key=("k",))
    assert report.inserted == 5000
    with pytest.raises(HeadraceError) as caught:
        load(connection, gzip.compress(b"k,v\n9999,1\n" * 9)[:-12], tmp_path)
    assert caught.value.code == "csv-gzip-broken"
    assert rows(connection, "SELECT count(*) FROM t") == [(5000,)]


def test_encodings_delimiters_and_null_texts(connection, tmp_path):
    dialect = Dialect(delimiter=";", encoding="utf-16", null="NA")
    text = 'k;v\n1;"NA"\n2;NA\n3;grün\n4;\n'.encode("utf-16")
    load(connection, text, tmp_path, create=True, key=("k",), dialect=dialect)
    assert rows(connection) == [(1, "NA"), (2, None), (3, "grün"), (4, "")]
    load(
        connection,
        "5|müde".encode("cp1252"),
        tmp_path,
        dialect=Dialect(delimiter="|", encoding="cp1252", header=False),
    )
    assert rows(connection, "SELECT v FROM t WHERE k = 5") == [("müde",)]


def test_values_that_copy_would_mistake_arrive_unchanged(connection, tmp_path):
    values = ["\\N", "\\.", "a\tb", "c\\td", "e\r\nf", 'g"h', "", " pad ", "ü", "\\", "😀"]
    text = "k,v\n" + "".join(f'{n},"{v.replace(chr(34), chr(34) * 2)}"\n' for n, v in enumerate(values))
    load(connection, text, tmp_path, create=True, key=("k",))
    assert [v for (v,) in rows(connection, "SELECT v FROM t ORDER BY k")] == values


def test_sequences_move_past_loaded_values(connection, tmp_path):
    connection.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)")
    load(connection, "id,v\n41,a\n", tmp_path)
    assert rows(connection, "INSERT INTO t (v) VALUES ('b') RETURNING id") == [(42,)]
    load(connection, "id,v\n5,a\n", tmp_path)
    assert rows(connection, "INSERT INTO t (v) VALUES ('c') RETURNING id") == [(43,)]


def test_always_identity_values_of_the_file_are_kept(connection, tmp_path):
    connection.execute("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)")
    load(connection, "id,v\n41,a\n", tmp_path)
    assert rows(connection) == [(41, "a")]


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("", {"create": True}, "csv-empty"),
        ("a,a\n1,2\n", {"create": True}, "csv-header-name"),
        ("a,\n1,2\n", {"create": True}, "csv-header-name"),
        ("a\n1\n", {}, "table-missing"),
        ("a\n1\n", {"create": True, "key": ("b",)}, "csv-key"),
        ("a\n1\n", {"create": True, "dialect": Dialect(encoding="klingon")}, "csv-encoding"),
        ("a\n1\n", {"create": True, "dialect": Dialect(delimiter='"')}, "csv-delimiter"),
        (b"\xff\n1\n", {"create": True}, "csv-header-unreadable"),
    ],
)
def test_known_failures_have_a_code(connection, tmp_path, text, options, code):
    with pytest.raises(HeadraceError) as caught:
        load(connection, text, tmp_path, **options)
    assert caught.value.code == code
    assert rows(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("k,x\n1,2\n", {}, "csv-columns"),
        ("k,v,g\n1,2,3\n", {}, "csv-generated-column"),
        ("k,v\n1,2\n", {"key": ("v",)}, "csv-key"),
        ("k,v\n1,9\n", {}, "load-refused"),
        ("1,2,3,4\n", {"dialect": Dialect(header=False)}, "csv-columns"),
    ],
)
def test_what_does_not_fit_the_table_leaves_it_as_it_was(connection, tmp_path, text, options, code):
    connection.execute(
        "CREATE TABLE f (v int PRIMARY KEY); INSERT INTO f VALUES (2);"
        "CREATE TABLE t (k int PRIMARY KEY, v int REFERENCES f, g int GENERATED ALWAYS AS (k + 1) STORED)"
    )
    with pytest.raises(HeadraceError) as caught:
        load(connection, text, tmp_path, **options)
    assert caught.value.code == code
    assert "9" not in (caught.value.cause or "")
    assert rows(connection) == []


def test_every_kind_of_column_can_be_loaded_and_repeated(connection, tmp_path):
    connection.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
        "CREATE TABLE t (k uuid PRIMARY KEY, j json, b jsonb, a int[], e mood, d positive, y bytea,"
        " c char(4), i interval, p point, x bit(3), n numeric(8,2), z timestamptz, l boolean)"
    )
    text = (
        "k,j,b,a,e,d,y,c,i,p,x,n,z,l\n"
        '6f1c0f6e-0000-4000-8000-000000000001,"{""a"": 1}","{""a"": 1}","{1,2}",ok,1,'
        '\\x00ff,ab,1 day,"(1,2)",101,1.50,'
        "2020-01-01T00:00:00Z,t\n"
        "6f1c0f6e-0000-4000-8000-000000000002,,,,,,,,,,,,,\n"
        "6f1c0f6e-0000-4000-8000-000000000003,,,,glad,,,,,,,,,\n"
        "6f1c0f6e-0000-4000-8000-000000000004,,,,,0,,,,,,,,\n"
        "6f1c0f6e-0000-4000-8000-000000000005,,,,,,,,,,1010,,,\n"
    )
    report = load(connection, text, tmp_path)
    assert (report.inserted, report.rejected) == (2, 3)
    report = load(connection, text, tmp_path)
    assert (report.inserted, report.updated, report.unchanged, report.rejected) == (0, 0, 2, 3)


def test_partitioned_tables_take_keyed_loads(connection, tmp_path):
    connection.execute(
        "CREATE TABLE t (k int, r text, v int, PRIMARY KEY (k, r)) PARTITION BY LIST (r);"
        "CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE t_x PARTITION OF t DEFAULT"
    )
    load(connection, "k,r,v\n1,a,1\n2,b,2\n", tmp_path)
    report = load(connection, "k,r,v\n1,a,1\n2,b,3\n3,a,4\n", tmp_path)
    assert (report.inserted, report.updated, report.unchanged) == (1, 1, 1)


def test_interrupting_a_load_leaves_nothing(postgres_server, connection, tmp_path):
    path = tmp_path / "big.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n * 7}\n" for n in range(2_000_000)))
    script = (
        "import sys, psycopg\nfrom pathlib import Path\n"
        "from headrace.feed.load import load_csv, LoadOptions\nfrom headrace.names import TableName\n"
        "with psycopg.connect(sys.argv[1], autocommit=True) as c:\n"
        "  load_csv(c, Path(sys.argv[2]), TableName('public', 't'), LoadOptions(create=True),\n"
        "    lambda p: print(p.phase, flush=True))\n"
    )
    for phase in ("reading", "writing"):
        process = subprocess.Popen(
            [sys.executable, "-c", script, postgres_server.conninfo("load"), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        while phase not in process.stdout.readline().decode():
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode != 0
        assert rows(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.slow
def test_the_online_retail_file_loads_whole_and_fast(connection, tmp_path, online_retail):
    report = load_csv(
        connection,
        online_retail,
        TableName("public", "retail"),
        LoadOptions(create=True, reject_file=tmp_path / "rejects.csv"),
    )
    assert (report.inserted, report.rejected) == (541_909, 0)
    assert [(name, kind) for _, name, kind in report.columns] == [
        ("invoice_no", "text"),
        ("stock_code", "text"),
        ("description", "text"),
        ("quantity", "bigint"),
        ("invoice_date", "timestamp"),
        ("unit_price", "numeric"),
        ("customer_id", "numeric"),
        ("country", "text"),
    ]
    found = rows(
        connection,
        "SELECT count(*) FILTER (WHERE quantity < 0), count(*) FILTER (WHERE invoice_no LIKE 'C%'),"
        " count(*) FILTER (WHERE customer_id IS NULL), max(scale(unit_price)), sum(quantity * unit_price)"
        " FROM retail",
    )
    assert found == [(10_624, 9_288, 135_080, 3, Decimal("9747747.934"))]
    assert report.elapsed_s < 60  # a few seconds on an idle machine; shared ones are slower
