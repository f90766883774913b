"""docs/reference/headrace-yaml.md, from the JSON Schema, which comes from the models."""

from __future__ import annotations

from typing import Any

from headrace.spec.quantity import DURATION_MS, SIZE_BYTES
from headrace.spec.schema import json_schema

_INTRO = """\
# headrace.yaml

One file says what headrace keeps true. Three lines are enough; everything else is derived from PostgreSQL's
catalogue:

```yaml
project: shop
tables:
  - orders
```

and this uses most of what there is:

```yaml
project: shop
source:
  host: db.example.com
  database: shop
  user: headrace
  password: env:HEADRACE_PASSWORD
  sslmode: verify-full
  sslrootcert: certs/root.pem
tables:
  customers:
    mask: {email: hash, iban: redact}
  sales.orders:
    indexes: {country: inverted, placed_at: range}
    retention: {time: 7d, size: 10GB}
  events:
    key: [device, sequence]
    exclude: [payload]
    partitions: 4
views:
  revenue:
    sql: |
      SELECT country, count(*) AS orders, sum(price * quantity) AS revenue
      FROM sales.orders
      GROUP BY country
    indexes: {country: inverted}
dashboard: {title: "Shop, live", refresh_seconds: 5}
engines:
  heap: {pinot: 2GiB}
```

`headrace validate` prints every error with its line and its remedy; `headrace schema` prints the JSON Schema
([headrace.schema.json](headrace.schema.json)) for editors. The file is plain YAML 1.2 in UTF-8, at most 1 MB,
one document, without anchors, aliases and tags. Unknown keys are errors. Paths are relative to the file.

**Secrets are references**: `env:NAME` is a variable of the environment of the command, `file:PATH` a file
that only its owner can read (mode 600). A literal password or URL is refused.

**Names** are taken exactly as PostgreSQL's catalogue spells them, upper and lower case differ, no quotes.
"""
_PARTS = (
    ("The file", None, ""),
    ("source", "Source", "`source:`"),
    ("A table's options", "TableOptions", "`tables: {NAME: …}`"),
    ("retention", "Retention", "`tables: {NAME: {retention: …}}`"),
    ("A view's options", "ViewOptions", "`views: {NAME: …}`, or the SQL alone, `views: {NAME: SELECT …}`."),
    ("dashboard", "Dashboard", "`dashboard:`"),
    ("engines", "Engines", "`engines:`"),
)


def declaration_page() -> str:
    schema = json_schema()
    sections = [_INTRO]
    for title, definition, place in _PARTS:
        part = schema if definition is None else schema["$defs"][definition]
        sections.append(f"## {title}\n\n{_lead(part, place)}\n\n{_rows(part)}\n")
    sections.append(_checks())
    return "\n".join(sections)


def _lead(part: dict[str, Any], place: str) -> str:
    return f"{place} {part['description']}".strip()


def _rows(part: dict[str, Any]) -> str:
    required = part.get("required", [])
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in part["properties"].items():
        default = "required" if name in required else _default(field)
        meaning = field.get("description", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_value(field)} | {default} | {meaning} |")
    return "\n".join(lines)


def _value(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"mapping, see [{_section(field['$ref'])}](#{_anchor(field['$ref'])})"
    if "oneOf" in field:
        return "list of names, or mapping of names to [options](#a-tables-options)"
    if "anyOf" in field:
        return "SQL, or its [options](#a-views-options)"
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if field["type"] == "array":
        return "list of names"
    if field["type"] == "object":
        inner = field["additionalProperties"]
        names = field.get("propertyNames", {}).get("enum")
        keys = ", ".join(f"`{name}`" for name in names) if names else "name"
        return f"mapping of {keys} to {_value(inner)}"
    if field["type"] == "integer":
        return f"{field['minimum']:,} to {field['maximum']:,}"
    return _text(field.get("pattern", ""))


def _text(pattern: str) -> str:
    if pattern.startswith("^(env:"):
        return "`env:NAME` or `file:PATH`"
    if "ms|s|m" in pattern:
        return f"number and unit: {', '.join(DURATION_MS)}"
    if "KiB" in pattern:
        return f"number and unit: {', '.join(SIZE_BYTES)}"
    return f"text `{pattern}`".replace("|", "\\|") if pattern else "text"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return f"`{default}`" if default and not isinstance(default, dict) else ""


def _section(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return next(title for title, definition, _ in _PARTS if definition == name)


def _anchor(reference: str) -> str:
    return _section(reference).lower().replace(" ", "-").replace("'", "")


def _checks() -> str:
    return """\
## Checked across the file

- `orders` and `public.orders` are one table and may stand there once.
- Two tables may not be queried by the same name (upper and lower case do not count), nor share a Kafka topic.
- A key column is neither excluded nor masked; a column is not masked and excluded at once; an index is on a
  column that is carried.
- A view has another name than every table and every other view.
- Columns that begin with `__` or end in `__micros` are headrace's own and can only be excluded.
- `source` is either a `url` or `host`, `database` and `user`; `verify-ca` and `verify-full` need
  `sslrootcert`.

Whether the tables exist and can be carried exactly is checked against the source by `headrace plan`;
what a view's SQL may hold is in [views.md](views.md), and `headrace explain VIEW` shows what becomes of it.
"""
