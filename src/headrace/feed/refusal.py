"""What PostgreSQL said when it refused rows, fit to be shown."""

from __future__ import annotations

import psycopg


def without_values(error: psycopg.Error) -> str:
    """The server's message without the values of rows: its details are left out, and what it quotes."""
    cause = error.diag.message_primary or type(error).__name__
    return cause.partition(': "')[0] if isinstance(error, psycopg.DataError) else cause
