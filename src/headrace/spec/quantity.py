"""Durations and sizes as people write them: `7d`, `10GB`.

Promise: a quantity always names its unit, a bare number is refused, and `parse(write(x)) == x`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

DURATION_MS: Mapping[str, int] = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
SIZE_BYTES: Mapping[str, int] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

_QUANTITY = re.compile(r"^(?P<number>[0-9]{1,15}(?:\.[0-9]{1,6})?) ?(?P<unit>[A-Za-z]+)$")


def parse_duration_ms(text: str) -> int:
    """Milliseconds of `90s`, `7d`, `1.5h`; ValueError, with the remedy in words, for anything else."""
    return _parse(text, DURATION_MS, "a duration", "7d")


def parse_size_bytes(text: str) -> int:
    """Bytes of `512MB` (decimal) or `1GiB` (binary); ValueError, with the remedy in words, otherwise."""
    return _parse(text, SIZE_BYTES, "a size", "10GB")


def write_duration(duration_ms: int) -> str:
    """The shortest exact form: 604800000 is `7d`."""
    units = {unit: size for unit, size in DURATION_MS.items() if unit != "w"}
    return _write(duration_ms, units)


def write_size(size_bytes: int) -> str:
    """The shortest exact form, decimal units first: 10000000000 is `10GB`, 1048576 is `1MiB`."""
    decimal = {unit: size for unit, size in SIZE_BYTES.items() if "i" not in unit}
    binary = {unit: size for unit, size in SIZE_BYTES.items() if "i" in unit or unit == "B"}
    return min(_write(size_bytes, decimal), _write(size_bytes, binary), key=len)


def _parse(text: str, units: Mapping[str, int], kind: str, example: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{kind} is a number and a unit, such as {example}")
    size = units.get(match["unit"])
    if size is None:
        raise ValueError(f"`{match['unit']}` is no unit of {kind}: use one of {', '.join(units)}")
    value = Decimal(match["number"]) * size
    if value != value.to_integral_value():
        raise ValueError(f"{kind} must come out as a whole number of the smallest unit")
    return int(value)


def _write(value: int, units: Mapping[str, int]) -> str:
    unit, size = max(((u, s) for u, s in units.items() if value % s == 0), key=lambda pair: pair[1])
    return f"{value // size}{unit}"
