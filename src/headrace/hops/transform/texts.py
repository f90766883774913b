"""Text: ||, length, substring, left, trim, replace, position, starts_with. Case mapping is refused."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import literals
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, text
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import BOOLEAN, INTEGER, TEXT, Kind

_LONGEST = 2**30


def _text(scope: Scope, node: Node) -> Scalar:
    value = scope.computable(node)
    if value.type.kind is Kind.UNKNOWN:
        return literals.typed(value, TEXT, node)
    if value.type.kind is not Kind.TEXT:
        raise Refused(f"a text is needed, this is {value.type.pg}", "CAST it to text", at=node)
    return value


def _concatenated(scope: Scope, node: Node) -> Scalar:
    left, right = _text(scope, node.this), _text(scope, node.expression)
    nullable = left.nullable or right.nullable
    return Scalar(f"concat({left.sql}, {right.sql})", TEXT, nullable)


def _length(scope: Scope, node: Node) -> Scalar:
    if node.args.get("encoding") is not None:
        raise Refused("length of encoded bytes", "write length(text)", at=node)
    value = _text(scope, node.this)
    return Scalar(f"char_length({value.sql})", INTEGER, value.nullable, _LONGEST)


def _octets(scope: Scope, node: Node) -> Scalar:
    (argument,) = _arguments(node, 1, 1)
    value = _text(scope, argument)
    return Scalar(f"octet_length({value.sql})", INTEGER, value.nullable, _LONGEST)


def _substring(scope: Scope, node: Node) -> Scalar:
    value = _text(scope, node.this)
    start = _count(scope, node.args.get("start"), 1, "substring from", node)
    length = node.args.get("length")
    sql = f"substring({value.sql}, {start})"
    if length is not None:
        sql = f"substring({value.sql}, {start}, {_count(scope, length, 0, 'substring for', node)})"
    return Scalar(sql, TEXT, value.nullable)


def _left(scope: Scope, node: Node) -> Scalar:
    value = _text(scope, node.this)
    count = _count(scope, node.expression, 0, "left", node)
    return Scalar(f"substring({value.sql}, 1, {count})", TEXT, value.nullable)


def _count(scope: Scope, node: Node | None, least: int, what: str, at: Node) -> int:
    found = scope.scalar(node) if node is not None else None
    if found is None:
        return 1
    if not found.sql.isdigit() or not least <= int(found.sql) <= _LONGEST:
        raise Refused(
            f"{what} with anything but a literal of at least {least}", "write the number out", at=at
        )
    return int(found.sql)


def _trim(scope: Scope, node: Node) -> Scalar:
    value = _text(scope, node.this)
    position = str(node.args.get("position") or "BOTH").upper()
    if position not in ("BOTH", "LEADING", "TRAILING") or node.args.get("collation") is not None:
        raise Refused(
            "this form of trim is not taken", "trim(both 'x' from t), btrim, ltrim, rtrim are", at=node
        )
    characters = " "
    if node.expression is not None:
        given = scope.scalar(node.expression)
        if not given.literal:
            raise Refused("trim with anything but literal characters", "write them out", at=node)
        characters = given.literal
    return Scalar(f"trim({position} {text(characters)} FROM {value.sql})", TEXT, value.nullable)


def _replace(scope: Scope, node: Node) -> Scalar:
    parts = [_text(scope, part) for part in (node.this, node.expression, node.args["replacement"])]
    if not all(part.constant for part in parts[1:]):
        raise Refused("replace with anything but literals", "write what is replaced by what", at=node)
    sql = f"replace({', '.join(part.sql for part in parts)})"
    return Scalar(sql, TEXT, any(part.nullable for part in parts))


def _position(scope: Scope, node: Node) -> Scalar:
    if node.args.get("position") is not None or node.args.get("occurrence") is not None:
        raise Refused("this form of position is not taken", "write strpos(text, part)", at=node)
    value, part = _text(scope, node.this), _text(scope, node.args["substr"])
    sql = f"instr({value.sql}, {part.sql})"
    return Scalar(sql, INTEGER, value.nullable or part.nullable, _LONGEST)


def _starts_with(scope: Scope, node: Node) -> Scalar:
    value, prefix = _text(scope, node.this), _text(scope, node.expression)
    return Scalar(f"startswith({value.sql}, {prefix.sql})", BOOLEAN, value.nullable or prefix.nullable)


def _arguments(node: Node, least: int, most: int) -> list[Node]:
    if not least <= len(node.expressions) <= most:
        raise Refused(f"{node.this} with {len(node.expressions)} arguments", "see the docs", at=node)
    return list(node.expressions)


HANDLERS: dict[type[Node], Callable[[Scope, Node], Scalar]] = {
    exp.DPipe: _concatenated,
    exp.Length: _length,
    exp.Substring: _substring,
    exp.Left: _left,
    exp.Trim: _trim,
    exp.Replace: _replace,
    exp.StrPosition: _position,
    exp.StartsWith: _starts_with,
}
NAMED: dict[str, Callable[[Scope, Node], Scalar]] = {"octet_length": _octets}
