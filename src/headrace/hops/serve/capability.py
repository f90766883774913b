"""What this Pinot cluster can do; versions are looked at here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.errors import HeadraceError
from headrace.hops.serve.client import PinotClient


@dataclass(frozen=True)
class ServeCapability:
    """What was found, good enough to serve exactly.

    Attributes:
        version: `0.11.0`.
        own_classes: the servers run headrace's classes (upsert by arrival, frozen reads, `headraceNull`).
        native_deletes: Pinot itself deletes (`deleteRecordColumn`) and reads consistently (>= 1.0); there is
            room for it here and no path yet.
    """

    version: str
    own_classes: bool
    native_deletes: bool


def capability(client: PinotClient) -> ServeCapability:
    """Look and judge.

    Raises:
        HeadraceError: `pinot-version-unknown`, `pinot-unsupported`, `pinot-unreachable`.
    """
    return judge(client.version())


def judge(components: dict[str, str]) -> ServeCapability:
    """The capability of a cluster whose components have these versions; pure."""
    text = (
        components.get("pinot-core") or components.get("pinot-common") or next(iter(components.values()), "")
    )
    found = re.match(r"(\d+)\.(\d+)", text)
    if found is None:
        raise HeadraceError(
            "pinot-version-unknown",
            "this Pinot does not tell its version",
            cause=text[:100] or "GET /version has no component",
            hint="`headrace status` shows what listens there",
        )
    version = text.split("-")[0]
    number = (int(found[1]), int(found[2]))
    if number == (0, 11):
        return ServeCapability(version, own_classes=True, native_deletes=False)
    raise HeadraceError(
        "pinot-unsupported",
        f"Pinot {version} cannot be served from exactly",
        cause="headrace's classes are made for 0.11.0; another version loads them wrongly or not at all"
        if number < (1, 0)
        else "tables on Pinot 1.x need another form, which headrace does not write yet",
        hint="use the Pinot that `headrace engines install` brings",
    )
