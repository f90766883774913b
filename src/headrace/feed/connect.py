"""Sessions for writing into the source, with failures said as everywhere else."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import make_conninfo

from headrace.endpoints import SourceAddress
from headrace.feed.target import Connection
from headrace.hops.source.client import CONNECT_TIMEOUT_S
from headrace.hops.source.refusal import connection_error


def connect(address: SourceAddress) -> Connection:
    """An autocommit session without a statement timeout; HeadraceError with a remedy when that fails."""
    settings = make_conninfo("", **address.conninfo(), connect_timeout=CONNECT_TIMEOUT_S)
    try:
        return psycopg.connect(settings, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise connection_error(error, address) from error
