"""The view document: what the streaming application is told to do; pure."""

from __future__ import annotations

from typing import Protocol

from headrace.hops.transform.view import CompiledView


class JobNames(Protocol):
    """The names of one generation; names.ViewNames is one."""

    @property
    def job(self) -> str: ...
    @property
    def topic(self) -> str: ...


def document(view: CompiledView, names: JobNames, bootstrap: str, input_topic: str) -> dict[str, object]:
    """The same view, names and addresses always give the same document."""
    return {
        "name": names.job,
        "bootstrap": bootstrap,
        "input": {"topic": input_topic},
        "output": {"topic": names.topic},
        **view.work,
    }
