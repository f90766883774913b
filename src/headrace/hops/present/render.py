"""Contracts -> the bundle Superset imports: one database entry, datasets, charts, one dashboard; pure.

Promise: the same presentation always gives the same bytes, and whatever stays itself keeps its UUID: a table
across generations, a chart across contracts, the dashboard for ever.
"""

from __future__ import annotations

import io
import json
import zipfile
from urllib.parse import quote, urlsplit

from headrace.errors import HeadraceError
from headrace.hops.present import charts, datasets, layout
from headrace.hops.present.datasets import Json
from headrace.hops.present.shown import Presentation

QUERY_TIMEOUT_MS = 10_000
"""Pinot gives up first, then the driver, then the web server: the error a person sees is Pinot's."""

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def documents(presentation: Presentation) -> dict[str, Json]:
    """Path in the bundle to document, without `metadata.yaml`.

    Raises:
        HeadraceError: `present-nothing` without a table, `present-refresh` for less than a second.
    """
    _check(presentation)
    found: dict[str, Json] = {"databases/pinot.yaml": database(presentation)}
    for shown in presentation.shown:
        found[f"datasets/pinot/{shown.served_name}.yaml"] = datasets.dataset(presentation, shown)
        for chart in charts.charts(shown):
            path = f"charts/{chart.served_name}_{chart.slot}.yaml"
            found[path] = charts.document(presentation, chart)
    found["dashboards/dashboard.yaml"] = layout.dashboard(presentation)
    return found


def all_charts(presentation: Presentation) -> tuple[charts.Chart, ...]:
    """Every chart of the dashboard, tab by tab."""
    return tuple(chart for shown in presentation.shown for chart in charts.charts(shown))


def database(presentation: Presentation) -> Json:
    """The entry of Pinot: its single-stage engine, NULLs as NULLs, reading only."""
    broker = urlsplit(presentation.broker_url)
    scheme = "pinot+https" if broker.scheme == "https" else "pinot+http"
    controller = quote(f"{presentation.controller_url}/", safe="")
    options = f"timeoutMs={QUERY_TIMEOUT_MS};enableNullHandling=true"
    return {
        "version": "1.0.0",
        "uuid": presentation.uuid("database"),
        "database_name": f"{presentation.project} (Pinot)",
        "sqlalchemy_uri": f"{scheme}://{broker.netloc}/query/sql?controller={controller}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": {
            "allows_virtual_table_explore": True,
            "engine_params": {"connect_args": {"query_options": options, "timeout": "20"}},
        },
    }


def bundle(presentation: Presentation) -> bytes:
    """The zip file for `POST /api/v1/assets/import/`; JSON is YAML."""
    metadata: Json = {"version": "1.0.0", "type": "assets", "timestamp": "1980-01-01T00:00:00+00:00"}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for path, document in {"metadata.yaml": metadata, **documents(presentation)}.items():
            text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
            archive.writestr(zipfile.ZipInfo(f"bundle/{path}", _FIXED_TIME), text.encode())
    return written.getvalue()


def _check(presentation: Presentation) -> None:
    if not presentation.shown:
        raise HeadraceError(
            "present-nothing",
            "the dashboard has no table to show",
            hint="name tables of this project under dashboard.tables, or leave it out to show all",
        )
    if presentation.refresh_seconds < 1:
        raise HeadraceError(
            "present-refresh",
            "a dashboard cannot refresh more often than once a second",
            hint="set dashboard.refresh_seconds to 1 or more",
        )
