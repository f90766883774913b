"""Views as their owner meets them: added, changed, dropped, damaged, broken off, taken away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from headrace.apply.project import Project
from headrace.plan.model import Plan
from headrace.plan.render import as_json
from tests.integration.views.project import ViewProject, eventually, view_name
from tests.integration.views.reader import Reader

pytestmark = pytest.mark.engines

ORDERS = """
CREATE TABLE orders (
  id bigint PRIMARY KEY, country text, qty integer NOT NULL, price numeric(10,2), day date NOT NULL)
"""
FILLED = """
INSERT INTO orders
SELECT g, nullif('c' || g % 7, 'c0'), g % 5, nullif(g % 11, 0) * 1.25, DATE '2026-01-01' + g % 10
FROM generate_series(1, 500) g
"""
REVENUE = """
SELECT country, count(*) AS n, sum(price * qty) AS revenue, avg(price) AS mean FROM orders GROUP BY country
"""
LARGE = "SELECT id, country, price * qty AS amount, qty + 1 AS next FROM orders WHERE qty > 2"
LARGER = LARGE.replace("qty > 2", "qty > 3")
PER_DAY = "SELECT day, count(*) AS n, sum(qty) AS qty FROM orders GROUP BY day"
STANDARD = {"revenue": REVENUE, "large": LARGE}
COLUMNS = {
    "revenue": ("country", "n", "revenue", "mean"),
    "large": ("id", "country", "amount", "next"),
    "per_day": ("day", "n", "qty"),
}


@pytest.fixture(scope="module")
def shop(empty: ViewProject) -> Iterator[ViewProject]:
    empty.execute(ORDERS, "CREATE TABLE items (id bigint PRIMARY KEY, note text)")
    yield empty


@pytest.fixture
def project(shop: ViewProject) -> ViewProject:
    """Two views over five hundred orders, applied."""
    shop.execute("DELETE FROM orders", FILLED)
    declare(shop).apply()
    return shop


def declare(project: ViewProject, **views: str) -> Project:
    return project.write(("orders", "items"), views or STANDARD)


def check(project: ViewProject, **views: str) -> None:
    """Nothing is left to do, and every view is PostgreSQL's answer, by our audit and by a query."""
    assert project.open().plan().empty
    wanted = views or STANDARD
    assert project.differences(["orders", "items", *wanted]) == {}
    for name, sql in wanted.items():
        project.same_result(sql, name, COLUMNS[name])


def planned(plan: Plan) -> set[tuple[str, str]]:
    """Kind and action of everything a plan would do."""
    return {(str(change.kind), str(change.action)) for change in plan.changes}


def test_a_view_is_added_changed_and_dropped_beside_others_that_go_on(project: ViewProject) -> None:
    before, process = project.live(), project.engine("spark").process
    standing = {name: project.job_name(name) for name in STANDARD}
    restarts = {job: status.restarts for job, status in project.jobs().items()}

    added = declare(project, **STANDARD, per_day=PER_DAY)
    added.apply()
    check(project, **STANDARD, per_day=PER_DAY)
    assert {name: project.live()[name] for name in STANDARD} == before
    (number,) = project.live().keys() - before.keys()
    per_day = project.live()[number]
    assert per_day > max(before.values())

    changed = declare(project, revenue=REVENUE, large=LARGER, per_day=PER_DAY)
    with Reader(project, ["large", "revenue"]).at_work():
        changed.apply()
    check(project, revenue=REVENUE, large=LARGER, per_day=PER_DAY)
    after = project.live()
    assert (after["revenue"], after["per_day"]) == (before["revenue"], per_day)
    assert after["large"] > per_day

    dropped = declare(project, revenue=REVENUE)
    dropped.apply()
    check(project, revenue=REVENUE)
    assert project.live() == {"revenue": before["revenue"]}
    assert set(project.jobs()) == {standing["revenue"]}
    assert project.jobs()[standing["revenue"]].restarts == restarts[standing["revenue"]]
    assert project.engine("spark").process == process


def delete_job(project: ViewProject) -> None:
    name = project.job_name("revenue")
    with project.spark() as spark:
        spark.delete(name)


def delete_table(project: ViewProject) -> None:
    name = project.job_name("revenue")
    with project.open().connections() as connections:
        connections.pinot.delete_table(name)


def delete_topic(project: ViewProject) -> None:
    topic = project.names("revenue").topic(view_name("revenue"))
    with project.open().connections() as connections:
        connections.kafka.delete_topic(topic)
    eventually(lambda: topic not in project.topics(), "the topic is still there")


@pytest.mark.parametrize(
    ("damage", "stays"), [(delete_job, True), (delete_table, False), (delete_topic, False)]
)
def test_what_is_deleted_by_hand_is_planned_and_mended(
    project: ViewProject, damage: Callable[[ViewProject], None], stays: bool
) -> None:
    before = project.live()
    damage(project)
    project.execute(
        "UPDATE orders SET country = 'c1' WHERE id % 3 = 0", "DELETE FROM orders WHERE id % 5 = 0"
    )

    plan = project.open().plan()

    assert not plan.empty
    changed = json.dumps(as_json(plan))
    assert "revenue" in changed
    assert f"large_v{before['large']}" not in changed
    project.open().apply()
    check(project)
    after = project.live()
    assert after["large"] == before["large"]
    assert (after["revenue"] == before["revenue"]) is stays


