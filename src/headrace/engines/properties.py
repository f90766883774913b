"""Java properties files."""

from __future__ import annotations

from collections.abc import Mapping

_ESCAPED = {
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\f": "\\f",
    **{character: "\\" + character for character in "=:#!"},
    # Pinot's reader takes a bare comma for the end of a list item.
    ",": "\\,",
}


def render(settings: Mapping[str, object]) -> str:
    """One line per setting, in the given order; any text survives, in ASCII."""
    return "".join(f"{key}={_escape(_text(value))}\n" for key, value in settings.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escape(text: str) -> str:
    escaped = "".join(_ESCAPED.get(character, character) for character in text)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    units = escaped.encode("utf-16-be")
    pairs = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in pairs)
