"""The view document: what the streaming application is told to do; pure."""

from __future__ import annotations

import json

from headrace.contract import TableContract, ViewContract
from headrace.names import ViewNames


def document(
    view: ViewContract, names: ViewNames, contract: TableContract, bootstrap: str, reads: str
) -> dict[str, object]:
    """The same view, names and addresses always give the same document.

    Args:
        names, contract: of the generation.
        bootstrap: the brokers as Spark reaches them.
        reads: the topic of the table.
    """
    return {
        "name": names.pinot_table(contract.served_name),
        "bootstrap": bootstrap,
        "input": {"topic": reads},
        "output": {"topic": names.topic(contract.table)},
        **json.loads(view.job),
    }
