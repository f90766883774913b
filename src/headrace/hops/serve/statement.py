"""One SELECT, taken apart: which table, which parts, in one canonical spelling; pure.

Promise: after `parse` every column stands under its real name without qualifier, `*` is expanded to the
user's columns, aliases and ordinals in GROUP BY and ORDER BY are resolved, and whatever is not a plain
SELECT over one table has been refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions.core import Expr as Node

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve.dialect import unsupported

_READ = {"expressions", "distinct", "from_", "where", "group", "having", "order", "limit", "offset"}
_READ_OF_TABLE = {"this", "db", "catalog", "alias"}


@dataclass(frozen=True)
class OrderKey:
    """One key of ORDER BY, NULLs placed as PostgreSQL does unless said otherwise."""

    node: Node
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Select:
    """The parts of a SELECT.

    Attributes:
        table: the served name, as written.
        items: name and expression of each output column.
        distinct: SELECT DISTINCT.
        where, having: conditions.
        group: keys of GROUP BY.
        order: keys of ORDER BY.
        limit, offset: None and 0 when not given.
    """

    table: str
    items: tuple[tuple[str, Node], ...]
    distinct: bool
    where: Node | None
    group: tuple[Node, ...]
    having: Node | None
    order: tuple[OrderKey, ...]
    limit: int | None
    offset: int


@dataclass(frozen=True)
class Parsed:
    """A SELECT whose columns are not yet looked up; `bind` does it."""

    tree: exp.Select
    table: str
    alias: str
    qualified: tuple[str, str] | None = None
    """Schema and name as PostgreSQL reads them, where a schema was written."""

    def bind(self, contract: TableContract) -> Select:
        """Resolve names against the table the served name stands for."""
        _refuse_other_schema(self.qualified, contract)
        tree = self.tree.copy()
        items = _items(tree, contract, self.alias)
        tree = _canonical(tree, contract, self.alias)
        items = [(name, _canonical(node, contract, self.alias)) for name, node in items]
        by_alias = {name.lower(): node for name, node in items}
        # In GROUP BY a column goes before an alias of the same name, in ORDER BY the alias does.
        columns = {name.lower() for name in (*(c.name for c in contract.columns), *contract.system_columns)}
        not_columns = {name: node for name, node in by_alias.items() if name not in columns}
        group = tuple(_resolve(node, items, not_columns) for node in _keys(tree.args.get("group")))
        order = tuple(_order_key(node, items, by_alias) for node in _keys(tree.args.get("order")))
        where, having = tree.args.get("where"), tree.args.get("having")
        return Select(
            table=self.table,
            items=tuple(items),
            distinct=tree.args.get("distinct") is not None,
            where=where.this if where is not None else None,
            group=group,
            having=having.this if having is not None else None,
            order=order,
            limit=_count(tree.args.get("limit")),
            offset=_count(tree.args.get("offset")) or 0,
        )


def parse(sql: str) -> Parsed:
    """Read one SELECT in PostgreSQL's spelling.

    Raises `query-syntax`, or `query-unsupported` for other statements.
    """
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="postgres") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise HeadraceError("query-syntax", "this is not SQL that can be read", cause=first[:300]) from error
    if len(trees) != 1:
        raise HeadraceError("query-syntax", f"one statement is needed, {len(trees)} were given")
    tree = trees[0]
    if not isinstance(tree, exp.Select):
        raise unsupported(f"a {tree.key.upper()} statement", "only SELECT over one served table")
    for part, value in tree.args.items():
        if value and part not in _READ:
            raise unsupported(part.strip("_").upper())
    if tree.find(exp.Subquery) or tree.find(exp.Window) or len(list(tree.find_all(exp.Select))) > 1:
        raise unsupported("a subquery or a window function")
    source = tree.find(exp.From)
    if source is None or not isinstance(source.this, exp.Table):
        raise unsupported("a query without a table")
    table = source.this
    if not isinstance(table.this, exp.Identifier):
        raise unsupported("a function in the place of a table")
    distinct = tree.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        raise unsupported("DISTINCT ON")
    if table.args.get("joins"):
        raise unsupported("JOIN", "Pinot 0.11 joins nothing exactly; query the tables one by one")
    _refuse_table_extras(table)
    qualified = (_folded(table.args["db"]), _folded(table.this)) if table.db else None
    return Parsed(tree, table.name, table.alias_or_name, qualified)


def _refuse_table_extras(table: exp.Table) -> None:
    """What stands around the table's name in FROM: nobody here samples or leaves partitions out."""
    if table.catalog:
        raise unsupported("a table of another database", "leave the database out: schema.table")
    alias = table.args.get("alias")
    extra = [name for name, part in table.args.items() if part and name not in _READ_OF_TABLE]
    if extra:
        raise unsupported({"sample": "TABLESAMPLE"}.get(extra[0], extra[0].upper()) + " in FROM")
    if alias is not None and alias.args.get("columns"):
        raise unsupported("new names of columns in FROM", "name them in the select list: column AS name")


