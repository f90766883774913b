from __future__ import annotations

from pathlib import Path

import pytest

from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.spec.connection import source_address
from headrace.spec.load import load_text

SECRET = "hunter2"


def _address(source: str, folder: Path, **environment: str) -> SourceAddress:
    declaration = load_text(f"project: shop\ntables: [orders]\nsource: {source}\n")
    return source_address(
        declaration, directory=folder, password_file=folder / "source.properties", environment=environment
    )


def test_parts(tmp_path: Path) -> None:
    address = _address("{host: h, database: d, user: u, password: env:PW}", tmp_path, PW=SECRET)
    assert (address.host, address.port, address.database, address.user) == ("h", 5432, "d", "u")
    assert (address.password, address.sslmode, address.sslrootcert) == (SECRET, "prefer", None)
    assert SECRET not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hun%40ter2@h:6432/d?sslmode=require&connect_timeout=3",
        "postgres://h:6432/d?user=u&password=hun%40ter2&sslmode=require",
        "host=h port=6432 dbname=d user=u password='hun@ter2' sslmode=require",
    ],
)
def test_url(url: str, tmp_path: Path) -> None:
    address = _address("{url: env:URL}", tmp_path, URL=url)
    assert (address.host, address.port, address.database, address.user) == ("h", 6432, "d", "u")
    assert (address.password, address.sslmode) == ("hun@ter2", "require")


def test_the_file_wins_over_the_url(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("")
    address = _address(
        "{url: env:URL, sslmode: verify-full, sslrootcert: root.pem}",
        tmp_path,
        URL="postgresql://u@h/d?sslmode=disable",
    )
    assert (address.sslmode, address.sslrootcert) == ("verify-full", str(tmp_path / "root.pem"))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"postgresql://u:{SECRET}@h:port/d", "source-url-invalid"),
        (f"postgresql://u:{SECRET}@h:99999/d", "source-url-invalid"),
        (f"postgresql://u:{SECRET}@[h/d", "source-url-invalid"),
        (f"mysql://u:{SECRET}@h/d", "source-url-invalid"),
        (f"postgresql://u:{SECRET}@h1,h2/d", "source-url-host"),
        (f"postgresql://u:{SECRET}@%2Frun/d", "source-url-host"),
        (f"postgresql://u:{SECRET}@/d", "source-url-incomplete"),
        (f"postgresql://u:{SECRET}@h", "source-url-incomplete"),
        (f"postgresql://u:{SECRET}@h/d?sslkey=a", "source-url-parameter"),
        (f"postgresql://u:{SECRET}@h/d?colour=red", "source-url-invalid"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=verify-full", "source-sslrootcert-missing"),
        (
            f"postgresql://u:{SECRET}@h/d?sslmode=verify-full&sslrootcert=none.pem",
            "source-sslrootcert-missing",
        ),
    ],
)
def test_an_unusable_url_is_refused_and_never_shown(url: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(HeadraceError) as caught:
        _address("{url: env:URL}", tmp_path, URL=url)
    error = caught.value
    assert error.code == code
    assert error.hint
    assert error.where is not None
    assert error.where.line == 3
    assert error.__suppress_context__ or error.__context__ is None
    assert SECRET not in f"{error.summary} {error.cause} {error.hint}"
