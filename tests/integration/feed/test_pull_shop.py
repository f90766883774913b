"""The shop pulled through faults, changes and kills: every row once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from headrace.feed.shop.history import Size
from headrace.feed.shop.limits import Faults
from headrace.feed.shop.serve import ServeOptions, serving
from headrace.feed.shop.tables import SHOP_TABLES
from headrace.feed.workload import create_shop

SHOP = ServeOptions(port=0, size=Size(customers=300, products=40, orders=800))


def in_postgres(connection, table):
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    return sorted(
        connection.execute(
            sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.name))
        ).fetchall()
    )


def in_the_shop(store, table):
    return sorted(tuple(row[c.name] for c in table.columns) for row in store.rows(table.name).values())


def assert_equal(connection, store):
    for table in SHOP_TABLES:
        assert in_postgres(connection, table) == in_the_shop(store, table), table.name


def test_every_row_once_through_faults_and_live_changes(pull, connection):
    options = replace(SHOP, live_changes_per_s=200, late_s=0.3, faults=Faults(0.15, slow_s=0.05))
    with serving(options) as shop:
        retries = 0
        # Each pass looks back a little: what showed behind the last look is found by the next.
        passes = [pull(shop.url, None, overlap=timedelta(seconds=10), limit=100) for _ in range(2)]
        retries += pull.client.traffic.retries
        shop.stop.set()
        time.sleep(0.5)
        passes.append(pull(shop.url, None, overlap=timedelta(seconds=120)))
        assert_equal(connection, shop.store)
    assert [report.table.table for report in passes[0]] == [table.name for table in SHOP_TABLES]
    assert all(report.style == "link" for reports in passes for report in reports)
    assert all(report.written.rejected == 0 for reports in passes for report in reports)
    assert sum(report.written.updated for report in passes[1]) > 0
    assert retries > 0


def test_a_second_pull_asks_for_changes_only_and_writes_nothing(pull, connection):
    with serving(SHOP) as shop:
        first = pull(shop.url, None)
        again = pull(shop.url, None)
    assert sum(report.written.rows for report in first) > 2_000
    assert all(report.written.inserted == report.written.updated == 0 for report in again)
    assert sum(report.written.rows for report in again) < 50


def test_the_tables_are_those_that_feed_run_makes(pull, connection, postgres_server):
    def shape(session):
        return session.execute(
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,"
            " (SELECT indkey::text FROM pg_index WHERE indrelid = attrelid AND indisprimary)"
            " FROM pg_attribute WHERE attrelid::regclass::text = ANY(%s) AND attnum > 0 ORDER BY 1, attnum",
            ([table.name for table in SHOP_TABLES],),
        ).fetchall()

    with serving(SHOP) as shop:
        pull(shop.url, None)
    postgres_server.recreate("feed_run")
    with postgres_server.connect("feed_run") as other:
        create_shop(other)
        made = shape(other)
    assert shape(connection) == made
    assert len(made) > 30


@pytest.fixture
def project(postgres_server, connection, tmp_path):
    (tmp_path / "headrace.yaml").write_text("project: shop\nsource:\n  url: env:SHOP_URL\ntables: [orders]\n")
    return tmp_path


@pytest.fixture
def headrace(project, postgres_server):
    environment = {**os.environ, "SHOP_URL": f"postgresql://tester@127.0.0.1:{postgres_server.port}/feed"}

    def start(*arguments, **more):
        return subprocess.Popen(
            [sys.executable, "-c", "from headrace.cli.main import run; run()", *arguments],
            cwd=project, env={**environment, **more},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def finish(process, timeout=90):
    stdout, stderr = process.communicate(timeout=timeout)
    return process.returncode, stdout, stderr


def test_killed_in_the_middle_and_run_again_it_is_equal(headrace, connection):
    source = random.Random(7)
    killed = 0
    with serving(SHOP) as shop:
        command = ("feed", "pull", shop.url, "--create", "--limit", "20", "--rate", "300")
        for _ in range(4):
            process = headrace(*command)
            wait_for_a_commit(connection, process)
            time.sleep(source.uniform(0, 0.8))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            finish(process)
        code, _, stderr = finish(headrace(*command))
        assert code == 0, stderr
        assert_equal(connection, shop.store)
    assert killed >= 2


def wait_for_a_commit(connection, process):
    """Until this process has moved a position, or has ended."""

    def positions():
        try:
            found = connection.execute("SELECT max(updated_at) FROM headrace_feed.positions").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        return found[0]

    before, deadline = positions(), time.monotonic() + 60
    while positions() == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def test_ctrl_c_keeps_what_was_committed(headrace, connection):
    with serving(SHOP) as shop:
        process = headrace("feed", "pull", shop.url, "--create", "--limit", "20", "--rate", "60")
        wait_for_a_commit(connection, process)
        process.send_signal(signal.SIGINT)
        code, _, stderr = finish(process)
        assert code == 130, stderr
        assert "what was committed stays" in stderr
        assert connection.execute("SELECT count(*) FROM customers").fetchone()[0] > 0


def test_the_key_comes_from_the_environment_and_is_never_printed(headrace, connection):
    with serving(replace(SHOP, key="hunter2")) as shop:
        arguments = ("feed", "pull", f"{shop.url}customers", "-t", "customers", "--create")
        code, stdout, stderr = finish(headrace(*arguments, "--header", "X-API-Key=hunter2"))
        assert (code, "feed-secret" in stderr, "hunter2" in stderr) == (1, True, False)
        code, stdout, stderr = finish(headrace(*arguments, "--json"))
        assert (code, "feed-unauthorized" in stdout) == (1, True)
        code, stdout, stderr = finish(
            headrace(*arguments, "--header", "X-API-Key=env:SHOP_KEY", SHOP_KEY="hunter2")
        )
        assert code == 0, stderr
        assert "hunter2" not in stdout + stderr
        assert "public.customers" in stdout


def test_two_pulls_of_one_list_do_not_run_at_once(headrace, connection):
    with serving(SHOP) as shop:
        first = headrace("feed", "pull", shop.url, "--create", "--follow")
        wait_for_a_commit(connection, first)
        code, stdout, _ = finish(headrace("feed", "pull", shop.url, "--create", "--json"))
        assert (code, "feed-pull-running" in stdout) == (1, True)
        first.send_signal(signal.SIGTERM)
        assert finish(first)[0] == 143


def test_feed_run_reaches_its_rate_and_several_run_at_once(headrace, connection):
    runs = [headrace("feed", "run", "--rate", "60", "--for", "4", "--seed", str(n), "--json") for n in (1, 2)]
    outcomes = [finish(process) for process in runs]
    for code, stdout, stderr in outcomes:
        assert code == 0, stderr
        report = json.loads(stdout)
        # Never above its pace; below it only as far as a busy machine keeps it.
        assert 20 < report["reached_changes_per_s"] < 80
        assert {"order placed", "order paid"} <= set(report["kinds"])
    ranges = connection.execute("SELECT count(DISTINCT id / 1000000000000) FROM orders").fetchone()
    assert ranges == (2,)
    assert connection.execute(
        "SELECT count(*) FROM orders o WHERE total <> (SELECT sum(quantity * price) FROM order_lines l"
        " WHERE l.order_id = o.id)"
    ).fetchone() == (0,)
    code, stdout, stderr = finish(headrace("feed", "run", "--rate", "60", "--for", "1", "--day-seconds", "2"))
    assert code == 0, stderr
    assert "a second" in stdout
