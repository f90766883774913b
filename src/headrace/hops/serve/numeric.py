"""Arithmetic on whole numbers, decimals and doubles as PostgreSQL does it; pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

Number = int | float | Decimal

_WIDE = Context(prec=1200, rounding=ROUND_HALF_UP)
_MIN_SIGNIFICANT = 16
_MAX_SCALE = 1000


def add(one: Number, other: Number) -> Number:
    if isinstance(one, float) or isinstance(other, float):
        return float(one) + float(other)
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return _WIDE.add(Decimal(one), Decimal(other))
    return one + other


def subtract(one: Number, other: Number) -> Number:
    return add(one, -other)


def multiply(one: Number, other: Number) -> Number:
    if isinstance(one, float) or isinstance(other, float):
        return float(one) * float(other)
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return _WIDE.multiply(Decimal(one), Decimal(other))
    return one * other


def divide(one: Number, other: Number) -> Number:
    """Whole by whole cuts toward zero; decimals get PostgreSQL's scale. ZeroDivisionError as usual."""
    if other == 0:
        raise ZeroDivisionError
    if isinstance(one, float) or isinstance(other, float):
        return float(one) / float(other)
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        left, right = Decimal(one), Decimal(other)
        return rounded(_WIDE.divide(left, right), _quotient_scale(left, right))
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def rounded(value: Number, scale: int) -> Number:
    """Half away from zero for decimals, as PostgreSQL's numeric round."""
    if isinstance(value, float):
        return round(value, scale)
    return Decimal(value).quantize(Decimal(1).scaleb(-scale), context=_WIDE)


def scale_of(value: Decimal) -> int:
    """Digits after the point."""
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _quotient_scale(one: Decimal, other: Decimal) -> int:
    """PostgreSQL's select_div_scale: at least 16 significant digits, counted in groups of four."""
    weight_1, first_1 = _leading_group(one)
    weight_2, first_2 = _leading_group(other)
    weight = weight_1 - weight_2 - (1 if first_1 <= first_2 else 0)
    scale = max(_MIN_SIGNIFICANT - weight * 4, scale_of(one), scale_of(other), 0)
    return min(scale, _MAX_SCALE)


def _leading_group(value: Decimal) -> tuple[int, int]:
    """Weight and value of the first non-zero group of four digits."""
    if value == 0:
        return 0, 0
    weight = value.adjusted() // 4
    return weight, int(abs(value).scaleb(-4 * weight, context=_WIDE))
