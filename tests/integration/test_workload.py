from __future__ import annotations

import itertools
import threading

import pytest

from headrace.feed import workload


@pytest.fixture
def connection(postgres_server):
    postgres_server.recreate("workload")
    with postgres_server.connect("workload") as connection:
        workload.create_shop(connection)
        yield connection


def run_until(connection, shop, rate, enough):
    """Run until `enough` says so of the commits so far, at most a minute; the report and the commits."""
    stop = threading.Event()
    commits: list[workload.Commit] = []

    def note(commit):
        commits.append(commit)
        if enough(commits):
            stop.set()

    timer = threading.Timer(60, stop.set)
    timer.start()
    try:
        return workload.run(connection, shop, changes_per_s=rate, stop=stop, on_commit=note), commits
    finally:
        timer.cancel()


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
    report, commits = run_until(
        connection, workload.open_shop(connection), 500, lambda commits: len(commits) >= 300
    )
    # The statistics count what was rolled back too.
    assert writes() - before - report.undone == report.changes == sum(commit.changes for commit in commits)
    assert len(commits) == report.transactions >= 300
    assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] > 50
    assert connection.execute(
        "SELECT count(*) FROM orders o WHERE total <> (SELECT sum(quantity * price) FROM order_lines l"
        " WHERE l.order_id = o.id)"
    ).fetchone() == (0,)


def test_a_second_opening_goes_on_from_the_rows(connection):
    wanted = {"order placed", "order paid", "order changed"}
    run(connection, workload.open_shop(connection), 1, 500)
    workload.create_shop(connection)
    report, _ = run_until(
        connection,
        workload.open_shop(connection, seed=9),
        500,
        lambda commits: wanted <= {commit.kind for commit in commits},
    )
    assert wanted <= set(report.kinds)


def test_the_pace_is_the_clock_not_the_server(connection, postgres_server):
    commits: list[workload.Commit] = []
    shop = workload.open_shop(connection)
    run(connection, shop, 1, 200, commits)
    with postgres_server.connect("workload", autocommit=False) as blocker:
        blocker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        timer = threading.Timer(2.0, blocker.rollback)
        timer.start()
        report = run(connection, shop, 4, 200, commits)
        timer.join()
    assert max(commit.late_ms for commit in commits) > 500
    # What the wait delayed was made up for: without it half of the time would have given half of the rate.
    assert 130 < report.changes / report.elapsed_s < 230
