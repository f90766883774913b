"""Whatever is not a complete answer is an error."""

from __future__ import annotations

import pytest

from headrace.errors import HeadraceError
from headrace.hops.serve import answer

WHOLE: dict[str, object] = {
    "resultTable": {"dataSchema": {"columnNames": ["a"], "columnDataTypes": ["LONG"]}, "rows": [[1]]},
    "exceptions": [],
    "numServersQueried": 1,
    "numServersResponded": 1,
}


def test_a_whole_answer_is_read() -> None:
    assert answer.read(WHOLE).rows == [[1]]


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"numServersResponded": 0}, answer.Transient, "query-partial"),
        ({"numServersQueried": 0, "numServersResponded": 0}, answer.Unserved, "query-unserved"),
        ({"resultTable": None}, answer.Unserved, "query-unserved"),
        ({"partialResult": True}, HeadraceError, "query-partial"),
        ({"numGroupsLimitReached": True}, HeadraceError, "query-partial"),
        (
            {"exceptions": [{"errorCode": 305, "message": "1 segments unavailable"}]},
            answer.Transient,
            "query-partial",
        ),
        (
            {
                "exceptions": [
                    {"errorCode": 305, "message": "x:\nheadrace: partition 0 of t has not caught up"}
                ]
            },
            answer.Transient,
            "query-not-caught-up",
        ),
        (
            {
                "exceptions": [
                    {"errorCode": 305, "message": "headrace: offset 5 of partition 0 was not reached in time"}
                ]
            },
            HeadraceError,
            "query-after-timeout",
        ),
        (
            {
                "exceptions": [
                    {
                        "errorCode": 305,
                        "message": "x:\nheadrace: log-lost: partition 0 of t: offset 5",
                    }
                ]
            },
            HeadraceError,
            "log-lost",
        ),
        (
            {
                "exceptions": [
                    {
                        "errorCode": 150,
                        "message": "SQLParsingError:\njava.util.ConcurrentModificationException",
                    }
                ]
            },
            answer.Transient,
            "query-failed",
        ),
        ({"exceptions": [{"errorCode": 250, "message": "timeout"}]}, HeadraceError, "query-timeout"),
        ({"exceptions": [{"errorCode": 200, "message": "boom"}]}, HeadraceError, "query-failed"),
        ({"exceptions": [{"errorCode": 150, "message": "no"}]}, HeadraceError, "query-rejected"),
    ],
)
def test_anything_less_is_an_error(change: dict[str, object], kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as caught:
        answer.read({**WHOLE, **change})
    assert isinstance(caught.value, HeadraceError)
    assert caught.value.code == code
    if kind is HeadraceError:
        assert not isinstance(caught.value, answer.Transient)
