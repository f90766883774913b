"""Superset's administrator in its metadata database, without Superset."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from headrace.engines.superset_account import hashed, matches, set_administrator
from headrace.errors import HeadraceError

_TABLES = """
CREATE TABLE ab_user (id INTEGER PRIMARY KEY, first_name, last_name, username UNIQUE, password, active,
  email UNIQUE, created_on, changed_on);
CREATE TABLE ab_role (id INTEGER PRIMARY KEY, name UNIQUE);
CREATE TABLE ab_user_role (id INTEGER PRIMARY KEY, user_id, role_id, UNIQUE (user_id, role_id));
INSERT INTO ab_role VALUES (1, 'Admin'), (2, 'Public');
"""


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_TABLES)
    return path


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_the_hash_is_salted_and_tells_passwords_apart() -> None:
    # As Werkzeug 3.1.3 makes it.
    assert hashed("secret", "salt").startswith("scrypt:32768:8:1$salt$")
    assert hashed("secret") != hashed("secret")
    assert matches("secret", hashed("secret"))
    assert not matches("Secret", hashed("secret"))
    assert not matches("secret", "")
    assert not matches("secret", "pbkdf2:sha256:1$salt$00")


def test_the_same_password_again_changes_nothing(metadata: Path) -> None:
    set_administrator(metadata, "one")
    before = rows(metadata, "SELECT * FROM ab_user")
    set_administrator(metadata, "one")
    assert rows(metadata, "SELECT * FROM ab_user") == before
    assert rows(metadata, "SELECT user_id, role_id FROM ab_user_role") == [(1, 1)]


def test_another_password_or_a_disabled_account_is_set_right(metadata: Path) -> None:
    set_administrator(metadata, "one")
    set_administrator(metadata, "two")
    assert matches("two", str(rows(metadata, "SELECT password FROM ab_user")[0][0]))
    with closing(sqlite3.connect(metadata)) as connection, connection:
        connection.execute("UPDATE ab_user SET active = 0")
        connection.execute("DELETE FROM ab_user_role")
    set_administrator(metadata, "two")
    assert rows(metadata, "SELECT active FROM ab_user") == [(1,)]
    assert rows(metadata, "SELECT user_id, role_id FROM ab_user_role") == [(1, 1)]


@pytest.mark.parametrize("tables", ["", _TABLES + "DELETE FROM ab_role;"])
def test_what_is_no_metadata_database_is_refused_without_the_password(tmp_path: Path, tables: str) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(tables)
    with pytest.raises(HeadraceError) as caught:
        set_administrator(path, "hidden-one")
    assert caught.value.code == "superset-metadata"
    assert "hidden-one" not in f"{caught.value.summary} {caught.value.cause}"
