"""The real systems behind the Protocols of `systems.py`: thin, each call goes straight to its hop."""

from __future__ import annotations

from pathlib import Path

from headrace.apply.real_flow import RealFlow
from headrace.apply.real_inventory import RealInventory
from headrace.apply.real_objects import RealObjects
from headrace.apply.real_presenter import RealPresenter
from headrace.apply.real_views import RealViews
from headrace.apply.source_sessions import SourceSessions
from headrace.apply.systems import Systems
from headrace.closing import Closing
from headrace.endpoints import Endpoints
from headrace.hops.capture.client import ConnectClient
from headrace.hops.present.client import SupersetClient
from headrace.hops.serve.client import PinotClient
from headrace.hops.topic.client import KafkaClient
from headrace.hops.transform.client import SparkClient
from headrace.spec.model import Declaration


class Connections(Closing):
    """Clients of every system of one project. Connects when something is asked; use it in a `with`.

    Args:
        declaration: what is declared.
        endpoints: where the engines are.
        folder: the project's `.headrace`.
    """

    def __init__(self, declaration: Declaration, endpoints: Endpoints, folder: Path) -> None:
        self.endpoints = endpoints
        self.source = SourceSessions(endpoints.source)
        self.kafka = KafkaClient(endpoints.kafka_bootstrap)
        self.connect = ConnectClient(endpoints.connect_url)
        self.pinot = PinotClient(endpoints.pinot_controller_url, endpoints.pinot_broker_url)
        self.spark = None if endpoints.spark_url is None else SparkClient(endpoints.spark_url)
        self.views = RealViews(
            declaration.project,
            self.kafka,
            self.pinot,
            self.spark,
            bootstrap=endpoints.for_engines.kafka_bootstrap,
        )
        self.superset = (
            None
            if endpoints.superset_url is None
            else SupersetClient(endpoints.superset_url, endpoints.superset_password or "")
        )
        inventory = RealInventory(declaration, self.source, self.kafka, self.connect, self.pinot, folder)
        self.systems = Systems(
            project=declaration.project,
            objects=RealObjects(endpoints, folder, self.source, self.kafka, self.connect, self.pinot),
            inventory=inventory,
            flow=RealFlow(self.source, self.kafka, self.connect, self.pinot),
            allows=inventory.allows,
            views=self.views,
            presenter=RealPresenter(declaration, endpoints, self.source, self.pinot, self.superset),
        )

    def close(self) -> None:
        """Give every connection back."""
        self.views.close()
        if self.superset is not None:
            self.superset.close()
        if self.spark is not None:
            self.spark.close()
        self.source.close()
        self.kafka.close()
        self.connect.close()
        self.pinot.close()
