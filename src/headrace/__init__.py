"""headrace keeps an analytical copy of an operational PostgreSQL fresh, exactly right, and proves it.

    import headrace

    shop = headrace.open_project("shop")
    shop.up()
    print(headrace.plan_text(shop.plan()))
    shop.apply()
    shop.query("SELECT COUNT(*) FROM orders", up_to_now=True).rows

The commands of a project's life have calls: docs/reference/python.md.

What is exported here is imported when it is first used, so that `import headrace` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headrace.apply.project import Project, open_project
    from headrace.engines.install import install
    from headrace.engines.installation import headrace_home
    from headrace.errors import HeadraceError, HeadraceErrors
    from headrace.feed.csv_reader import Dialect
    from headrace.feed.load import LoadOptions
    from headrace.names import TableName
    from headrace.plan.model import Plan
    from headrace.plan.render import text as plan_text
    from headrace.spec.begin import init

__all__ = [
    "Dialect",
    "HeadraceError",
    "HeadraceErrors",
    "LoadOptions",
    "Plan",
    "Project",
    "TableName",
    "__version__",
    "headrace_home",
    "init",
    "install",
    "open_project",
    "plan_text",
]

_HOME = {
    "Dialect": ("headrace.feed.csv_reader", "Dialect"),
    "HeadraceError": ("headrace.errors", "HeadraceError"),
    "HeadraceErrors": ("headrace.errors", "HeadraceErrors"),
    "LoadOptions": ("headrace.feed.load", "LoadOptions"),
    "Plan": ("headrace.plan.model", "Plan"),
    "Project": ("headrace.apply.project", "Project"),
    "TableName": ("headrace.names", "TableName"),
    "headrace_home": ("headrace.engines.installation", "headrace_home"),
    "init": ("headrace.spec.begin", "init"),
    "install": ("headrace.engines.install", "install"),
    "open_project": ("headrace.apply.project", "open_project"),
    "plan_text": ("headrace.plan.render", "text"),
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
