"""Superset's one user, written into its metadata database before it starts.

Superset's own command takes the password from its argv, which everybody on the machine may read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from headrace.errors import HeadraceError

ADMINISTRATOR = "admin"
_ROLE = "Admin"
_COST, _BLOCK, _PARALLEL = 32768, 8, 1
_MEMORY = 132 * _COST * _BLOCK * _PARALLEL


def set_administrator(metadata: Path, password: str) -> None:
    """Let `admin` in with this password; idempotent, and the way back in when it was changed by hand.

    Raises:
        HeadraceError: `superset-metadata` when the file is not a metadata database of this Superset.
    """
    try:
        with closing(sqlite3.connect(metadata, timeout=10.0)) as connection, connection:
            _write(connection, password)
    except (sqlite3.Error, TypeError) as error:
        raise HeadraceError(
            "superset-metadata",
            "Superset's metadata database cannot be used",
            cause=f"{metadata}: {error}" if isinstance(error, sqlite3.Error) else f"{metadata} has no roles",
            hint="stop headrace, move the file away and run `headrace up` and `headrace apply` again",
        ) from error


def _write(connection: sqlite3.Connection, password: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    found = connection.execute(
        "SELECT id, password, active FROM ab_user WHERE username = ?", (ADMINISTRATOR,)
    ).fetchone()
    if found is None:
        user = connection.execute(
            "INSERT INTO ab_user (first_name, last_name, username, email, password, active, created_on,"
            " changed_on) VALUES ('headrace', 'administrator', ?, 'admin@headrace.invalid', ?, 1, ?, ?)",
            (ADMINISTRATOR, hashed(password), now, now),
        ).lastrowid
    else:
        user = found[0]
        if not (found[2] and matches(password, found[1] or "")):
            connection.execute(
                "UPDATE ab_user SET password = ?, active = 1, changed_on = ? WHERE id = ?",
                (hashed(password), now, user),
            )
    role = connection.execute("SELECT id FROM ab_role WHERE name = ?", (_ROLE,)).fetchone()[0]
    connection.execute("INSERT OR IGNORE INTO ab_user_role (user_id, role_id) VALUES (?, ?)", (user, role))


def hashed(password: str, salt: str | None = None) -> str:
    """The form Werkzeug reads: `scrypt:N:r:p$salt$hash`."""
    salt = salt or secrets.token_hex(8)
    digest = hashlib.scrypt(
        password.encode(), salt=salt.encode(), n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY
    )
    return f"scrypt:{_COST}:{_BLOCK}:{_PARALLEL}${salt}${digest.hex()}"


def matches(password: str, stored: str) -> bool:
    """Whether `stored` is this password as `hashed` writes it."""
    method, _, rest = stored.partition("$")
    salt, _, _ = rest.partition("$")
    if method != f"scrypt:{_COST}:{_BLOCK}:{_PARALLEL}" or not salt:
        return False
    return hmac.compare_digest(hashed(password, salt), stored)
