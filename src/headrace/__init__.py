"""headrace keeps an analytical copy of an operational PostgreSQL fresh, exactly right, and proves it.

    import headrace

    shop = headrace.open_project("shop")
    shop.up()
    print(headrace.plan_text(shop.plan()))
    shop.apply()
    shop.query("SELECT COUNT(*) FROM orders", up_to_now=True).rows

What is exported here is imported when it is first used, so that `import headrace` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headrace.apply.project import Project, open_project
    from headrace.errors import HeadraceError, HeadraceErrors
    from headrace.plan.model import Plan
    from headrace.plan.render import text as plan_text

__all__ = ["HeadraceError", "HeadraceErrors", "Plan", "Project", "__version__", "open_project", "plan_text"]

_HOME = {
    "HeadraceError": ("headrace.errors", "HeadraceError"),
    "HeadraceErrors": ("headrace.errors", "HeadraceErrors"),
    "Plan": ("headrace.plan.model", "Plan"),
    "Project": ("headrace.apply.project", "Project"),
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
