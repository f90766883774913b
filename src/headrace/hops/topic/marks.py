"""How far each log has been, in a file: what tells a log that lost its end from one that never had more.

Promise: written whole or not at all, and synced: it outlives a power cut that Kafka's own files do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

FILE_NAME = "topic-marks.json"


@dataclass(frozen=True)
class Mark:
    """What is remembered of one topic.

    Attributes:
        topic: its name.
        ends: by partition, the highest offset its log was seen to end at.
        lost: why records of it are gone that somebody needs; None while none are.
    """

    topic: str
    ends: Mapping[int, int] = field(default_factory=dict[int, int])
    lost: str | None = None


_FILE = TypeAdapter(list[Mark])


def read(folder: Path) -> dict[str, Mark]:
    """By topic; empty where there is no file that can be read.

    Args:
        folder: the project's `.headrace`.
    """
    try:
        marks = _FILE.validate_json((folder / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return {}
    return {mark.topic: mark for mark in marks}


def dump(marks: Iterable[Mark]) -> str:
    """The text of the file."""
    return _FILE.dump_json(sorted(marks, key=lambda mark: mark.topic)).decode()


def lost(folder: Path) -> dict[str, str]:
    """By topic, why records of it are gone."""
    return {topic: mark.lost for topic, mark in read(folder).items() if mark.lost is not None}
