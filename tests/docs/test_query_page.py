"""The page on queries says what the translation does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.errors import HeadraceError
from tests.unit.serve.test_translation import sent

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "query.md").read_text()


def _queries(section: str) -> list[str]:
    block = re.search(rf"## {section}\n.*?```sql\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    return [query.strip() for query in block[1].split(";") if query.strip()]


@pytest.mark.parametrize("query", _queries("Answered"))
def test_what_the_page_calls_answered_is_translated(query: str) -> None:
    assert sent(query) is not None


@pytest.mark.parametrize("query", _queries("Refused"))
def test_what_the_page_calls_refused_is_refused(query: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        sent(query)
    assert caught.value.code == "query-unsupported"
