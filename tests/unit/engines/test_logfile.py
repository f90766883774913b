from __future__ import annotations

import os
import threading
from pathlib import Path

from headrace.engines.logfile import follow, open_for_append, previous_log, rotate_if_large, tail


def test_rotation_keeps_the_lines_and_the_open_descriptor_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    descriptor = open_for_append(log)
    try:
        for number in range(100):
            os.write(descriptor, f"line {number}\n".encode())
        assert not rotate_if_large(log, bound_bytes=10_000)
        assert rotate_if_large(log, bound_bytes=100)
        os.write(descriptor, b"line 100\n")
    finally:
        os.close(descriptor)
    # Not a hole of the old size: the descriptor appends.
    assert log.read_bytes() == b"line 100\n"
    assert previous_log(log).read_text().count("\n") == 100
    assert previous_log(log).stat().st_mode & 0o777 == 0o600
    assert tail(log, 3) == ["line 98", "line 99", "line 100"]


def test_tail_reads_from_the_end(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    assert tail(log, 5) == []
    log.write_bytes(b"\n".join(b"x" * 1000 + str(n).encode() for n in range(500)) + b"\npart \xff")
    assert [line.lstrip("x") for line in tail(log, 3)] == ["498", "499", "part \ufffd"]
    assert len(tail(log, 10_000)) == 501
    assert tail(log, 0) == []


def test_follow_sees_what_comes_through_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("old\n")
    ended = threading.Event()
    lines = follow(log, ended.is_set)
    with log.open("ab", buffering=0) as writer:
        writer.write(b"one\ntw")
        assert next(lines) == "one"
        writer.write(b"o\n")
        assert next(lines) == "two"
        rotate_if_large(log, bound_bytes=0)
        writer.write(b"3\n")
        assert next(lines) == "3"
    ended.set()
    assert list(lines) == []
