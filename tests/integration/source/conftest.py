from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from headrace.endpoints import SourceAddress
from headrace.hops.source.client import SourceClient
from tests.integration.source.servers import BINARIES, Server, installed


@pytest.fixture(scope="package", params=list(BINARIES))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The embedded PostgreSQL, and others as somebody's own where they are installed."""
    with installed(request.param) as found:
        yield found


@pytest.fixture
def address(server: Server, request: pytest.FixtureRequest) -> SourceAddress:
    """An empty database of the test's own."""
    return server.recreate(re.sub(r"[^a-z0-9]", "_", request.node.originalname.lower())[:60])


@pytest.fixture
def client(address: SourceAddress) -> Iterator[SourceClient]:
    with SourceClient.connect(address) as opened:
        yield opened
