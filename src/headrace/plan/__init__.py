"""Pure: desired and observed give a frozen plan and its ordered stages. No I/O."""

from __future__ import annotations
