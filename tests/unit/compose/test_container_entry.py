from __future__ import annotations

import stat
from pathlib import Path

import pytest

from headrace.engines import secret_files
from headrace.engines.compose import env_values, volume
from headrace.engines.compose.entry import Container, become, keep_secrets
from headrace.engines.compose.roles import (
    MASK_KEY,
    SOURCE_CA,
    SOURCE_PASSWORD,
    SUPERSET_KEY,
    SUPERSET_PASSWORD,
)
from headrace.engines.folder import ProjectFolder
from headrace.errors import HeadraceError


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    found = ProjectFolder.of(tmp_path)
    found.create("shop")
    return found


@pytest.mark.parametrize("value", ["plain-1", "p$w#d'\"\\ \n é", "base64:odd", "", "a=b", "${HOME}"])
def test_a_value_survives_any_reader_of_env_files(value: str) -> None:
    written = env_values.encoded(value)
    assert env_values.decoded(written) == value
    assert not set(written) & set("$#'\"\\ \n=")


def test_a_value_written_by_hand_is_taken_as_it_is() -> None:
    assert env_values.decoded("by hand $1") == "by hand $1"


def test_a_container_without_its_secret_says_which(folder: ProjectFolder) -> None:
    with pytest.raises(HeadraceError) as caught:
        keep_secrets("connect", folder, {SOURCE_PASSWORD: "x", MASK_KEY: ""})
    assert caught.value.code == "secret-missing"
    assert MASK_KEY in caught.value.summary


def test_secrets_lie_where_the_definitions_look_for_them(folder: ProjectFolder) -> None:
    given = {
        SOURCE_PASSWORD: env_values.encoded("p=w d"),
        MASK_KEY: "00ff",
        SOURCE_CA: env_values.encoded("-----BEGIN\nX\n"),
        SUPERSET_PASSWORD: "sp",
        SUPERSET_KEY: "sk",
    }
    keep_secrets("connect", folder, given)
    keep_secrets("superset", folder, given)
    secrets = folder.root / "secrets"
    assert secret_files.embedded_password(folder) == "p=w d"
    assert (secrets / secret_files.PROPERTIES).read_text() == "password=p\\=w d\n"
    assert secret_files.mask_key(folder).read_text() == "mask_key=00ff\n"
    assert (secrets / secret_files.SOURCE_CA).read_text() == "-----BEGIN\nX\n"
    assert secret_files.superset_password(folder) == "sp"
    assert secret_files.superset_key(folder).read_text() == "sk"
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}


def test_a_role_keeps_only_its_own_secrets(folder: ProjectFolder) -> None:
    keep_secrets("kafka", folder, {SOURCE_PASSWORD: "x", MASK_KEY: "00"})
    assert not (folder.root / "secrets").exists() or not list((folder.root / "secrets").iterdir())


def test_a_volume_belongs_to_one_engine(folder: ProjectFolder) -> None:
    volume.claim(folder, "kafka")
    volume.claim(folder, "kafka")
    with pytest.raises(HeadraceError) as caught:
        volume.claim(folder, "pinot")
    assert caught.value.code == "volume-of-another-engine"


@pytest.mark.parametrize(
    ("role", "before", "opens"),
    [
        ("postgres", "18.1", True),
        ("postgres", "17.6", False),
        ("postgres", "19.0", False),
        ("kafka", "4.2.0", True),
        ("kafka", "99.0.0", False),
    ],
)
def test_a_volume_of_another_version_is_refused_before_an_engine_sees_it(
    folder: ProjectFolder, role: str, before: str, opens: bool
) -> None:
    volume.claim(folder, role)
    stamp = folder.root / "volume.json"
    stamp.write_text(f'{{"version": 1, "engine": "{role}", "engine_version": "{before}"}}')
    if opens:
        volume.claim(folder, role)
        assert before not in stamp.read_text()
        return
    with pytest.raises(HeadraceError) as caught:
        volume.claim(folder, role)
    assert caught.value.code == "volume-of-another-version"
    assert before in stamp.read_text()


def test_a_volume_of_another_project_is_refused(folder: ProjectFolder) -> None:
    container = Container("kafka", "bakery", folder.directory)
    with pytest.raises(HeadraceError) as caught:
        become(container, {}, lambda line: None)
    assert caught.value.code == "folder-of-another-project"
