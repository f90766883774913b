"""Segments of several tables are built at the same time, and each holds its own table's values."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal

import httpx
import pytest

from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.hops.serve.query import QueryClient
from tests.integration.serve.pairs import Pair, open_pair

pytestmark = pytest.mark.engines

TABLES = 4
ROWS = 20_000
COLUMNS = (
    Column("id", "bigint", Conversion.LONG, False),
    Column("amount", "numeric", Conversion.DECIMAL, False),
    Column("document", "jsonb", Conversion.TEXT, False),
    Column("image", "bytea", Conversion.BYTES, False),
)


def test_tables_with_columns_of_the_same_name_keep_their_own_values(engines: Endpoints) -> None:
    """Of columns without a dictionary, larger than the megabyte Pinot writes at once (decision 22)."""
    written = [_rows(random.Random(table)) for table in range(TABLES)]
    with ExitStack() as stack:
        run = uuid.uuid4().hex[:8]
        pairs = [stack.enter_context(open_pair(engines, f"t{n}_{run}", COLUMNS)) for n in range(TABLES)]
        for pair, rows in zip(pairs, written, strict=True):
            pair.put("c", rows, source=False)
            count = f"SELECT COUNT(*) FROM {pair.name}"
            reached = QueryClient(pair.pinot, pair.project).run(count, after={0: ROWS}, timeout_s=60)
            assert reached.rows == [(ROWS,)]
        together = threading.Barrier(TABLES)
        with ThreadPoolExecutor(TABLES) as threads:
            list(threads.map(lambda pair: _commit(pair, together), pairs))
        for pair in pairs:
            _wait_until_read_from_disk(engines, pair)
        for pair, rows in zip(pairs, written, strict=True):
            query = f"SELECT id, amount, document, image FROM {pair.name} ORDER BY id LIMIT {ROWS}"
            found = QueryClient(pair.pinot, pair.project).run(query, timeout_s=60).rows
            wanted = [tuple(row.values()) for row in rows]
            wrong = [row[0] for row, expected in zip(found, wanted, strict=True) if tuple(row) != expected]
            assert not wrong, f"{pair.name}: {len(wrong)} rows, from {wrong[0]} to {wrong[-1]}"


def _rows(source: random.Random) -> list[dict[str, object]]:
    return [
        {
            "id": key,
            "amount": Decimal(source.randrange(10**239, 10**240)),
            "document": json.dumps({"text": source.randbytes(50).hex()}),
            "image": source.randbytes(100),
        }
        for key in range(ROWS)
    ]


def _commit(pair: Pair, together: threading.Barrier) -> None:
    together.wait(60)
    pair.commit()


def _wait_until_read_from_disk(engines: Endpoints, pair: Pair) -> None:
    """Pinot's servers tell the size of the segments they have built only."""
    url = f"{engines.pinot_controller_url}/tables/{pair.physical}/size"
    deadline = time.monotonic() + 60
    while not httpx.get(url, timeout=30).raise_for_status().json()["reportedSizeInBytes"] > 0:
        assert time.monotonic() < deadline, f"{pair.physical}: nothing on disk"
        time.sleep(0.1)
