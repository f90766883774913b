"""How the models of the declaration say what is wrong: with a code and a remedy, not only a sentence."""

from __future__ import annotations

from typing import LiteralString

from pydantic_core import PydanticCustomError


def problem(code: LiteralString, message: str, hint: str) -> PydanticCustomError:
    """An error to raise in a validator; `load` turns it into a HeadraceError at its line."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})
