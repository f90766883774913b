from __future__ import annotations

import itertools
import threading
import time

import pytest

from headrace.feed import workload


@pytest.fixture
def connection(postgres_server):
    postgres_server.recreate("workload")
    with postgres_server.connect("workload") as connection:
        workload.create_shop(connection)
        yield connection


def run(connection, shop, seconds, rate, commits=None):
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        return workload.run(
            connection,
            shop,
            changes_per_s=rate,
            stop=stop,
            on_commit=commits.append if commits is not None else None,
        )
    finally:
        timer.cancel()


def test_the_stream_is_a_function_of_the_seed(connection):
    first, again, other = (
        list(itertools.islice(workload.open_shop(connection, seed=seed).transactions(), 200))
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_changes_counted_are_the_changes_made(connection):
    def writes():
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
        ).fetchone()
        return int(row[0])

    before = writes()
    commits: list[workload.Commit] = []
    report = run(connection, workload.open_shop(connection), 3, 500, commits)
    # The statistics count what was rolled back too.
    assert writes() - before - report.undone == report.changes == sum(commit.changes for commit in commits)
    assert len(commits) == report.transactions > 100
    assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] > 50
    assert connection.execute(
        "SELECT count(*) FROM orders o WHERE total <> (SELECT sum(quantity * price) FROM order_lines l"
        " WHERE l.order_id = o.id)"
    ).fetchone() == (0,)


def test_a_second_opening_goes_on_from_the_rows(connection):
    run(connection, workload.open_shop(connection), 1, 500)
    workload.create_shop(connection)
    report = run(connection, workload.open_shop(connection, seed=9), 1, 500)
    assert {"order placed", "order paid", "order changed"} <= set(report.kinds)


def test_the_pace_is_the_clock_not_the_server(connection, postgres_server):
    commits: list[workload.Commit] = []
    shop = workload.open_shop(connection)
    run(connection, shop, 1, 200, commits)
    with postgres_server.connect("workload", autocommit=False) as blocker:
        blocker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        threading.Timer(1.0, blocker.rollback).start()
        report = run(connection, shop, 3, 200, commits)
        time.sleep(0.1)
    assert max(commit.late_ms for commit in commits) > 500
    # What the wait delayed was made up for.
    assert report.changes / report.elapsed_s == pytest.approx(200, rel=0.15)
