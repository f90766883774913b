"""From the text of a view to its clauses: one SELECT over one table, or the reasons why it is none.

Promise: every construct of the statement's frame that is not taken (joins, DISTINCT, HAVING, ...) is named in
one look. `text` is the user's own SQL, only the table's name is written out: what PostgreSQL is asked as the
oracle never went through our reading of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions.core import Expr as Node
from sqlglot.tokenizer_core import Token, TokenType

from headrace.hops.transform.reasons import DATE_PART, Reason
from headrace.hops.transform.refusal import ViewRefusal, line_of
from headrace.names import TableName

MAX_CHARACTERS = 100_000

_HISTORY = "history of each group"
_FRAME: dict[str, Reason] = {
    "distinct": Reason("SELECT DISTINCT keeps every value", "GROUP BY the columns instead"),
    "joins": Reason("a view reads one table", "join when you query, or declare one view per table", "joins"),
    "laterals": Reason("a view reads one table, without LATERAL", "leave it out", "joins"),
    "having": Reason(
        "HAVING lets groups come and go: a view keeps every group", "filter the view's rows when you query"
    ),
    "order": Reason("a view has no order", "ORDER BY when you query"),
    "limit": Reason(
        "LIMIT would make one row's change move others", "LIMIT when you query", "ordered results"
    ),
    "offset": Reason(
        "OFFSET would make one row's change move others", "OFFSET when you query", "ordered results"
    ),
    "fetch": Reason(
        "FETCH would make one row's change move others", "LIMIT when you query", "ordered results"
    ),
    "with_": Reason("WITH is not taken: a view is one SELECT", "write the SELECT out"),
    "windows": Reason("window functions are not taken", "GROUP BY, or ask the base table", _HISTORY),
    "qualify": Reason("QUALIFY is not PostgreSQL's", "leave it out"),
    "locks": Reason("FOR UPDATE and the like lock rows; a view only reads", "leave it out"),
    "sample": Reason("a sample differs from run to run", "leave it out"),
    "into": Reason("SELECT INTO makes a table", "leave INTO out"),
    "hint": Reason("hints are not PostgreSQL's", "leave it out"),
}
_TAKEN = frozenset({"kind", "expressions", "from_", "where", "group"})
_STRINGS = frozenset(
    {TokenType.BYTE_STRING, TokenType.HEREDOC_STRING, TokenType.NATIONAL_STRING, TokenType.UNICODE_STRING}
    | {TokenType.RAW_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING}
)


@dataclass(frozen=True)
class Statement:
    """One SELECT over one table.

    Attributes:
        base: the table as the text names it; without a schema it is in `public`.
        names: how columns may be qualified.
        items: the select list.
        where: the condition of WHERE.
        group: the expressions of GROUP BY, None without it.
        before, after: the text around the table's name.
        alias: what to call the table in between, None where the text says it.
    """

    base: TableName
    names: frozenset[str]
    items: tuple[Node, ...]
    where: Node | None
    group: tuple[Node, ...] | None
    before: str
    after: str
    alias: str | None

    def over(self, relation: str) -> str:
        """The user's SQL reading another relation (SQL text) in place of the table."""
        alias = "" if self.alias is None else f" AS {quoted(self.alias)}"
        return f"{self.before}{relation}{alias}{self.after}"

    @property
    def text(self) -> str:
        """The user's SQL with the table's name written out in full."""
        return self.over(f"{quoted(self.base.schema)}.{quoted(self.base.table)}")


