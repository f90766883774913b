"""Values in an env file: the programs that read one differ in quotes, dollars and hashes, so none is used."""

from __future__ import annotations

import base64
import re

_PLAIN = re.compile(r"[A-Za-z0-9_./:@+~-]*")
_ENCODED = "base64:"


def encoded(value: str) -> str:
    """The value in characters that mean themselves to every reader."""
    if _PLAIN.fullmatch(value) and not value.startswith(_ENCODED):
        return value
    return _ENCODED + base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def decoded(text: str) -> str:
    """The inverse of `encoded`; also of a value somebody wrote by hand."""
    if not text.startswith(_ENCODED):
        return text
    digits = text.removeprefix(_ENCODED)
    return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4)).decode()
