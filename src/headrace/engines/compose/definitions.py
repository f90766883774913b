"""The engines' own definitions as they are inside the image; pure, so that files can be rendered anywhere."""

from __future__ import annotations

from pathlib import Path

from headrace.engines import stack
from headrace.engines.compose.roles import DATA, book
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.service import Service
from headrace.engines.superset import superset
from headrace.engines.superset_install import SupersetInstallation

IMAGE_HOME = Path("/opt/headrace")
"""HEADRACE_HOME in the image."""


def definition(role: str) -> Service:
    """An engine's definition with its default heap; made to be read, not to be started."""
    folder = ProjectFolder(DATA)
    if role == "superset":
        return superset(folder, "headrace", book(), SupersetInstallation(IMAGE_HOME))
    return stack.engine(role, "headrace", folder, book(), _IMAGE, stack.DEFAULT_HEAPS_MB.get(role, 0))


_IMAGE = Installation(
    home=IMAGE_HOME,
    postgres_bin=IMAGE_HOME,
    kafka_classpath="",
    connect_classpath="",
    connect_plugin_path=IMAGE_HOME,
    pinot_classpath="",
    spark_classpath="",
    headrace_java=IMAGE_HOME,
    class_archives=IMAGE_HOME,
    java=Path("java"),
    jdk_major=17,
)
