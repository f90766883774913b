"""Spark's batch engine for one test session: jobs in, rows out, one JVM."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headrace.engines.installation import headrace_home
from headrace.engines.jdk import find_compiler

SOURCE = Path(__file__).parents[3] / "java/transform/test/io/headrace/transform/BatchExpressions.java"
_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)


def spark_jars() -> Path:
    """The folder of Spark's jars: HEADRACE_TEST_SPARK_JARS, or the installed engine's."""
    stated = os.environ.get("HEADRACE_TEST_SPARK_JARS")
    if stated:
        return Path(stated)
    found = sorted((headrace_home() / "engines").glob("spark-*/**/spark-catalyst_*.jar"))
    assert found, "Spark is not installed: `headrace engines install`"
    return found[-1].parent


class SparkBatch:
    """A running JVM that evaluates expressions."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def rows(
        self, image: str, rows: Sequence[dict[str, object]], stages: Sequence[dict[str, Sequence[str]]]
    ) -> list[dict[str, object]]:
        """The rows after the stages, in order of the input as far as no stage groups."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"image": image, "rows": [json.dumps(row) for row in rows], "stages": stages}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"Spark ended:\n{self._log.read_text()[-3000:]}"
        found = json.loads(answer)
        assert isinstance(found, list), found["error"]
        return found


@contextmanager
def spark_batch(folder: Path) -> Iterator[SparkBatch]:
    """Start the JVM; it ends with the block."""
    jdk = find_compiler()
    classpath = f"{folder}:{spark_jars()}/*"
    subprocess.run([jdk.javac, "-nowarn", "-proc:none", "-d", folder, "-cp", classpath, SOURCE], check=True)
    opened = [part for name in _OPENED for part in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")]
    log = folder / "spark.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [jdk.java, "-Xmx1g", *opened, "-cp", classpath, "io.headrace.transform.BatchExpressions"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            encoding="utf-8",
            cwd=folder,
        )
    try:
        yield SparkBatch(process, log)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
