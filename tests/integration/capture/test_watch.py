"""Failed tasks are restarted with growing pauses; what no restart can cure is said and left to rest."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from headrace.hops.capture.probe import status
from headrace.hops.capture.watch import HEALTHY_AFTER_S, INCURABLE_PAUSE_S, ConnectWatcher, Report
from headrace.hops.topic.messages import read
from tests.integration.capture.bench import Bench, Capture, contract
from tests.integration.capture.engines import PROJECT

pytestmark = [pytest.mark.engines, pytest.mark.long]

GROUP = "headrace-connect"  # of the workers, as engines/connect.py has it


def _await_state(bench: Bench, capture: Capture, *, failed: bool) -> None:
    """Return when Connect has said so for a second: its states pass each other around a restart."""
    deadline, steady = time.monotonic() + 120, 0
    while steady < 5:
        found = status(bench.connect, capture.names.connector)
        there = found is not None and (found.failure is not None if failed else found.is_healthy)
        steady = steady + 1 if there else 0
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def _fence(bench: Bench, capture: Capture, row: int) -> None:
    """What befalls a task that slept too long: a newer producer takes its name, its next commit fails."""
    name = f"{GROUP}-{capture.names.connector}-0"
    producer = Producer(
        {"bootstrap.servers": bench.endpoints.kafka_bootstrap, "transactional.id": name, "log_level": 0}
    )
    producer.init_transactions(60)
    del producer
    bench.run(f"INSERT INTO watched VALUES ({row})")
    _await_state(bench, capture, failed=True)


def _look(watcher: ConnectWatcher, capture: Capture) -> Report | None:
    found = [report for report in watcher.look() if report.connector == capture.names.connector]
    return found[0] if found else None


def test_fenced_task_comes_back_with_growing_pauses_and_no_row_lost(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS watched", "CREATE TABLE watched (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("watched"))
    bench.final_verdict(capture)
    now = [1000.0]
    watcher = ConnectWatcher(bench.connect, PROJECT, lambda: now[0])
    assert _look(watcher, capture) is None

    _fence(bench, capture, 1)
    report = _look(watcher, capture)
    assert report is not None
    assert (report.failure.code, report.restarted, report.attempts) == ("capture-fenced", True, 1)
    assert report.next_in_s == 1.0
    _await_state(bench, capture, failed=False)
    assert _look(watcher, capture) is None

    _fence(bench, capture, 2)
    now[0] += 0.9
    report = _look(watcher, capture)
    assert report is not None
    assert not report.restarted
    now[0] += 0.2
    report = _look(watcher, capture)
    assert report is not None
    assert (report.restarted, report.attempts, report.next_in_s) == (True, 2, 2.0)

    _await_state(bench, capture, failed=False)
    assert _look(watcher, capture) is None
    now[0] += HEALTHY_AFTER_S + 1
    assert _look(watcher, capture) is None
    _fence(bench, capture, 3)
    report = _look(watcher, capture)
    assert report is not None
    assert report.attempts == 1

    _await_state(bench, capture, failed=False)
    topic, deadline = capture.names.topic(capture.contracts[0].table), time.monotonic() + 60
    while len(keys := [record.key for record in read(bench.kafka, topic)]) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert keys == [b'{"id":1}', b'{"id":2}', b'{"id":3}']


def test_incurable_failure_is_reported_and_left_to_rest(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS wild", "CREATE TABLE wild (id bigint PRIMARY KEY, a numeric[])")
    capture = bench.capture(contract("wild"))
    bench.final_verdict(capture)
    bench.run("INSERT INTO wild VALUES (1, '{NaN}')")
    _await_state(bench, capture, failed=True)
    now = [1000.0]
    watcher = ConnectWatcher(bench.connect, PROJECT, lambda: now[0])
    report = _look(watcher, capture)
    assert report is not None
    assert (report.failure.code, report.failure.restart) == ("capture-value-unconvertible", False)
    assert (report.restarted, report.next_in_s) == (True, INCURABLE_PAUSE_S)
    now[0] += INCURABLE_PAUSE_S - 1
    time.sleep(2)
    _await_state(bench, capture, failed=True)
    report = _look(watcher, capture)
    assert report is not None
    assert not report.restarted
