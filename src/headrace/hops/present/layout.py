"""The dashboard: one tab for each table, numbers on top, then what moves, then the newest rows; pure."""

from __future__ import annotations

from headrace.hops.present.charts import Chart, charts
from headrace.hops.present.datasets import Json
from headrace.hops.present.shown import Presentation, Shown, slug

COLUMNS = 12
_NUMBER_HEIGHT, _PLOT_HEIGHT, _TABLE_HEIGHT = 20, 48, 60
"""In Superset's units of 8 pixels."""

# The newest rows are always as many as were asked for: that is no reason for a warning.
_CSS = """\
.dashboard-component-chart-holder { border-radius: 8px; }
[data-test-viz-type="table"] [data-test="warning"] { display: none; }
.superset-legacy-chart-big-number .header-line { font-variant-numeric: tabular-nums; }
"""


def dashboard(presentation: Presentation) -> Json:
    """The one dashboard of the project; it refreshes by itself and leaves no chart out."""
    return {
        "version": "1.0.0",
        "uuid": presentation.uuid("dashboard"),
        "dashboard_title": presentation.title,
        "slug": slug(presentation.project),
        "description": "Made by headrace from headrace.yaml: `headrace apply` puts changes by hand back.",
        "css": _CSS,
        "published": True,
        "metadata": {
            "refresh_frequency": presentation.refresh_seconds,
            "timed_refresh_immune_slices": [],
            "stagger_refresh": False,
            "color_scheme": "supersetColors",
            "label_colors": {},
            "cross_filters_enabled": True,
        },
        "position": position(presentation),
    }


def position(presentation: Presentation) -> Json:
    """Superset's tree of tabs, rows and charts."""
    nodes: Json = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["TABS-tables"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": presentation.title}},
        "TABS-tables": {
            "type": "TABS",
            "id": "TABS-tables",
            "children": [f"TAB-{shown.served_name}" for shown in presentation.shown],
            "meta": {},
            "parents": ["ROOT_ID"],
        },
    }
    for shown in presentation.shown:
        _tab(presentation, shown, nodes)
    return nodes


def _tab(presentation: Presentation, shown: Shown, nodes: Json) -> None:
    tab = f"TAB-{shown.served_name}"
    parents = ["ROOT_ID", "TABS-tables"]
    rows = _rows(charts(shown))
    names = [f"ROW-{shown.served_name}-{number}" for number in range(1, len(rows) + 1)]
    title = f"{shown.served_name} (view)" if shown.is_view else shown.served_name
    nodes[tab] = {
        "type": "TAB",
        "id": tab,
        "children": names,
        "meta": {"text": title, "defaultText": title, "placeholder": title},
        "parents": parents,
    }
    for name, row in zip(names, rows, strict=True):
        placed = [(f"CHART-{shown.served_name}-{chart.slot}", chart, *size) for chart, *size in row]
        nodes[name] = {
            "type": "ROW",
            "id": name,
            "children": [node for node, *_ in placed],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
            "parents": [*parents, tab],
        }
        for node, chart, width, height in placed:
            nodes[node] = {
                "type": "CHART",
                "id": node,
                "children": [],
                "meta": {
                    # Superset puts its own number here; it wants one to begin with.
                    "chartId": len(nodes),
                    "uuid": presentation.uuid("chart", chart.served_name, chart.slot),
                    "sliceName": chart.name,
                    "sliceNameOverride": chart.title,
                    "width": width,
                    "height": height,
                },
                "parents": [*parents, tab, name],
            }


def _rows(found: tuple[Chart, ...]) -> list[list[tuple[Chart, int, int]]]:
    """Charts with width and height, row by row."""
    numbers = [chart for chart in found if chart.viz_type == "big_number_total"]
    plots = [chart for chart in found if chart.slot in {"series", "groups"}]
    tables = [chart for chart in found if chart.slot == "newest"]
    widths = [8, 4] if len(plots) == 2 else [COLUMNS]
    return [
        [(chart, COLUMNS // len(numbers), _NUMBER_HEIGHT) for chart in numbers],
        [(chart, width, _PLOT_HEIGHT) for chart, width in zip(plots, widths, strict=True)],
        [(chart, COLUMNS, _TABLE_HEIGHT) for chart in tables],
    ]
