"""A switch of generations on the real engines, with a writer and a reader at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from headrace.apply.project import open_project
from headrace.apply.real_flow import RealFlow
from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.query import QueryClient
from headrace.names import CaptureNames, TableName
from headrace.plan.model import Action, Kind, Status
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

ORDERS = TableName("public", "orders")
HOLD_S = 1.5


@dataclass
class Reader:
    """Asks for the counter again and again, as `headrace query` does; `seen` is what it got from where."""

    project: RunningProject
    stop: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[int, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def read(self) -> None:
        ends = open_project(self.project.directory).endpoints
        with PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot:
            client = QueryClient(pinot, self.project.name)
            while not self.stop.wait(0.002):
                try:
                    found = client.run("SELECT note FROM orders WHERE id = 1")
                except HeadraceError as error:
                    self.errors.append(str(error))
                    continue
                ((note,),) = found.rows
                self.seen.append((int(str(note)), found.generation.physical))

    def write(self) -> None:
        with self.project.connect() as connection:
            count = 0
            while not self.stop.wait(0.002):
                count += 1
                connection.execute("UPDATE orders SET note = %s WHERE id = 1", (str(count),))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=run, daemon=True) for run in (self.write, self.read)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(timeout=60)


def test_no_key_goes_back_at_a_switch(project: RunningProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new capture is stopped just before the switch: what the old one has shown must be there already."""
    project.execute("UPDATE orders SET note = '0' WHERE id = 1")
    opened = project.declare("orders", "items")
    opened.apply()
    (first,) = project.generations("orders")
    late: list[list[tuple[object, ...]]] = []
    set_status = RealFlow.set_status

    def ask_for_the_latest() -> None:
        project.execute("INSERT INTO orders VALUES (9001, 'within')")
        late.append(project.served("SELECT COUNT(*) FROM orders WHERE id = 9001"))

    asking = threading.Thread(target=ask_for_the_latest, daemon=True)

    def held_up(flow: RealFlow, physical: str, status: Status) -> None:
        if status is not Status.LIVE:
            set_status(flow, physical, status)
            return
        with ConnectClient(opened.endpoints.connect_url) as connect:
            connector = CaptureNames(project.name, int(physical.rpartition("_")[2])).connector
            connect.stop(connector)
            asking.start()
            time.sleep(HOLD_S)
            set_status(flow, physical, status)
            time.sleep(HOLD_S)
            connect.resume(connector)

    monkeypatch.setattr(RealFlow, "set_status", held_up)
    reader = Reader(project)
    with reader.at_work():
        opened.resync([ORDERS])
        asking.join(timeout=60)
        time.sleep(1)
    assert project.generations("orders") == {first + 1: "live"}
    assert {physical for _, physical in reader.seen} == {
        CaptureNames(project.name, number).pinot_table("orders") for number in (first, first + 1)
    }
    went_back = [
        (was, now) for was, now in zip(reader.seen, reader.seen[1:], strict=False) if now[0] < was[0]
    ]
    assert went_back == []
    assert reader.errors == []
    assert late == [[(1,)]], "an answer that holds everything committed so far comes from the new generation"
    project.same("orders")
    project.same("items")
    assert opened.plan().empty


def test_a_switch_broken_off_while_the_old_generation_stands_still(
    project: RunningProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers keep what they had; the next apply goes on, or builds anew when the new capture was lost."""
    opened = project.declare("orders", "items")
    opened.apply()
    (first,) = project.generations("orders")

    def refused(flow: RealFlow, physical: str, status: Status) -> None:
        raise HeadraceError("broken-off", "the process ends here")

    for lost in (False, True):
        with monkeypatch.context() as patched:
            patched.setattr(RealFlow, "set_status", refused)
            with pytest.raises(HeadraceError) as caught:
                opened.resync([ORDERS])
        assert caught.value.code == "broken-off"
        project.execute(f"INSERT INTO orders VALUES ({9002 if lost else 9001}, 'missed')")
        live, building = sorted(project.generations("orders"))
        assert project.generations("orders") == {live: "live", building: "building"}
        if lost:
            with ConnectClient(opened.endpoints.connect_url) as connect:
                connect.delete(CaptureNames(project.name, building).connector)
        publications = [c for c in opened.plan().changes if c.kind is Kind.PUBLICATION and c.capture == live]
        assert all(change.action is Action.DELETE for change in publications)
        opened.apply()
        assert project.generations("orders") == {building + lost: "live"}
        assert project.generations("items") == {first: "live"}
        project.same("orders")
        project.same("items")
