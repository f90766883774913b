"""The unit tests of the project's Java, with the very jars the engines run on."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from headrace.engines import java_sources, pinot, spark
from headrace.engines.installation import Installation

pytestmark = pytest.mark.engines

JUNIT = "org.junit.platform:junit-platform-console-standalone:1.11.4"
JUNIT_SHA256 = "b016ef6b1c3454d6d7c2c88ce081dabf289699686af6622d6e4e2e1b54b4a2fc"


OPENED = sorted({*pinot.OPENED, *spark.OPENED})


@pytest.fixture(scope="session")
def junit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JUnit's console, by Maven coordinates, checked."""
    folder = tmp_path_factory.mktemp("junit")
    goal = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy"
    coordinates = [f"-Dartifact={JUNIT}", f"-DoutputDirectory={folder}"]
    subprocess.run(["mvn", "-q", "-B", goal, *coordinates], check=True, cwd=folder)
    (jar,) = folder.glob("*.jar")
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == JUNIT_SHA256
    return jar


@pytest.mark.parametrize("part", java_sources.PARTS)
def test_java_unit_tests_pass(part: str, junit: Path, tmp_path: Path) -> None:
    installation = Installation.load()
    plugin = ":".join(map(str, installation.connect_plugin_path.rglob("*.jar")))
    connect = f"{installation.connect_classpath}:{plugin}"
    engines = {"pinot": installation.pinot_classpath, "transform": installation.spark_classpath}
    engine = engines.get(part, connect)
    sources = sorted((java_sources.source_folder() / part / "test").rglob("*.java"))
    assert sources, f"no Java tests for {part}"
    classpath = f"{engine}:{junit}"
    subprocess.run(["javac", "-nowarn", "-proc:none", "-d", tmp_path, "-cp", classpath, *sources], check=True)

    run = subprocess.run(
        [
            *(
                "java",
                *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED),
            ),
            *("-jar", junit, "execute", "--disable-ansi-colors", "--disable-banner"),
            *("-cp", f"{tmp_path}:{classpath}", "--scan-classpath", tmp_path, "--fail-if-no-tests"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
