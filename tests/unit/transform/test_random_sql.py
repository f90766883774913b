"""Random expressions: the compiler answers with a view or with reasons, never with anything else."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transform.orders import attempt

_LEAVES = st.sampled_from(
    [
        "qty",
        "id",
        "price",
        "raw",
        "weight",
        "country",
        "code",
        "due",
        "placed_at",
        "notes",
        "1",
        "2.50",
        "'x'",
        "NULL",
    ]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(
        ["+", "-", "*", "/", "||", "=", "<", "<>", "AND", "OR", "IS DISTINCT FROM", "LIKE"]
    )
    calls = st.sampled_from(
        ["abs", "round", "length", "coalesce", "nullif", "greatest", "sum", "avg", "count", "upper"]
    )
    types = st.sampled_from(
        ["integer", "bigint", "numeric", "numeric(8,3)", "text", "date", "timestamptz", "float8"]
    )
    return st.one_of(
        st.builds(lambda one, sign, other: f"({one} {sign} {other})", inner, signs, inner),
        st.builds(lambda name, one, other: f"{name}({one}, {other})", calls, inner, inner),
        st.builds(lambda name, one: f"{name}({one})", calls, inner),
        st.builds(lambda one, kind: f"CAST({one} AS {kind})", inner, types),
        st.builds(
            lambda one, two, three: f"CASE WHEN {one} THEN {two} ELSE {three} END", inner, inner, inner
        ),
        st.builds(lambda one: f"({one} IS NULL)", inner),
        st.builds(lambda one: f"(- {one})", inner),
    )


_EXPRESSIONS = st.recursive(_LEAVES, _grown, max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(item=_EXPRESSIONS, where=_EXPRESSIONS, grouped=st.booleans())
def test_sql_is_compiled_or_refused(item: str, where: str, grouped: bool) -> None:
    tail = " GROUP BY country" if grouped else ""
    sql = f"SELECT country, {item} AS x FROM orders WHERE {where}{tail}"
    view, refusals = attempt(sql)
    assert (view is None) == bool(refusals)
    if view is not None:
        work = json.dumps(view.work)
        assert "\\ue000" not in work
        assert "\\ue001" not in work
        again, _ = attempt(sql)
        assert again is not None
        assert again.shape == view.shape
    for refusal in refusals:
        assert refusal.reason
        assert refusal.hint


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_refused_with_a_reason(text: str) -> None:
    view, refusals = attempt(text)
    assert view is None
    assert refusals
