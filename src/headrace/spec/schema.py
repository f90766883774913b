"""The JSON Schema of headrace.yaml, for editors that complete and check it while one types.

Promise: what the schema refuses, `load` refuses too; `load` refuses more (the checks across tables).
"""

from __future__ import annotations

import json
from typing import Any, cast

from headrace.spec.model import Declaration


def json_schema() -> dict[str, Any]:
    """The schema as plain data, JSON Schema 2020-12; a fresh copy each time."""
    schema: dict[str, Any] = _without_null(Declaration.model_json_schema(by_alias=True, mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "headrace.yaml",
        **schema,
    }


def _without_null(node: Any) -> Any:
    """A key that is there has a value: like `load`, the schema refuses `key:` with nothing after it."""
    if isinstance(node, list):
        return [_without_null(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = {key: _without_null(value) for key, value in cast("dict[str, Any]", node).items()}
    if schema.get("default", 0) is None:
        del schema["default"]
        rest = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
        schema = {**rest[0], **schema} if len(rest) == 1 else {**schema, "anyOf": rest}
    if isinstance(schema.get("title"), str):
        del schema["title"]
    return schema


def schema_text() -> str:
    """The schema as the file under docs/reference holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
