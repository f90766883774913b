"""What a declaration wants to be shown."""

from __future__ import annotations

from pathlib import Path

from headrace.endpoints import Endpoints, SourceAddress
from headrace.hops.present.spec import presentation as wanted
from headrace.spec.load import load_text
from tests.unit.present.contracts import presentation

ENDPOINTS = Endpoints(
    SourceAddress("127.0.0.1", 5432, "shop", "headrace", "x", Path("/nowhere")),
    "127.0.0.1:9092",
    "http://127.0.0.1:8083",
    "http://127.0.0.1:9000",
    "http://127.0.0.1:8099",
)
LIVE = presentation().shown


def test_no_dashboard_is_wanted_by_default() -> None:
    assert wanted(load_text("project: shop\ntables: [orders]\n"), LIVE, ENDPOINTS) is None


def test_everything_that_is_live_is_shown_unless_some_are_named() -> None:
    text = "project: shop\ntables: [orders, by_country]\ndashboard: "
    every = wanted(load_text(text + "{title: 'Shop, live'}\n"), LIVE, ENDPOINTS)
    assert every == presentation()
    named = wanted(load_text(text + "{tables: [by_country], refresh_seconds: 1}\n"), LIVE, ENDPOINTS)
    assert named is not None
    assert [shown.served_name for shown in named.shown] == ["by_country"]
    assert (named.title, named.refresh_seconds) == ("shop", 1)
