"""Spark: the views of a project as streaming queries in one JVM, our own application (java/transform)."""

from __future__ import annotations

from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.jvm import JavaProgram, quick_compiler_only
from headrace.engines.probe import get
from headrace.engines.service import Service

DEFAULT_HEAP_MB = 640

PORTS = ("spark",)

MAIN = "io.headrace.transform.TransformApp"

BATCH_MS = 120_000
"""How long a batch lasts: a view stands still for a moment between two, and repeats one after a crash."""

# Spark's own list for Java 17.
OPENED = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
)


def spark(
    folder: ProjectFolder,
    book: AddressBook,
    installation: Installation,
    heap_mb: int,
    *,
    batch_ms: int = BATCH_MS,
    real_time: bool = True,
) -> Service:
    """The application; it knows its views from its own data folder.

    Args:
        batch_ms: see BATCH_MS.
        real_time: False runs micro-batches, for comparison only: their output says nothing of a view's
            position.
    """
    port = book.ports["spark"]
    program = JavaProgram(
        engine="spark",
        folder=folder,
        java=installation.java,
        classpath=installation.spark_classpath,
        class_archive=installation.class_archives / "spark.jsa",
        main=MAIN,
        heap_mb=heap_mb,
        initial_heap_mb=128,
        options=(
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:MaxDirectMemorySize=192m",
            "-XX:ReservedCodeCacheSize=128m",
            "-Djdk.reflect.useDirectMethodHandle=false",
            "-Dio.netty.tryReflectionSetAccessible=true",
            *quick_compiler_only(),
            *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED),
            *((f"-Dheadrace.bind={book.bind}",) if book.contained else ()),
        ),
        levels=(
            ("io.headrace", "INFO"),
            # Whatever Spark says of a failure may quote a row; the application says it in its own words.
            ("org.apache.spark", "OFF"),
            ("org.apache.hadoop", "ERROR"),
            ("org.apache.kafka", "ERROR"),
        ),
        console=book.contained,
    )
    return Service(
        name="spark",
        command=program.command(
            *("--port", str(port), "--folder", str(program.data)),
            *("--mode", "real-time" if real_time else "micro-batch", "--batch-ms", str(batch_ms)),
        ),
        prepare=lambda: program.prepare({}),
        ready=lambda: waits_for(port),
        log=program.log,
        # Spark looks for an address of this machine otherwise; many arenas cost RocksDB memory for nothing.
        environment={"SPARK_LOCAL_IP": "127.0.0.1", "MALLOC_ARENA_MAX": "2"},
        ports={"spark": port},
        depends_on=("kafka",),
        heap_mb=heap_mb,
        stop_timeout_s=20.0,
        start_timeout_s=180.0,
    )


def waits_for(port: int) -> str | None:
    answer = get(port, "/health")
    if answer is None:
        return f"its HTTP interface on port {port}"
    return None if answer.status_code == 200 else "Spark's session and the views it knows"
