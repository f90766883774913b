"""Installing, from the first download to the repair of what was damaged."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from headrace.engines import install as installing
from headrace.engines import lock, maven
from headrace.engines.install import install
from headrace.engines.installation import (
    Installation,
    engine_folder,
    engines_folder,
    inventory,
    java_folder,
    library,
)
from headrace.engines.versions import DEBEZIUM, FROM_MAVEN, KAFKA, PINOT, SPARK
from headrace.errors import HeadraceError

pytestmark = [pytest.mark.engines, pytest.mark.slow]

HEADRACE = [sys.executable, "-c", "from headrace.cli.main import run; run()"]
INSTALL = [*HEADRACE, "engines", "install", "--no-trial"]
ATTEMPTS = 4


def silent(line: str) -> None:
    assert line


def refuse_maven(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take `mvn` off PATH and leave Java on it."""
    java = shutil.which("java")
    assert java
    folder.mkdir()
    (folder / "java").symlink_to(Path(java).resolve())
    monkeypatch.setenv("PATH", str(folder))
    assert shutil.which("mvn") is None


def linked(source: Path, target: Path) -> Path:
    """The same files once more, where the file system can; they are replaced, never written to."""

    def link(file: str, to: str) -> None:
        try:
            os.link(file, to)
        except OSError:
            shutil.copy2(file, to)

    # The lock is of one home, and goes with the file.
    ignored = shutil.ignore_patterns(".lock")
    return Path(shutil.copytree(source, target, symlinks=True, ignore=ignored, copy_function=link))


@dataclass(frozen=True)
class Interrupted:
    """A finished installation after `attempts` that were killed.

    Attributes:
        differences: from the locks, of what looked finished after one of them.
    """

    home: Path
    attempts: int
    differences: list[str]


