"""Whether an engine serves: its definition's own question, asked without loading any other engine."""

from __future__ import annotations

from collections.abc import Mapping


def waits_for(role: str, ports: Mapping[str, int], project: str, password: str) -> str | None:
    """None once the engine serves at these loopback ports, else what is still waited for.

    Args:
        role: the engine.
        ports: of the engine, by their names in `stack.PORT_NAMES`.
        project, password: of the embedded PostgreSQL; nobody else asks for them.
    """
    match role:
        case "postgres":
            from headrace.engines import postgres

            return postgres.waits_for(ports["postgres"], project, password)
        case "zookeeper":
            from headrace.engines import zookeeper

            return zookeeper.waits_for(ports["zookeeper"])
        case "kafka":
            from headrace.engines import kafka

            return kafka.waits_for(ports["kafka"])
        case "connect":
            from headrace.engines import connect

            return connect.waits_for(ports["connect"])
        case "pinot":
            from headrace.engines import pinot

            return pinot.waits_for(ports)
        case "spark":
            from headrace.engines import spark

            return spark.waits_for(ports["spark"])
        case "superset":
            from headrace.engines import superset

            return superset.waits_for(ports["superset"])
        case _:
            raise ValueError(f"no engine is called {role}")
