"""The headrace.yaml that `headrace init` writes: valid as it is, every other setting there as a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TEMPLATE = """\
# yaml-language-server: $schema={schema}
#
# What headrace keeps true. `headrace validate` checks this file, `headrace up` makes it so.
# Every key: docs/reference/headrace-yaml.md

project: {project}

# Without `source`, headrace runs a PostgreSQL of its own. For one that you have already:
# source:
#   url: env:DATABASE_URL            # postgresql://user:password@host:5432/database
# or in parts:
# source:
#   host: db.example.com
#   database: shop
#   user: headrace                   # `headrace grants` prints the SQL it needs
#   password: env:HEADRACE_PASSWORD  # a reference: env:NAME or file:PATH, never the password
#   sslmode: verify-full
#   sslrootcert: certs/root.pem

# Keys, types, topics and Pinot tables are derived from PostgreSQL's catalogue.
# `orders` means `public.orders`.
tables:
{tables}

# A table that needs more said about it; the list above then becomes a mapping:
# tables:
#   customers:                       # nothing to say: leave it empty
#   sales.orders:
#     name: orders                   # what you query; the table's own name otherwise
#     key: [order_no]                # for a table without a primary key
#     exclude: [notes]               # never leaves PostgreSQL
#     mask: {{email: hash, iban: redact}}
#     indexes: {{country: inverted, placed_at: range}}
#     retention: {{time: 7d, size: 10GB}}
#     partitions: 1                  # 1 to 64, fixed at creation; with more than one, keys have no order

# Results of SQL that are kept as the rows change, each queried like a table. One SELECT over one table:
# views:
#   revenue:
#     sql: |
#       SELECT country, count(*) AS orders, sum(price * quantity) AS revenue
#       FROM orders
#       GROUP BY country

# engines:
#   heap: {{pinot: 1GiB, kafka: 512MiB}}
"""
SCHEMA_FILE = ".headrace/headrace.schema.json"


def starter(project: str, tables: Sequence[str] = ("orders",)) -> str:
    """The text of a first headrace.yaml. `project` and `tables` must be valid names."""
    return _TEMPLATE.format(
        project=project, schema=SCHEMA_FILE, tables="\n".join(f"  - {_quoted(name)}" for name in tables)
    )


def project_name(folder_name: str) -> str:
    """A usable project name made of a folder's name; `shop` when nothing of it can be used."""
    name = re.sub(r"[^a-z0-9]+", "_", folder_name.lower()).strip("_")[:30].rstrip("_")
    name = re.sub(r"^[0-9_]+", "", name)
    return name or "shop"


def _quoted(name: str) -> str:
    return (
        name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name) else f"'{name.replace(chr(39), chr(39) * 2)}'"
    )