def quoted(name: str) -> str:
    """A PostgreSQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def folded(identifier: Node) -> str:
    """The name an identifier means: PostgreSQL folds what is not quoted to lower case."""
    name = str(identifier.this)
    if identifier.args.get("quoted"):
        return name
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def parse(sql: str) -> tuple[Statement | None, list[ViewRefusal]]:
    """The statement, or every reason found in its frame."""
    if len(sql) > MAX_CHARACTERS:
        return None, [ViewRefusal("the SQL is longer than 100,000 characters", "a view is one short SELECT")]
    try:
        tokens = sqlglot.tokenize(sql, dialect="postgres")
        trees = sqlglot.Dialect.get_or_raise("postgres").parser().parse(tokens, sql)
    except (SqlglotError, RecursionError) as error:
        return None, [_syntax(error)]
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(found) != 1:
        return None, [
            ViewRefusal("a view is exactly one SELECT", "write one statement, without others after it")
        ]
    return _statement(found[0], tokens, sql)


def _syntax(error: Exception) -> ViewRefusal:
    details: list[dict[str, Any]] = getattr(error, "errors", [])
    line = details[0].get("line") if details else None
    said = str(details[0].get("description", "")).rstrip(".") if details else ""
    reason = "this cannot be read as PostgreSQL's SQL" + (f": {said[:120]}" if said else "")
    return ViewRefusal(reason, "try the SELECT in psql first", line)


def _statement(tree: Node, tokens: list[Token], sql: str) -> tuple[Statement | None, list[ViewRefusal]]:
    refusals = _token_refusals(tokens)
    if isinstance(tree, exp.SetOperation):
        hint = "declare one view for each SELECT"
        return None, [
            ViewRefusal("UNION, INTERSECT and EXCEPT combine rows of two queries", hint, None, "unions")
        ]
    if not isinstance(tree, exp.Select):
        return None, [ViewRefusal("a view is one SELECT, this is something else", "begin with SELECT")]
    for key, value in tree.args.items():
        if not value or key in _TAKEN:
            continue
        reason = _FRAME.get(key) or Reason(f"{key.strip('_').upper()} is not taken", "leave it out")
        at = cast("Any", value[0] if isinstance(value, list) and value else value)
        line = line_of(at) if isinstance(at, Node) else None
        refusals.append(ViewRefusal(reason.reason, reason.hint, line, reason.needs))
    group, group_refusals = _group(tree.args.get("group"))
    refusals.extend(group_refusals)
    source = tree.args.get("from_")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        what = "a view reads a declared table" + (
            ", not a subquery" if table is not None else ": FROM is missing"
        )
        refusals.append(
            ViewRefusal(what, "SELECT … FROM orders", None, "joins" if table is not None else None)
        )
        return None, refusals
    refusals.extend(_table_refusals(table))
    if refusals:
        return None, refusals
    where = tree.args.get("where")
    before, after, alias = _around(table, tokens, sql)
    base = TableName(folded(table.args["db"]) if table.args.get("db") else "public", folded(table.this))
    name = _alias(table)
    names = frozenset({name} if name else {base.table})
    items = tuple(cast("list[Node]", tree.expressions))
    return Statement(base, names, items, where.this if where else None, group, before, after, alias), []


def _group(group: Node | None) -> tuple[tuple[Node, ...] | None, list[ViewRefusal]]:
    if group is None:
        return None, []
    parts = tuple(cast("list[Node]", group.expressions))
    others = [key for key, value in group.args.items() if value and key != "expressions"]
    sets = [part for part in parts if isinstance(part, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple)]
    if others or sets or not parts:
        hint = "GROUP BY the finest columns, and sum up when you query"
        return None, [ViewRefusal("GROUP BY with grouping sets, or with nothing", hint, line_of(group))]
    return parts, []


def _table_refusals(table: Node) -> list[ViewRefusal]:
    known = {"this", "db", "alias"}
    alias = table.args.get("alias")
    if any(value for key, value in table.args.items() if key not in known) or (
        alias is not None and alias.args.get("columns")
    ):
        hint = "FROM schema.table AS name, and no more"
        return [
            ViewRefusal(
                "this form of FROM is not taken",
                hint,
                line_of(table),
                "joins" if table.args.get("joins") else None,
            )
        ]
    return []


def _token_refusals(tokens: list[Token]) -> list[ViewRefusal]:
    found: list[ViewRefusal] = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.token_type in _STRINGS:
            hint = "write plain '...' text; characters beyond ASCII can stand in it as they are"
            found.append(ViewRefusal("E'', U&'', B'', X'' and $$ literals are not taken", hint, token.line))
        called = following is not None and following.token_type is TokenType.L_PAREN
        if called and token.text.lower() == "date_part":
            found.append(ViewRefusal(DATE_PART.reason, DATE_PART.hint, token.line))
    return found


def _alias(table: Node) -> str | None:
    alias = table.args.get("alias")
    return folded(alias.this) if alias is not None else None


def _around(table: Node, tokens: list[Token], sql: str) -> tuple[str, str, str | None]:
    """The text before and after the table's name; the last token's end leaves a `;` and comments out."""
    first = table.args["db"] if table.args.get("db") else table.this
    start, end = int(first.meta["start"]), int(table.this.meta["end"]) + 1
    kept = [token for token in tokens if token.token_type is not TokenType.SEMICOLON]
    begin, stop = kept[0].start, kept[-1].end + 1
    alias = None if table.args.get("alias") else folded(table.this)
    return sql[begin:start], sql[end:stop], alias
