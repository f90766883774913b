"""Numbers written so that Pinot 0.11.0 computes and compares them exactly; pure.

Within an expression Pinot guesses the type of a constant from its digits (LiteralTransformFunction): `0.10`
is a 32-bit float to it, compared as 0.10000000149. Up to 7 digits after the point make a float, up to 16 a
double, more a BIG_DECIMAL; whole numbers in the SQL are cut to 64 bits. Whatever is not BIG_DECIMAL is added
and multiplied in doubles.
"""

from __future__ import annotations

import math
from decimal import Decimal

from headrace.contract import Conversion
from headrace.hops.serve.dialect import Kind, Scalar, text, unsupported
from headrace.hops.serve.literals import number

NEVER = '"__kind" = 99'
"""Holds for no row: a branch of CASE that is there for its type only."""

_DIGITS_FOR_BIG_DECIMAL = 20
_SAFE_DIGITS = 15  # a decimal of so many digits comes back unchanged out of a double


def exact_constant(value: str) -> str:
    """A constant for a comparison inside CASE: LONG or BIG_DECIMAL, both compared exactly there."""
    return str(int(Decimal(number(value)))) if is_long(value) else big_decimal(value)


def is_long(value: str) -> bool:
    """Whether a constant is a whole number of 64 bits."""
    fraction = number(value).partition(".")[2]
    return not fraction.strip("0") and -(2**63) <= Decimal(value) < 2**63


def big_decimal(value: str) -> str:
    """A constant that Pinot takes for a BIG_DECIMAL."""
    whole, _, fraction = number(value).partition(".")
    return text(f"{whole}.{fraction.ljust(_DIGITS_FOR_BIG_DECIMAL, '0')}")


def double_constant(value: str) -> str:
    """A constant that Pinot takes for a DOUBLE: 16 digits after the point, whatever it is."""
    return text(f"{_double(value):.16e}")


def plain_double(value: str) -> str:
    """A constant for a comparison of a double in WHERE, which reads it as a double.

    A whole number is a long to the broker first, cut to 64 bits, and refused where no double is equal to it.
    """
    found = _double(value)
    return repr(found) if abs(found) >= 2**53 else number(value)


def exact(scalar: Scalar) -> str:
    """A whole number or a decimal as an operand of arithmetic in BIG_DECIMAL.

    One of the two must be no constant, else the broker computes both in doubles.
    """
    if not scalar.literal:
        return scalar.sql if scalar.big else f"CAST({scalar.sql} AS BIG_DECIMAL)"
    digits = len(Decimal(number(scalar.sql)).as_tuple().digits)
    return number(scalar.sql) if digits <= _SAFE_DIGITS else big_decimal(scalar.sql)


def as_double(scalar: Scalar) -> str:
    """A number as an operand of arithmetic in doubles; PostgreSQL converts it to one as well."""
    if scalar.literal:
        return double_constant(scalar.sql)
    if scalar.kind is Kind.DOUBLE and not scalar.big:
        return scalar.sql
    return f"CAST({scalar.sql} AS DOUBLE)"


def compared_in_case(one: Scalar, operator: str, constant: str) -> str:
    """A number compared with a constant inside CASE."""
    if one.kind is not Kind.DOUBLE:
        return f"{one.sql} {operator} {exact_constant(constant)}"
    # A difference of doubles has the right sign, and the constant is a double in it whatever its digits.
    if _double(constant) == 0.0:
        return f"{_without_negative_zero(one)} {operator} 0"
    return f"({as_double(one)} - {double_constant(constant)}) {operator} 0"


def two_compared_in_case(one: Scalar, operator: str, other: Scalar) -> str:
    """Two numbers that are no constants, compared inside CASE; a double makes both doubles."""
    if Kind.DOUBLE in {one.kind, other.kind}:
        return f"{_without_negative_zero(one)} {operator} {_without_negative_zero(other)}"
    return f"{one.sql} {operator} {other.sql}"


def may_be_long(scalar: Scalar) -> bool:
    """A whole number that a double may not hold."""
    if scalar.kind is not Kind.INTEGER:
        return False
    return scalar.column is None or scalar.column.conversion is Conversion.LONG


def order_keys(scalar: Scalar) -> tuple[str, ...]:
    """What to sort rows by: Pinot merges segments by comparing every number as a double.

    It compares timestamps as the longs they are. A decimal is sorted once more by what its double has left
    over, which tells decimals apart that agree in 15 digits and up to 15 more.
    """
    if may_be_long(scalar):
        return (f"CAST({scalar.sql} AS TIMESTAMP)",)
    if scalar.kind is Kind.DECIMAL:
        return (scalar.sql, f"({exact(scalar)} - CAST(CAST({scalar.sql} AS DOUBLE) AS BIG_DECIMAL))")
    return (scalar.sql,)


def _without_negative_zero(one: Scalar) -> str:
    """Pinot holds -0.0 to be less than 0.0."""
    return f"(0 + {as_double(one)})"


def _double(value: str) -> float:
    found = float(number(value))
    if not math.isfinite(found):
        raise unsupported("a constant that double precision cannot hold")
    return found
