"""The path of a row, one package per system, in the order a row meets them."""

from __future__ import annotations
