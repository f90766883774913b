"""kafka-ui, kafbat's image: brokers, topics, consumers and connectors in a browser, for looking only.

It is an image of others: a profile, so that everything else comes up where it cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.engines.compose.roles import KAFKA_UI, KAFKA_UI_PORT, PORTS, memory_variable, port_variable

IMAGE = "ghcr.io/kafbat/kafka-ui:v1.5.0"
SERVICE = "kafka-ui"
PROFILE = "kafka-ui"

IMAGE_VARIABLE = "HEADRACE_KAFKA_UI_IMAGE"
READ_ONLY_VARIABLE = "HEADRACE_KAFKA_UI_READONLY"


def kafka_ui(network: str, logging: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, object]:
    """Its service; the settings are those of kafbat's `ClustersProperties`."""
    return {
        "image": f"${{{IMAGE_VARIABLE}:-{IMAGE}}}",
        "profiles": [PROFILE],
        "environment": settings(),
        "networks": [network],
        "ports": [f"127.0.0.1:${{{port_variable(KAFKA_UI)}:-{KAFKA_UI_PORT}}}:{KAFKA_UI_PORT}"],
        "healthcheck": {
            "test": [
                "CMD",
                "wget",
                "-q",
                "-O",
                "/dev/null",
                f"http://127.0.0.1:{KAFKA_UI_PORT}/actuator/health",
            ],
            "interval": "30s",
            "timeout": "10s",
            "retries": 3,
            "start_period": "90s",
        },
        "restart": "unless-stopped",
        "mem_limit": f"${{{memory_variable(KAFKA_UI)}:-768m}}",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": dict(logging),
        "labels": dict(labels),
    }


def settings() -> dict[str, str]:
    """What it is told: one cluster, read-only unless somebody wants otherwise."""
    return {
        "KAFKA_CLUSTERS_0_NAME": "${HEADRACE_PROJECT:-headrace}",
        "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS": f"kafka:{PORTS['kafka']}",
        "KAFKA_CLUSTERS_0_READONLY": f"${{{READ_ONLY_VARIABLE}:-true}}",
        "KAFKA_CLUSTERS_0_KAFKACONNECT_0_NAME": "connect",
        "KAFKA_CLUSTERS_0_KAFKACONNECT_0_ADDRESS": f"http://connect:{PORTS['connect']}",
        # Its own configuration stays what stands here.
        "DYNAMIC_CONFIG_ENABLED": "false",
        "SERVER_PORT": str(KAFKA_UI_PORT),
        "JAVA_OPTS": "-Xmx384m",
    }
