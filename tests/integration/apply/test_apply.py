"""Plan and apply on the real engines."""

from __future__ import annotations

import json
import re
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.apply.owner import FILE_NAME as FOLDER_ID
from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.serve.client import PinotClient
from headrace.hops.topic.client import KafkaClient
from headrace.names import TableName
from headrace.plan.model import Action
from headrace.plan.render import as_json
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

ORDERS = TableName("public", "orders")


def test_a_first_apply_serves_every_row_and_leaves_nothing_to_do(project: RunningProject) -> None:
    opened = project.declare("orders", "items")
    assert not opened.plan().empty
    opened.apply()
    project.same("orders")
    project.same("items")
    project.execute("UPDATE orders SET note = 'changed' WHERE id <= 50", "DELETE FROM orders WHERE id > 400")
    project.same("orders")
    began = time.monotonic()
    assert opened.plan().empty
    assert time.monotonic() - began <= 15  # 3 s is promised of a machine that has nothing else to do
    assert opened.apply().empty


def test_the_page_on_python_is_a_program_that_works(
    project: RunningProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Getting started, through `import headrace` alone, from a file to the proof."""
    project.execute("DROP TABLE orders")
    project.declare("orders")
    monkeypatch.chdir(tmp_path)
    rows = ["id,country,amount", "1,France,19.90", "2,Norway,5.00", "3,France,0.10"]
    Path("orders.csv").write_text("\n".join(rows))
    page = (Path(__file__).parents[3] / "docs" / "reference" / "python.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1].replace('open_project("shop")', f"open_project({str(project.directory)!r})"), names)
    assert (names["report"].created, names["report"].inserted) == (True, 3)
    answer = [(country, Decimal(str(revenue))) for country, revenue in names["revenue"].rows]
    assert answer == [("France", Decimal("20.00")), ("Norway", Decimal("5.00"))]
    assert (names["verdict"].exact, names["verdict"].source_rows) == (True, 3)
    [table] = names["overview"].tables
    assert (table.name, table.exact, table.live_rows) == ("orders", True, 3)
    assert [slot.active for slot in names["overview"].slots] == [True]
    shop, orders = names["shop"], names["orders"]
    again = shop.load_csv(Path("orders.csv"), orders, headrace.LoadOptions(key=("id",)))
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 3)
    project.execute("DELETE FROM orders WHERE id = 2")
    assert shop.query("SELECT COUNT(*) FROM orders", up_to_now=True).rows == [(2,)]
    [(before, after)] = shop.compact([orders]).values()
    assert (before.dead_rows > 0, after.stored_rows) == (True, 2)
    assert shop.grants() == ()


def test_what_others_changed_is_shown_and_changed_back(project: RunningProject) -> None:
    opened = project.declare("orders")
    opened.apply()
    (number,) = project.generations("orders")
    topic = f"{project.name}.{number}.public.orders"
    connector = f"headrace-{project.name}-{number}"
    table = f"{project.name}_orders_{number}"
    project.execute("ALTER TABLE orders REPLICA IDENTITY DEFAULT")
    where = opened.endpoints
    with KafkaClient(where.kafka_bootstrap) as kafka:
        kafka.alter_topic_config(topic, {"retention.ms": "1000000"})
    with ConnectClient(where.connect_url) as connect:
        config = connect.config(connector) or {}
        connect.put_config(connector, {**config, "poll.interval.ms": "500"})
    with PinotClient(where.pinot_controller_url, where.pinot_broker_url) as pinot:
        found = pinot.table_config(table) or {}
        indexing = found["tableIndexConfig"]
        assert isinstance(indexing, dict)
        indexing["bloomFilterColumns"] = ["id"]
        pinot.update_table(table, found)
    plan = opened.plan()
    drifted = {change.address for change in plan.changes if change.action is Action.DRIFT}
    wanted = {"identity:public.orders", f"topic:{topic}", f"connector:{connector}", f"pinot:{table}"}
    assert drifted == wanted
    assert len(plan.changes) == len(wanted)
    opened.apply()
    assert opened.plan().empty
    assert project.generations("orders") == {number: "live"}
    project.execute("INSERT INTO orders VALUES (9001, 'after')")
    project.same("orders")


def test_a_table_is_added_to_and_taken_from_a_running_project(project: RunningProject) -> None:
    project.declare("orders").apply()
    (first,) = project.generations("orders")
    project.declare("orders", "items").apply()
    assert project.generations("orders") == {first: "live"}
    assert project.generations("items") == {first + 1: "live"}
    project.execute("INSERT INTO items VALUES (9001, 'new')", "INSERT INTO orders VALUES (9001, 'new')")
    project.same("orders")
    project.same("items")
    project.declare("orders").apply()
    assert project.generations("items") == {}
    assert f"slot headrace_{project.name}_{first + 1}" not in project.catalogue()
    assert "identity items d" in project.catalogue()
    project.same("orders")


def test_a_changed_table_moves_and_readers_never_miss_it(project: RunningProject) -> None:
    project.declare("orders", "items").apply()
    (first,) = project.generations("orders")
    project.execute("ALTER TABLE orders ADD COLUMN price bigint NOT NULL DEFAULT 15")
    plan = project.declare("orders", "items").plan()
    (moved,) = [change for change in plan.changes if change.action is Action.REPLACE]
    assert moved.reason == "column price added"
    project.declare("orders", "items").apply()
    assert project.generations("orders") == {first + 1: "live"}
    assert project.generations("items") == {first: "live"}
    project.same("orders", "id, note, price")
    project.same("items")


def test_an_index_made_and_dropped_in_postgresql_is_followed_in_place(project: RunningProject) -> None:
    opened = project.declare("orders")
    opened.apply()
    (number,) = project.generations("orders")
    served = f"pinot:{project.name}_orders_{number}"
    for statement, indexed in (
        ("CREATE INDEX by_note ON orders (note)", ["note"]),
        ("DROP INDEX by_note", []),
    ):
        project.execute(statement)
        assert [change.address for change in opened.plan().changes] == [served]
        opened.apply()
        assert opened.plan().empty
        with PinotClient(opened.endpoints.pinot_controller_url, opened.endpoints.pinot_broker_url) as pinot:
            config = pinot.table_config(served.removeprefix("pinot:")) or {}
        indexing = config["tableIndexConfig"]
        assert isinstance(indexing, dict)
        assert (indexing.get("invertedIndexColumns") or []) == indexed
        project.same("orders")
    assert project.generations("orders") == {number: "live"}


def test_what_lost_rows_is_built_anew(project: RunningProject) -> None:
    """A table dropped from the publication behind our back: rows of that time never come."""
    opened = project.declare("orders", "items")
    opened.apply()
    (first,) = project.generations("orders")
    project.execute(
        f"ALTER PUBLICATION headrace_{project.name}_{first} DROP TABLE orders",
        "INSERT INTO orders VALUES (9001, 'unseen')",
    )
    opened.apply()
    assert project.generations("orders") == {first + 1: "live"}
    assert project.generations("items") == {first: "live"}
    project.same("orders")


def test_resync_merges_captures(project: RunningProject) -> None:
    project.declare("orders").apply()
    opened = project.declare("orders", "items")
    opened.apply()
    opened.resync([declared.table for declared in opened.declaration.declared])
    assert len(set(project.generations("orders")) | set(project.generations("items"))) == 1
    assert len([line for line in project.catalogue() if line.startswith("slot ")]) == 1
    project.same("orders")
    project.same("items")
    assert opened.plan().empty


def test_a_saved_plan_is_refused_once_the_world_moved(project: RunningProject, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    opened = project.declare("orders")
    assert project.run("plan", "--out", str(saved), "--detailed-exitcode")[0] == 3
    project.execute("ALTER TABLE orders ADD COLUMN price int")
    code, answer = project.run("apply", str(saved), "--json")
    assert code == 1
    assert json.loads(answer)["errors"][0]["code"] == "plan-outdated"
    assert project.generations("orders") == {}
    project.run("plan", "--out", str(saved))
    assert project.run("apply", str(saved))[0] == 0
    assert opened.plan().empty
    assert as_json(opened.plan())["empty"] is True


def test_two_applies_at_once_do_not_meet(project: RunningProject) -> None:
    opened = project.declare("orders")
    new = project.journal()
    other = project.command("apply", "--yes")
    deadline = time.monotonic() + 30
    while not new() and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(HeadraceError) as caught:
        opened.apply()
    assert caught.value.code == "apply-running"
    other.communicate(timeout=300)
    assert other.returncode == 0
    assert opened.plan().empty


STAGES = ("build", "prove", "catch_up", "switch", "retire")


@pytest.mark.slow
def test_an_apply_killed_at_each_stage_ends_the_same(project: RunningProject) -> None:
    opened = project.declare("orders", "items")
    opened.apply()
    for stage in STAGES:
        opened.ask_for_new_generation([ORDERS])
        assert project.kill_when(lambda line, stage=stage: line.get("stage") == stage, "apply", "--yes")
        if stage == "prove":
            # Before the slot's point was known: what was begun is discarded, and that is cut off as well.
            project.kill_when(lambda line: line.get("stage") == "discard", "apply", "--yes")
        assert len([s for s in project.generations("orders").values() if s == "live"]) >= 1
        project.execute(f"INSERT INTO orders VALUES (9100 + {STAGES.index(stage)}, 'after {stage}')")
        opened.apply()
        assert opened.plan().empty
        assert list(project.generations("orders").values()) == ["live"]
        project.same("orders")
        project.same("items")


@pytest.mark.slow
def test_an_apply_killed_after_each_action_ends_the_same(project: RunningProject) -> None:
    """A first apply, killed before every single one of its actions in turn."""
    opened = project.declare("orders")
    begun: list[str] = []
    for _ in range(40):
        fresh: list[str] = []

        def unseen(line: dict[str, object], fresh: list[str] = fresh) -> bool:
            # A capture that is begun anew has another number: what was seen of it is not to be seen again.
            address = re.sub(r"\d+", "#", str(line.get("address", "")))
            if line["event"] != "begin" or address in begun:
                return False
            fresh.append(address)
            return True

        if not project.kill_when(unseen, "apply", "--yes"):
            break
        begun.extend(fresh)
    else:
        pytest.fail(f"there is always something that was not begun before: {begun}")
    assert len(begun) > 5
    assert {"capture:#", "table:public.orders"} <= set(begun), "not all of it was begun"
    opened.apply()
    assert opened.plan().empty
    assert list(project.generations("orders").values()) == ["live"]
    project.same("orders")


def test_an_apply_that_is_interrupted_says_so_and_goes_on(project: RunningProject) -> None:
    project.declare("orders")
    new = project.journal()
    process = project.command("apply", "--yes")
    while not any(line.get("stage") == "prove" for line in new()):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert project.run("apply", "--yes")[0] == 0
    project.same("orders")


def test_destroy_leaves_postgres_as_it_was(project: RunningProject) -> None:
    project.execute(
        "CREATE PUBLICATION somebody FOR TABLE items",
        "ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_pkey",
    )
    try:
        before = project.catalogue()
        opened = project.declare("orders", "items")
        opened.apply()
        assert project.catalogue() != before
        code, _ = project.run("destroy")
        assert code == 1, "nobody confirmed"
        assert project.generations("orders") != {}
        assert project.run("destroy", "--yes")[0] == 0
        after = project.catalogue()
        # Somebody else's publication has the table: its identity stays, their UPDATEs may need it.
        assert [line for line in after if line != "identity items f"] == [
            line for line in before if line != "identity items d"
        ]
        with KafkaClient(opened.endpoints.kafka_bootstrap) as kafka:
            assert not [topic for topic in kafka.topics() if topic.startswith(f"{project.name}.")]
        assert opened.destruction().empty
    finally:
        project.execute("DROP PUBLICATION somebody")


def test_another_folder_with_the_same_name_touches_nothing(project: RunningProject) -> None:
    """Somebody copies headrace.yaml: the id that tells the folders apart is not in it."""
    opened = project.declare("orders")
    opened.apply()
    before = project.catalogue()
    [slot] = opened.overview().slots
    kept = project.directory / ".headrace" / FOLDER_ID
    mine = kept.rename(kept.with_suffix(".mine"))
    try:
        for command in (("plan",), ("apply", "--yes"), ("destroy", "--yes")):
            code, answer = project.run(*command, "--json")
            assert code == 1
            assert json.loads(answer)["errors"][0]["code"] == "project-taken"
    finally:
        mine.replace(kept)
    assert project.catalogue() == before
    assert [one.active for one in opened.overview().slots if one.name == slot.name] == [True]
    assert opened.plan().empty


def test_destroy_works_half_way_too(project: RunningProject) -> None:
    opened = project.declare("orders", "items")
    before = project.catalogue()
    assert project.kill_when(lambda line: line.get("stage") == "prove", "apply", "--yes")
    assert project.kill_when(
        lambda line: str(line.get("address", "")).startswith("slot:"), "destroy", "--yes"
    )
    opened.destroy()
    assert project.catalogue() == before
    opened.apply()
    project.same("orders")
