"""Takes back commits of segments that a killed Pinot had only begun to write down.

The controller writes a commit in three steps: the full segment is DONE, there is a next one, and the ideal
state says ONLINE of the first and CONSUMING of the second. Killed in between, Pinot 0.11.0 mends it after
five minutes (`PinotLLCRealtimeSegmentManager.ensureAllPartitionsConsuming`); until then the partition is
not read, and nothing is answered from it. To take the first two steps back is right at any time: the log is
read again from where the segment begins, and the segment committed anew.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from headrace.engines.zookeeper_client import ZooKeeperClient

_GZIP = b"\x1f\x8b"
_STATUS = "segment.realtime.status"
_OF_A_COMMIT = (
    "segment.crc",
    "segment.download.url",
    "segment.end.time",
    "segment.index.version",
    "segment.realtime.download.url",
    "segment.realtime.endOffset",
    "segment.start.time",
    "segment.time.unit",
    "segment.total.docs",
)


def take_back(client: ZooKeeperClient, cluster: str) -> None:
    """Have such segments consume again; to be called only while no controller of the cluster runs.

    Idempotent, and can itself be killed anywhere: what follows a segment goes before the segment is reopened.
    """
    for table in client.children(f"/{cluster}/IDEALSTATES"):
        if not table.endswith("_REALTIME"):
            continue
        states = _states(client, f"/{cluster}/IDEALSTATES/{table}")
        segments = f"/{cluster}/PROPERTYSTORE/SEGMENTS/{table}"
        consuming = [segment for segment, state in states.items() if "CONSUMING" in state.values()]
        following = {
            (partition, sequence + 1) for partition, sequence in filter(None, map(_place, consuming))
        }
        for segment in set(client.children(segments)) - states.keys():
            if _place(segment) in following:
                client.delete(f"{segments}/{segment}")
        for segment in consuming:
            _reopen(client, f"{segments}/{segment}")


def _reopen(client: ZooKeeperClient, path: str) -> None:
    found = client.get(path)
    if found is None:
        return
    content, version = found
    segment = record(content)
    fields: dict[str, str] = segment["simpleFields"]
    if fields.get(_STATUS) != "DONE":
        return
    segment["simpleFields"] = {
        **{name: value for name, value in fields.items() if name not in _OF_A_COMMIT},
        _STATUS: "IN_PROGRESS",
    }
    client.set(path, json.dumps(segment, indent=2).encode(), version)


def _states(client: ZooKeeperClient, path: str) -> dict[str, dict[str, str]]:
    """Segment to its state by instance."""
    found = client.get(path)
    return {} if found is None else record(found[0])["mapFields"]


def record(content: bytes) -> dict[str, Any]:
    """What Helix wrote into a node: from 1,000 segments on Pinot has it compressed (`HelixHelper`)."""
    return json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)


def _place(segment: str) -> tuple[int, int] | None:
    """Partition and sequence number, of `table__0__12__20261126T1200Z`; None if it was uploaded."""
    match segment.rsplit("__", 3):
        case [_table, partition, sequence, _time] if partition.isdigit() and sequence.isdigit():
            return int(partition), int(sequence)
        case _:
            return None
