from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from headrace.engines import properties

_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def read(line: str) -> str:
    """The value of one line, as java.util.Properties documents it."""

    def plain(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _LETTERS.get(match[2], match[2])

    value = line.split("=", 1)[1].lstrip(" ")
    return _ESCAPE.sub(plain, value).encode("utf-16", "surrogatepass").decode("utf-16")


@given(st.text())
def test_any_text_survives(text: str) -> None:
    rendered = properties.render({"key": text})
    assert rendered.isascii()
    assert rendered.count("\n") == 1
    assert "\r" not in rendered
    assert read(rendered.removesuffix("\n")) == text


def test_truth_is_spelt_as_java_does() -> None:
    assert properties.render({"a": True, "b": False, "c": 1}) == "a=true\nb=false\nc=1\n"


def test_no_bare_comma_which_pinot_would_take_for_a_list() -> None:
    assert properties.render({"a": "x,y"}) == "a=x\\,y\n"
