"""The two ways to write a view, its SQL alone or a mapping that has it, brought to the mapping."""

from __future__ import annotations

from typing import cast

from headrace.spec.problem import problem

_HINT = "write a mapping of names to SQL, for instance `revenue: SELECT …`"


def views_as_mapping(value: object) -> object:
    """Each view as a mapping of options; what is neither form is left for the model to refuse."""
    if not isinstance(value, dict):
        raise problem("declaration-wrong-type", "views is a mapping", _HINT)
    mapping: dict[object, object] = {}
    for name, view in cast("dict[object, object]", value).items():
        mapping[name] = cast("object", view) if isinstance(view, dict) else {"sql": view}
    return mapping
