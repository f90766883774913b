"""In which order objects are made and removed: from what each needs, never from a hand-written list."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

from headrace.plan.model import Kind

_RANK = {
    Kind.TABLE: 0,
    Kind.IDENTITY: 1,
    Kind.TOPIC: 2,
    Kind.SERVED: 3,
    Kind.PUBLICATION: 4,
    Kind.SLOT: 5,
    Kind.CONNECTOR: 6,
    Kind.JOB: 7,
    Kind.VIEW: 8,
    Kind.DASHBOARD: 9,
}
"""Only for what does not depend on each other: the same plan is always printed in the same order."""


def creation_order(needs: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Addresses so that each comes after everything it needs; needs outside the set count as met."""
    graph = dict(needs)
    sorter = TopologicalSorter({node: [n for n in wants if n in graph] for node, wants in graph.items()})
    sorter.prepare()
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=_rank)
        ordered += ready
        sorter.done(*ready)
    return ordered


def removal_order(needs: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """The reverse: the connector first, what it read from and wrote to after it."""
    return creation_order(needs)[::-1]


def _rank(address: str) -> tuple[int, str]:
    return _RANK[Kind(address.partition(":")[0])], address
