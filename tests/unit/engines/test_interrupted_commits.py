from __future__ import annotations

import gzip
import json

from headrace.engines import interrupted_commits


def test_a_table_of_many_segments_is_read_too() -> None:
    """From 1,000 segments on Pinot writes the ideal state of a table compressed."""
    content = json.dumps({"mapFields": {"orders_1__0__7__20261127T1200Z": {"server": "CONSUMING"}}}).encode()
    assert interrupted_commits.record(content) == interrupted_commits.record(gzip.compress(content))
