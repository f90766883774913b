"""Where the systems are: the one thing hops need to know of engines, local or somebody else's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SourceAddress:
    """How to reach the operational PostgreSQL.

    The password is held but never shown (`repr` leaves it out). `password_file` is a Java properties file of
    mode 600 with the line `password=...`, which Kafka Connect reads through its FileConfigProvider, so the
    password never stands in a connector's configuration.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    password_file: Path
    sslmode: str = "prefer"
    sslrootcert: str | None = None

    def conninfo(self) -> dict[str, str | int]:
        """Keyword arguments for `psycopg.connect`."""
        settings: dict[str, str | int] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": self.sslmode,
            "application_name": "headrace",
            "client_encoding": "UTF8",  # whatever the database, the role or the environment prefer
        }
        if self.sslrootcert:
            settings["sslrootcert"] = self.sslrootcert
        return settings


@dataclass(frozen=True)
class Endpoints:
    """Every address of one target, as headrace itself reaches it.

    Attributes:
        spark_url: of the application that runs the views; None where there are none.
        superset_url, superset_password: of Superset's administrator; None where there is no dashboard.
        inside: the same as the engines reach each other, where that differs: in containers they have names.
    """

    source: SourceAddress
    kafka_bootstrap: str
    connect_url: str
    pinot_controller_url: str
    pinot_broker_url: str
    spark_url: str | None = None
    superset_url: str | None = None
    superset_password: str | None = field(default=None, repr=False)
    inside: Endpoints | None = None

    @property
    def for_engines(self) -> Endpoints:
        """The addresses to write into an engine's configuration, for it to reach the others by."""
        return self.inside or self
