"""How far each log has been, in a file: what tells a log that lost its end from one that never had more.

Promise: written whole or not at all, and synced: it outlives a power cut that Kafka's own files do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from headrace.errors import HeadraceError, Where

FILE_NAME = "topic-marks.json"


@dataclass(frozen=True)
class Mark:
    """What is remembered of one topic.

    Attributes:
        topic: its name.
        ends: by partition, the highest offset its log was seen to end at.
        id: Kafka's own, which a topic that is made again under the name has not; empty before the first look.
        lost: why records of it are gone that somebody needs; None while none are.
    """

    topic: str
    ends: Mapping[int, int] = field(default_factory=dict[int, int])
    id: str = ""
    lost: str | None = None


_FILE = TypeAdapter(list[Mark])


def read(folder: Path) -> dict[str, Mark]:
    """By topic; empty where there is no file yet.

    Args:
        folder: the project's `.headrace`.

    Raises:
        HeadraceError: `marks-unreadable`: what is lost must not be forgotten.
    """
    path = folder / FILE_NAME
    try:
        marks = _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise HeadraceError(
            "marks-unreadable",
            "where the logs ended and what they lost cannot be read",
            cause=str(error) if isinstance(error, OSError) else "it was written by something else",
            hint="restore the file; or remove it and run `headrace resync --all`",
            where=Where(file=str(path)),
        ) from error
    return {mark.topic: mark for mark in marks}


def dump(marks: Iterable[Mark]) -> str:
    """The text of the file."""
    return _FILE.dump_json(sorted(marks, key=lambda mark: mark.topic)).decode()


def lost(folder: Path) -> dict[str, str]:
    """By topic, why records of it are gone."""
    return {topic: mark.lost for topic, mark in read(folder).items() if mark.lost is not None}
