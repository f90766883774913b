"""The page on types says what the mapping and the measured values say."""

from __future__ import annotations

import pytest
from script.reference.types import base_name, types_page

from headrace.contract import Conversion
from headrace.hops.source.types import CONVERSIONS, REFUSED
from tests.integration.source.type_cases import CASES, EXTENSIONS


@pytest.mark.parametrize("name", sorted(CONVERSIONS))
def test_every_carried_type_has_measured_values(name: str) -> None:
    assert name in {base_name(case) for case in CASES + EXTENSIONS}


def test_every_conversion_of_a_column_is_used() -> None:
    assert set(Conversion) - set(CONVERSIONS.values()) == {Conversion.DECIMAL_TEXT}


def test_every_refused_type_says_why() -> None:
    page = types_page()
    assert all(f" {why} |" in page for why in REFUSED.values())