def _refuse_other_schema(qualified: tuple[str, str] | None, contract: TableContract) -> None:
    """A schema before the table must be the one whose table is served, under its own name."""
    if qualified is None or qualified == (contract.table.schema, contract.table.table):
        return
    raise unsupported(
        "from " + ".".join(qualified),
        f"`{contract.served_name}` stands for {contract.table.shown}: write FROM {contract.served_name}",
    )


def _folded(identifier: Node) -> str:
    """A name as PostgreSQL reads it: in small letters unless quoted."""
    name = identifier.name
    return name if identifier.args.get("quoted") else name.lower()


def rewrite(node: Node, change: Callable[[Node], Node]) -> Node:
    """A changed copy of a tree."""
    return node.copy().transform(change)


def _items(tree: exp.Select, contract: TableContract, alias: str) -> list[tuple[str, Node]]:
    found: list[tuple[str, Node]] = []
    for node in tree.expressions:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            if node.args.get("except_") or node.args.get("replace"):
                raise unsupported("SELECT * EXCEPT")
            # A view's key is a column of ours; no column of a user begins like it.
            names = [column.name for column in contract.columns if not column.name.startswith("__")]
            found += [(name, exp.column(name, quoted=True)) for name in names]
        elif isinstance(node, exp.Alias):
            found.append((node.alias, node.this))
        else:
            found.append((_output_name(node), node))
    if not found:
        raise HeadraceError("query-syntax", f"nothing is selected from {alias}")
    return found


def _output_name(node: Node) -> str:
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else "?column?"


def _canonical(tree: Node, contract: TableContract, alias: str) -> Node:
    """Every column by the catalogue's name, quoted, without the table before it."""
    names = {column.name for column in contract.columns}
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(name.lower(), []).append(name)

    def change(node: Node) -> Node:
        if node.args.get("negate"):
            positive = node.copy()
            positive.set("negate", None)
            # What stands in the place of a node is not walked into.
            return exp.Not(this=exp.Paren(this=rewrite(positive, change)))
        _refuse_extras(node)
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            return node
        if node.table and node.table.lower() != alias.lower():
            raise HeadraceError("query-column-unknown", f"there is no table `{node.table}` in this query")
        if node.catalog or (node.db and _folded(node.args["db"]) != contract.table.schema):
            raise HeadraceError("query-column-unknown", f"there is no schema `{node.db}` in this query")
        name = node.name
        if name not in names:
            near = folded.get(name.lower(), [])
            name = near[0] if len(near) == 1 else name
        return exp.column(name, quoted=True)

    return rewrite(tree, change)


_KNOWN_PARTS: dict[type[Node], set[str]] = {
    exp.Is: {"this", "expression"},
    exp.In: {"this", "expressions"},
    exp.Between: {"this", "low", "high"},
    exp.Like: {"this", "expression"},
    exp.Count: {"this", "big_int"},
    exp.Sum: {"this"},
    exp.Avg: {"this"},
    exp.Min: {"this"},
    exp.Max: {"this"},
    exp.Distinct: {"expressions"},
    exp.Case: {"ifs", "default"},
    exp.If: {"this", "true", "false"},
    exp.Coalesce: {"this", "expressions"},
    exp.Filter: {"this", "expression"},
    exp.TimestampTrunc: {"this", "unit"},
    exp.Extract: {"this", "expression"},
    exp.Round: {"this", "decimals"},
    exp.Ordered: {"this", "desc", "nulls_first"},
    exp.Group: {"expressions"},
    exp.Limit: {"expression"},
    exp.Offset: {"expression"},
}


def _refuse_extras(node: Node) -> None:
    """A part that nobody here reads (BETWEEN SYMMETRIC, GROUPING SETS, WITHIN GROUP) must not be dropped."""
    known = _KNOWN_PARTS.get(type(node))
    if known is None:
        return
    extra = [name for name, part in node.args.items() if part and name not in known]
    if extra:
        raise unsupported(f"{node.key.upper()} with `{extra[0]}`")


def _keys(clause: Node | None) -> list[Node]:
    return list(clause.expressions) if clause is not None else []


def _resolve(node: Node, items: list[tuple[str, Node]], by_alias: dict[str, Node]) -> Node:
    """An ordinal or an alias of the select list stands for its expression."""
    if isinstance(node, exp.Literal) and not node.is_string:
        place = int(str(node.this))
        if not 1 <= place <= len(items):
            raise HeadraceError("query-syntax", f"position {place} is not in the select list")
        return items[place - 1][1]
    if isinstance(node, exp.Column):
        return by_alias.get(node.name.lower(), node)
    return node


def _order_key(node: Node, items: list[tuple[str, Node]], by_alias: dict[str, Node]) -> OrderKey:
    descending = bool(node.args.get("desc"))
    nulls_first = node.args.get("nulls_first")
    return OrderKey(
        node=_resolve(node.this if isinstance(node, exp.Ordered) else node, items, by_alias),
        descending=descending,
        nulls_first=descending if nulls_first is None else bool(nulls_first),
    )


def _count(clause: Node | None) -> int | None:
    if clause is None:
        return None
    value = clause.args.get("expression")
    if not isinstance(value, exp.Literal) or value.is_string:
        raise unsupported("LIMIT or OFFSET that is not a number")
    return int(str(value.this))
