"""Waiting: an engine that is away for a while is waited for, everything else is told at once."""

from __future__ import annotations

import pytest

from headrace.apply import progress
from headrace.apply.progress import Event, Waiting, wait_until
from headrace.errors import HeadraceError


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "AWAY_PAUSE_S", 0.005)


def _wait(answers: list[str | HeadraceError | None], told: list[Event] | None = None) -> None:
    def done() -> str | None:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, HeadraceError):
            raise answer
        return answer

    tell = progress.silent if told is None else told.append
    wait_until(done, "a test", tell, timeout_s=0.3, pause_s=0.001, report_every_s=0.0)


@pytest.mark.parametrize("code", ["kafka-unreachable", "source-starting", "connect-unreachable"])
def test_an_engine_that_is_away_is_waited_for(code: str) -> None:
    told: list[Event] = []
    away = HeadraceError(code, "it does not answer")
    _wait(["some rows", away, away, "more rows", away, None], told)
    assert [event.what for event in told if isinstance(event, Waiting)] == [
        "a test: some rows",
        "a test: it does not answer",
        "a test: it does not answer",
        "a test: more rows",
        "a test: it does not answer",
    ]


def test_an_engine_that_comes_and_goes_is_no_progress() -> None:
    away = HeadraceError("kafka-unreachable", "it does not answer")
    answers: list[str | HeadraceError | None] = ["3 of 10 rows", away] * 300
    with pytest.raises(HeadraceError) as caught:
        _wait(answers)
    assert caught.value.code == "wait-timeout"
    assert len(answers) > 1


def test_an_engine_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "AWAY_S", 0.05)
    with pytest.raises(HeadraceError) as caught:
        _wait([HeadraceError("kafka-unreachable", "it does not answer")])
    assert caught.value.code == "kafka-unreachable"


def test_any_other_failure_ends_the_wait() -> None:
    with pytest.raises(HeadraceError) as caught:
        _wait(["some rows", HeadraceError("kafka-denied", "refused"), None])
    assert caught.value.code == "kafka-denied"


def test_what_does_not_change_is_waited_for_no_longer_than_said() -> None:
    with pytest.raises(HeadraceError) as caught:
        _wait(["some rows"])
    assert caught.value.code == "wait-timeout"
    assert caught.value.cause == "some rows"
