from __future__ import annotations

from pathlib import Path

import pytest

from headrace.engines import jdk
from headrace.errors import HeadraceError


def java_home(path: Path, release: str, *programs: str) -> Path:
    (path / "bin").mkdir(parents=True)
    for program in programs:
        (path / "bin" / program).touch(mode=0o755)
    (path / "release").write_text(release)
    return path


def test_java_home_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = java_home(tmp_path / "jdk", 'IMPLEMENTOR="x"\nJAVA_VERSION="21.0.4"\n', "java", "javac")
    monkeypatch.setenv("JAVA_HOME", str(home))
    found = jdk.find_compiler()
    assert (found.major, found.java) == (21, home / "bin" / "java")


def test_java_on_path_is_followed_to_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = java_home(tmp_path / "jdk", 'JAVA_VERSION="17"\n', "java")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert jdk.find().home == home


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392"])
def test_an_old_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_home(tmp_path / "jdk", f'JAVA_VERSION="{version}"\n', "java")))
    with pytest.raises(HeadraceError) as caught:
        jdk.find()
    assert caught.value.code == "jdk-too-old"


@pytest.mark.parametrize("stated", [None, "/nowhere"])
def test_none_at_all_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if stated:
        monkeypatch.setenv("JAVA_HOME", stated)
    with pytest.raises(HeadraceError) as caught:
        jdk.find()
    assert caught.value.code == "jdk-missing"
    assert "apt-get install" in (caught.value.hint or "")


def test_a_runtime_without_compiler_is_no_jdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_home(tmp_path / "jre", 'JAVA_VERSION="17"\n', "java")))
    with pytest.raises(HeadraceError) as caught:
        jdk.find_compiler()
    assert caught.value.code == "jdk-missing"
    assert "javac" in (caught.value.cause or "")


def test_two_builds_have_two_fingerprints(tmp_path: Path) -> None:
    one = jdk.Jdk(java_home(tmp_path / "one", 'JAVA_VERSION="17.0.1"\n'), 17)
    before = one.fingerprint
    (one.home / "release").write_text('JAVA_VERSION="17.0.2"\n')
    assert one.fingerprint != before
