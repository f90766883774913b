from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import HeadraceError, Where
from headrace.spec.secret import SecretReference, redact

SECRET = "hunter2"


@pytest.mark.parametrize("text", ["env:NAME", "env:_n1", "file:a", "file:/run/secrets/x", "file:~/a b"])
def test_references(text: str) -> None:
    assert str(SecretReference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "",
        "env:",
        "env:1A",
        f"env:{SECRET}!",
        "file:",
        "file: a",
        f"vault:{SECRET}",
        "ENV:A",
        "env:A\n",
    ],
)
def test_no_reference_and_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"env:|file:") as caught:
        SecretReference.parse(text)
    assert SECRET not in str(caught.value)


def test_environment(tmp_path: Path) -> None:
    reference = SecretReference.parse("env:PW")
    assert reference.resolve(directory=tmp_path, environment={"PW": SECRET}) == SECRET
    assert SECRET not in repr(reference)
    _fails(reference, "secret-unset", tmp_path, {})
    _fails(reference, "secret-empty", tmp_path, {"PW": ""})


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "pw"
    reference = SecretReference.parse("file:pw")
    _fails(reference, "secret-file-missing", tmp_path)
    path.write_text(f" {SECRET} \n")
    path.chmod(0o640)
    _fails(reference, "secret-file-exposed", tmp_path)
    path.chmod(0o600)
    assert reference.resolve(directory=tmp_path) == f" {SECRET} "
    path.write_bytes(b"\xff" + SECRET.encode())
    _fails(reference, "secret-file-unreadable", tmp_path)
    path.write_text("\n")
    _fails(reference, "secret-empty", tmp_path)
    path.unlink()
    path.mkdir(mode=0o700)
    _fails(reference, "secret-file-unreadable", tmp_path)


def _fails(
    reference: SecretReference, code: str, folder: Path, environment: dict[str, str] | None = None
) -> None:
    where = Where("headrace.yaml", 3, "source.password")
    with pytest.raises(HeadraceError) as caught:
        reference.resolve(directory=folder, environment=environment, where=where)
    error = caught.value
    assert error.code == code
    assert error.hint
    assert error.where == where
    assert SECRET not in f"{error.summary} {error.cause} {error.hint}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:hunter2@h/d", "postgresql://***@h/d"),
        ("postgresql://u:hun@ter2@h/d", "postgresql://***@h/d"),
        ("host=h password=hunter2 user=u", "host=h password=*** user=u"),
        ("password = 'hunter2 x'", "password = ***"),
        ("postgresql://h/d?password=hunter2&user=u", "postgresql://h/d?password=***&user=u"),
        ("nothing secret: here", "nothing secret: here"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown
