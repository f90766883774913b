"""`script/screenshots DIR [FOLDER]`: the dashboard of the demo in DIR, tab by tab, while its shop goes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.present.browser import Browser, chromium, log_in

from headrace.apply.project import Project, open_project
from headrace.feed import workload
from headrace.feed.connect import connect
from headrace.hops.present.shown import dashboard_url

PICTURES = {"orders": "dashboard-table.png", "revenue_by_day": "dashboard-view.png"}
"""Tab to file; the first tab is open already."""

WIDTH, HEIGHT = 1360, 1000
CHANGES_PER_S = 50.0
LARGEST_BYTES = 300_000
_DRAWN = """
const shown = [...document.querySelectorAll('.dashboard-component-chart-holder')]
  .filter(chart => chart.offsetParent);
const waits = chart => chart.querySelector('.loading, [data-test=loading-indicator]');
return shown.length >= 4 && !shown.some(waits) && shown.some(chart => chart.querySelector('canvas'));
"""
_OPEN_TAB = """
const [name] = arguments;
const tabs = [...document.querySelectorAll('[role=tab]')];
const tab = tabs.find(one => one.innerText.trim().split(' ')[0] === name);
if (tab) tab.click();
return Boolean(tab);
"""


def main(directory: Path, folder: Path) -> None:
    """Take every picture; a picture that is too large for the repository is an error."""
    project = open_project(directory)
    ends = project.endpoints
    assert ends.superset_url and ends.superset_password, "this project has no dashboard"
    folder.mkdir(parents=True, exist_ok=True)
    with _living_shop(project), chromium(WIDTH, HEIGHT) as browser:
        log_in(browser, ends.superset_url, ends.superset_password)
        browser.open(dashboard_url(ends.superset_url, project.name))
        for tab, name in PICTURES.items():
            browser.wait(_OPEN_TAB, tab)
            _take(browser, folder / name)


def _take(browser: Browser, file: Path) -> None:
    browser.wait(_DRAWN, timeout_s=120)
    threading.Event().wait(6)  # numbers have been asked for again, animations are over
    browser.screenshot(file)
    size = file.stat().st_size
    sys.stdout.write(f"{file}: {size / 1000:.0f} kB\n")
    assert size < LARGEST_BYTES, f"{file} is too large for the repository"


@contextmanager
def _living_shop(project: Project) -> Generator[None]:
    stop = threading.Event()

    def live() -> None:
        with connect(project.endpoints.source) as connection:
            shop = workload.open_shop(connection)
            workload.run(connection, shop, changes_per_s=CHANGES_PER_S, stop=stop)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path("docs/images"))
