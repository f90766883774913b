"""A view's query as a managed resource.

Promise: a query that is there with another document is begun anew, from the beginning of the table's log; its
results carry the versions they would have had, so readers see none of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.hops.transform.client import SparkClient
from headrace.plan.resource import Document


class ViewJob:
    """One query in Spark.

    Args:
        document: what `render` made; empty when it is only to be read or deleted.
    """

    def __init__(self, client: SparkClient, name: str, document: Mapping[str, object]) -> None:
        self._client = client
        self._name = name
        self._document = dict(document)

    @property
    def address(self) -> str:
        return f"spark:{self._name}"

    @property
    def desired(self) -> Document:
        return self._document

    def read(self) -> Document | None:
        """Its document; whether it runs is health, not configuration."""
        found = self._client.job(self._name)
        return None if found is None else found.document

    def apply(self) -> None:
        """Start it; what another document left behind is forgotten first.

        Raises:
            HeadraceError: `spark-refused`, `spark-unreachable`.
        """
        found = self._client.job(self._name)
        if found is not None and found.document != self._document:
            self._client.delete(self._name)
        self._client.put(self._name, self._document)

    def delete(self) -> None:
        self._client.delete(self._name)
