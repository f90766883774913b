"""Comparisons of a numeric column with a constant that its type cannot hold; pure.

`qty = 1.5`, `qty < 3000000000`, `weight = 0.1` on a `real` and `price = 0.123` on a `numeric(12,2)` are legal
SQL. Pinot's broker folds them with an optimizer of its own that fails on some, and looks decimals up by their
digits (1.1 is not 1.10 to it), so they are folded here, to a comparison with a value the column can hold or
to a constant.
"""

from __future__ import annotations

import math
import struct
from decimal import ROUND_FLOOR, Context, Decimal

from headrace.contract import Conversion

Folded = bool | tuple[str, str]
"""True or False for every row that is not NULL, or an operator and a value."""

_WIDE = Context(prec=1200)
_RANGES = {Conversion.INT: (-(2**31), 2**31 - 1), Conversion.LONG: (-(2**63), 2**63 - 1)}


def fold(conversion: Conversion, operator: str, value: str, scale: int | None = None) -> Folded:
    """The comparison `column operator value` in values of the column's type.

    Args:
        conversion: of the column; INT, LONG, FLOAT and DECIMAL of a fixed scale are looked at.
        operator: one of = <> < <= > >=.
        value: a number in plain digits.
        scale: digits after the point of a DECIMAL column.
    """
    if conversion is Conversion.DECIMAL:
        return (operator, value) if scale is None else _fold_decimal(operator, Decimal(value), scale)
    if conversion in _RANGES:
        return _fold_whole(*_RANGES[conversion], operator, Decimal(value))
    if conversion is Conversion.FLOAT:
        return _fold_single(operator, float(value))
    return operator, value


def _fold_whole(lowest: int, highest: int, operator: str, value: Decimal) -> Folded:
    below, above = math.floor(value), math.ceil(value)
    if above > highest:
        return operator in {"<", "<=", "<>"}
    if below < lowest:
        return operator in {">", ">=", "<>"}
    if below == above:
        return operator, str(below)
    return _between(operator, str(below), str(above))


def _fold_decimal(operator: str, value: Decimal, scale: int) -> Folded:
    unit = Decimal(1).scaleb(-scale)
    below = value.quantize(unit, rounding=ROUND_FLOOR, context=_WIDE)
    if below == value:
        return operator, format(below, "f")
    return _between(operator, format(below, "f"), format(below + unit, "f"))


def around_zero(operator: str, scale: int) -> tuple[str, ...]:
    """A comparison of a decimal with zero, by the neighbours of zero: one or two `operator value`.

    A dictionary of Pinot holds the zeros of the rows (0.00) and the one that stands for NULL (0), equal and
    side by side; a search for zero finds either. `=` is the conjunction of two, `<>` the disjunction.
    """
    step = format(Decimal(1).scaleb(-scale), "f")
    return {
        "=": (f"> '-{step}'", f"< '{step}'"),
        "<>": (f"<= '-{step}'", f">= '{step}'"),
        "<": (f"<= '-{step}'",),
        "<=": (f"< '{step}'",),
        ">": (f">= '{step}'",),
        ">=": (f"> '-{step}'",),
    }[operator]


def _fold_single(operator: str, value: float) -> Folded:
    if abs(value) > 3.4028234663852886e38:
        return operator in ({"<", "<=", "<>"} if value > 0 else {">", ">=", "<>"})
    near = struct.unpack("f", struct.pack("f", value))[0]
    if near == value:
        return operator, repr(near)
    other = _next_single(near, up=near < value)
    return _between(operator, repr(min(near, other)), repr(max(near, other)))


def _between(operator: str, below: str, above: str) -> Folded:
    """The constant lies between two neighbours of the type."""
    if operator in {"=", "<>"}:
        return operator == "<>"
    return ("<=", below) if operator in {"<", "<="} else (">=", above)


def _next_single(value: float, *, up: bool) -> float:
    bits = struct.unpack("<i", struct.pack("<f", value))[0]
    if value == 0.0:
        tiny = struct.unpack("<f", struct.pack("<i", 1))[0]
        return tiny if up else -tiny
    away = (value > 0) == up
    return struct.unpack("<f", struct.pack("<i", bits + (1 if away else -1)))[0]
