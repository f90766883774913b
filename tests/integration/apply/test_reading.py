"""What a reader asks for, and what no reader may see."""

from __future__ import annotations

import threading

import pytest

from headrace.apply.project import open_project
from headrace.lsn import lsn_text
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

COUNT = "SELECT COUNT(*) FROM orders"


def wal(project: RunningProject, ahead: int = 0) -> int:
    ((found,),) = project.source(f"SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint + {ahead}")
    return int(str(found))


def test_an_answer_after_a_point_of_the_wal_holds_all_up_to_it(project: RunningProject) -> None:
    project.declare("orders").apply()
    for number in range(501, 510):
        project.execute(f"INSERT INTO orders VALUES ({number}, 'new')")
        found = open_project(project.directory).query(COUNT, after_lsn=wal(project))
        assert found.rows == [(number,)]
    project.execute("INSERT INTO orders VALUES (510, 'new')")
    code, told = project.run("query", COUNT, "--after", lsn_text(wal(project)))
    assert (code, told.split()[-1]) == (0, "510")


def test_a_point_that_is_not_written_yet_is_waited_for(project: RunningProject) -> None:
    project.declare("orders").apply()
    ahead = lsn_text(wal(project, ahead=1 << 16))
    stop = threading.Event()

    def write() -> None:
        count = 500
        with project.connect() as connection:
            while not stop.wait(0.01):
                count += 1
                connection.execute("INSERT INTO orders VALUES (%s, repeat('x', 1000))", (count,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        code, told = project.run("query", COUNT, "--after", ahead, "--timeout", "30")
    finally:
        stop.set()
        writer.join()
    assert code == 0
    assert int(told.split()[-1]) > 500


def test_a_point_of_another_server_is_an_error_and_no_answer(project: RunningProject) -> None:
    project.declare("orders").apply()
    code, told = project.run(
        "query", COUNT, "--after", lsn_text(wal(project, ahead=1 << 40)), "--timeout", "1", "--json"
    )
    assert code == 1
    assert '"wal-not-written"' in told