def test_a_resync_of_the_table_builds_its_views_anew_and_no_reader_goes_back(project: ViewProject) -> None:
    before = project.live()

    with Reader(project, list(STANDARD)).at_work():
        project.open().resync([project.open().named("orders")])

    check(project)
    assert all(project.live()[view] > number for view, number in before.items())


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build_views", "catch_up_views", "switch_views"])
def test_an_apply_killed_in_the_middle_ends_the_same_when_run_again(project: ViewProject, stage: str) -> None:
    before = project.live()
    large = LARGE if "> 3" in project_sql(project, "large") else LARGER
    declare(project, revenue=REVENUE, large=large)

    killed = project.kill_when(
        lambda line: line["event"] == "stage" and line["stage"] == stage, "apply", "--yes"
    )

    assert killed, f"apply ended before {stage}"
    project.open().apply()
    check(project, revenue=REVENUE, large=large)
    after = project.live()
    assert (after["revenue"], after["large"] > before["large"]) == (before["revenue"], True)
    assert len(project.jobs()) == 2


def project_sql(project: ViewProject, view: str) -> str:
    return project.open().declaration.views[view].sql


def test_a_value_that_cannot_be_carried_is_set_aside_and_heals(project: ViewProject) -> None:
    project.execute(
        "UPDATE orders SET price = 'NaN' WHERE id = 8", "UPDATE orders SET qty = 2147483647 WHERE id = 9"
    )
    project.served("SELECT COUNT(*) FROM revenue")
    project.served("SELECT COUNT(*) FROM large")

    told = rejects(project, "revenue")
    assert [key for key, _ in told] == ['x["8"]']
    assert "NaN" not in told[0][1]
    assert [key for key, _ in rejects(project, "large")] == ['x["8"]', 'x["9"]']
    assert set(project.inexact()) >= set(STANDARD)
    _, shown = project.run("status")
    assert "NO" in shown
    assert project.served("SELECT COUNT(*) FROM large WHERE id IN (8, 9)") == [(0,)]

    project.execute("UPDATE orders SET price = 1.00 WHERE id = 8", "DELETE FROM orders WHERE id = 9")

    check(project)
    assert rejects(project, "revenue") == rejects(project, "large") == []
    assert not any(project.inexact().values())


def test_a_changed_table_makes_its_views_not_exact(project: ViewProject) -> None:
    """They are derived from its columns: until the next apply nobody knows what they should be."""
    names = [view_name(name) for name in STANDARD]
    for change, back in (
        ("ADD COLUMN extra text", "DROP COLUMN extra"),
        ("RENAME COLUMN price TO cost", "RENAME COLUMN cost TO price"),
    ):
        project.execute(f"ALTER TABLE orders {change}")
        try:
            verdicts = project.open().verify(names)
        finally:
            project.execute(f"ALTER TABLE orders {back}")
        for verdict in verdicts:
            assert (verdict.compared, verdict.equal, verdict.exact) == (False, False, False)
            assert any("public.orders has changed" in reason for reason in verdict.inexact)
    check(project)


def rejects(project: ViewProject, view: str) -> list[tuple[str, str]]:
    code, told = project.run("rejects", view, "--json")
    assert code == 0
    (table,) = json.loads(told)["tables"]
    return sorted((reject["key"][0], reject["reason"]) for reject in table["rejects"])


def test_truncate_empties_both_classes_and_later_rows_are_right(project: ViewProject) -> None:
    before = project.live()
    with Reader(project, list(STANDARD)).at_work():
        project.execute("TRUNCATE orders")
        for view in STANDARD:
            assert project.served(f"SELECT COUNT(*) FROM {view}") == [(0,)]
        project.execute(FILLED.replace("500", "300"))
        check(project)
        project.execute("TRUNCATE orders", FILLED.replace("500", "200"), "DELETE FROM orders WHERE id < 50")
        check(project)
    assert project.live() == before


def test_destroy_leaves_nothing(project: ViewProject) -> None:
    assert project.jobs()

    project.open().destroy()

    assert project.jobs() == {}
    assert project.views() == ()
    assert [topic for topic in project.topics() if topic.startswith(f"{project.name}.")] == []
    for folder in ("views", "checkpoints"):
        assert not list((project.spark_folder / folder).glob("*"))


def test_a_commit_that_is_logged_before_it_is_visible_is_no_difference(project: ViewProject) -> None:
    """As behind a synchronous standby that is slow, or on a machine that is busy at that very moment."""
    settings = {"synchronous_commit": "local", "synchronous_standby_names": "nobody"}
    changed, sum_of_qty = threading.Event(), "SELECT sum(qty) FROM orders"
    (before,) = project.source(sum_of_qty)[0]

    def change() -> None:
        with project.connect() as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("UPDATE orders SET qty = qty + 3, price = 2 WHERE id <= 50")
        changed.set()

    with project.connect() as owner:
        try:
            for name, value in settings.items():
                owner.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
                owner.execute("SELECT pg_reload_conf()")
                eventually(lambda n=name, v=value: project.source(f"SHOW {n}") == [(v,)], name)
            writer = threading.Thread(target=change, daemon=True)
            writer.start()
            eventually(lambda: project.served("SELECT SUM(qty) FROM orders") != [(before,)], "Pinot has it")
            assert project.source(sum_of_qty) == [(before,)]
            assert project.differences(list(STANDARD)) == {}
            assert project.source(sum_of_qty) == [(before,)] and not changed.is_set()
        finally:
            for name in settings:
                owner.execute(f"ALTER SYSTEM RESET {name}".encode())
            owner.execute("SELECT pg_reload_conf()")
    assert changed.wait(60)
    check(project)
