"""`headrace schema`."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.options import Json


def schema(json: Json = False) -> None:
    """Print the JSON Schema of headrace.yaml, for editors that complete and check while one types.

    It is JSON with and without `--json`; with it, the schema stands under the key `schema`.

    \b
    Example:
      headrace schema > headrace.schema.json
    and, as the first line of headrace.yaml:
      # yaml-language-server: $schema=headrace.schema.json
    """
    from headrace.spec.schema import json_schema, schema_text

    if json:
        output.answer_json({"ok": True, "schema": json_schema()})
        return
    output.answer(schema_text().rstrip("\n"))