@pytest.fixture(scope="module")
def interrupted(installation: Installation) -> Iterator[Interrupted]:
    """Spark is there already: its download is 456 MB."""
    home = Path(tempfile.mkdtemp(prefix="headrace-test-home-"))
    linked(engine_folder(SPARK, installation.home), engine_folder(SPARK, home))
    moments = random.Random(7)
    differences = list[str]()
    killed = 0
    for _ in range(ATTEMPTS):
        process = subprocess.Popen(
            INSTALL,
            env={**os.environ, "HEADRACE_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        time.sleep(moments.uniform(0.5, 8))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        for engine in FROM_MAVEN:
            if engine_folder(engine, home).exists():
                differences += lock.differences(library(engine, home), lock.read(engine))
    install(home, silent, try_engines=False)
    yield Interrupted(home, killed, differences)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def fresh_home(interrupted: Interrupted) -> Path:
    """Has never been used, and is damaged by no test."""
    return interrupted.home


@pytest.fixture
def home(fresh_home: Path, tmp_path: Path) -> Path:
    """A finished installation to damage, but for the content of its files: others have them too."""
    return linked(fresh_home, tmp_path / "home")


def test_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError) as caught:
        Installation.load(tmp_path)
    assert (caught.value.code, caught.value.hint) == ("engines-not-installed", "headrace engines install")
    installed = {item.name: item.installed for item in inventory(tmp_path)}
    assert installed == {
        "postgres": True,
        "kafka": False,
        "debezium": False,
        "spark": False,
        "zookeeper": False,
        "pinot": False,
        "headrace-java": False,
        "java": True,
    }


def test_everything_installed_is_what_the_locks_say(fresh_home: Path) -> None:
    installation = Installation.load(fresh_home)
    for engine in FROM_MAVEN:
        assert lock.differences(library(engine, fresh_home), lock.read(engine)) == []
    jars = installation.pinot_classpath.split(":")
    assert all(Path(jar).is_file() for jar in [*jars, *installation.connect_classpath.split(":")])
    assert all(item.installed for item in inventory(fresh_home))


def test_again_does_nothing_and_needs_no_maven_and_no_network(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    java = shutil.which("java")
    assert java
    (home / "bin").mkdir()
    (home / "bin" / "java").symlink_to(Path(java).resolve())
    without_network = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    answer = subprocess.run(
        [shutil.which("unshare") or "", *without_network[1:], *INSTALL],
        env={**os.environ, "HEADRACE_HOME": str(home), "PATH": str(home / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_missing_jar_is_noticed_and_repaired(home: Path) -> None:
    lock.jars(library(DEBEZIUM, home))[0].unlink()
    with pytest.raises(HeadraceError, match="not installed"):
        Installation.load(home)
    install(home, silent, try_engines=False)
    assert lock.differences(library(DEBEZIUM, home), lock.read(DEBEZIUM)) == []


def test_a_damaged_jar_is_repaired_by_another_installation(home: Path) -> None:
    jar = lock.jars(library(DEBEZIUM, home))[0]
    damaged = jar.read_bytes()[:-1]
    jar.unlink()
    jar.write_bytes(damaged)
    lines = list[str]()
    install(home, lines.append, try_engines=False)
    assert lock.differences(library(DEBEZIUM, home), lock.read(DEBEZIUM)) == []
    assert [line for line in lines if "resolving" in line] == ["debezium 3.7.0.Final: resolving with Maven"]
    assert not list(engines_folder(home).glob(".partial-*"))


def test_killed_at_any_moment_it_leaves_nothing_that_looks_finished(interrupted: Interrupted) -> None:
    assert interrupted.attempts == ATTEMPTS
    assert interrupted.differences == []
    assert not list(engines_folder(interrupted.home).glob(".partial-*"))


def test_a_killed_trial_leaves_no_engine_behind(home: Path) -> None:
    environment = {**os.environ, "HEADRACE_HOME": str(home)}
    process = subprocess.Popen(
        [*HEADRACE, "engines", "install"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(java_below(home)) == 2)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not java_below(home))
    assert not list(engines_folder(home).glob("class-archives-*"))


def java_below(home: Path) -> list[int]:
    """The processes that work in a folder."""
    found = list[int]()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "java" and process.cwd().startswith(str(home)):
                found.append(process.pid)
    return found


def wait_until(true: Callable[[], bool], timeout_s: float = 240.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_jar_that_is_not_the_locked_one_is_refused(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions = Path(shutil.copytree(maven.POM_FOLDER, tmp_path / "pom"))
    locked = descriptions / "debezium.sha256"
    digest = locked.read_text()[:64]
    locked.write_text(locked.read_text().replace(digest, "0" * 64))
    monkeypatch.setattr(maven, "POM_FOLDER", descriptions)
    with pytest.raises(HeadraceError) as caught:
        install(home, silent, try_engines=False)
    assert caught.value.code == "engine-checksum-mismatch"
    assert digest in (caught.value.cause or "")
    with pytest.raises(HeadraceError, match="not installed"):
        Installation.load(home)


def test_changed_java_sources_ask_for_another_installation(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "java"
    for part in ("pinot", "connect", "transport"):
        (sources / part / "src").mkdir(parents=True)
    (sources / "pinot" / "src" / "Empty.java").write_text("final class Empty {}\n")
    monkeypatch.setenv("HEADRACE_JAVA_SOURCES", str(sources))
    with pytest.raises(HeadraceError, match="not installed"):
        Installation.load(home)
    installation = install(home, silent, try_engines=False)
    assert installation.headrace_java == java_folder(home)

    (sources / "pinot" / "src" / "Empty.java").write_text("final class Empty {\n")
    with pytest.raises(HeadraceError) as caught:
        install(home, silent, try_engines=False)
    assert caught.value.code == "java-compilation-failed"
    assert "Empty.java" in (caught.value.cause or "")


def test_without_maven_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_maven(tmp_path / "bin", monkeypatch)
    with pytest.raises(HeadraceError) as caught:
        install(tmp_path, silent)
    assert (caught.value.code, caught.value.hint) == ("maven-missing", "apt-get install maven")


def test_an_unknown_artifact_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptions = Path(shutil.copytree(maven.POM_FOLDER, tmp_path / "pom"))
    text = (descriptions / "kafka.xml").read_text()
    (descriptions / "kafka.xml").write_text(text.replace("connect-json", "connect-jsonn"))
    monkeypatch.setattr(maven, "POM_FOLDER", descriptions)
    with pytest.raises(HeadraceError) as caught:
        install(tmp_path / "home", silent)
    assert caught.value.code == "engine-download-failed"
    assert "connect-jsonn" in (caught.value.cause or "")
    assert not engine_folder(KAFKA, tmp_path / "home").exists()


def test_a_disk_almost_full_is_said_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "REQUIRED_FREE_BYTES", 1 << 60)
    refuse_maven(tmp_path / "bin", monkeypatch)
    with pytest.raises(HeadraceError) as caught:
        install(tmp_path, silent)
    assert caught.value.code == "disk-full"
    assert not engine_folder(PINOT, tmp_path).exists()
