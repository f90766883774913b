"""What a compiled view is, for people and for programs: its class, its state, the cost of a change."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from headrace.hops.transform.view import CompiledView, ViewKind


@dataclass(frozen=True)
class Explanation:
    """One view explained.

    Attributes:
        view, table: what is explained, and the table it reads.
        kind: its class in words.
        key: what makes a row of the result one row.
        filter: whether rows are left out.
        state: what is kept between changes.
        update: what one changed row costs.
        columns: name, PostgreSQL's type, how it is said, how it is kept.
        set_aside: when a row has no value here.
    """

    view: str
    table: str
    kind: str
    key: str
    filter: bool
    state: str
    update: str
    columns: tuple[tuple[str, str, str, str], ...]
    set_aside: str

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        names = ("name", "type", "sql", "kept")
        columns = [dict(zip(names, column, strict=True)) for column in self.columns]
        return {**asdict(self), "columns": columns}


def explain(view: CompiledView) -> Explanation:
    """The explanation of a compiled view; pure."""
    grouped = view.kind is ViewKind.GROUPS
    return Explanation(
        view=view.name,
        table=str(view.table),
        kind="groups: one row for each group, kept by adding and taking back"
        if grouped
        else "rows: one row for each row of the table that passes",
        key=", ".join(view.group_said) if grouped else f"the key of {view.table}: {', '.join(view.base.key)}",
        filter=view.where is not None,
        state=_state(view),
        update=_update(view),
        columns=tuple((one.name, one.pg_type, one.said, _kept(view, one.aggregate)) for one in view.columns),
        set_aside="a value that cannot be computed exactly (not finite, out of its type's range): the row is "
        "left out and listed by `headrace rejects`"
        if view.reject is not None
        else "never",
    )


def text(explanation: Explanation) -> list[tuple[str, str]]:
    """The lines for people, as label and text; the columns are a table of their own."""
    return [
        ("view", explanation.view),
        ("reads", explanation.table + (", rows that pass WHERE" if explanation.filter else "")),
        ("class", explanation.kind),
        ("key", explanation.key),
        ("state", explanation.state),
        ("a change", explanation.update),
        ("set aside", explanation.set_aside),
    ]


def _state(view: CompiledView) -> str:
    if view.kind is ViewKind.ROWS:
        return "none"
    count = len(view.sums)
    return f"{count + 1} number{'s' if count else ''} for each group: its rows" + (
        f" and {count} sum{'' if count == 1 else 's'}" if count else ""
    )


def _update(view: CompiledView) -> str:
    if view.kind is ViewKind.ROWS:
        return "one result row; none when the row passes neither before nor after"
    return "one group's row; two when it moves a row from one group to another"


def _kept(view: CompiledView, aggregate: bool) -> str:
    if view.kind is ViewKind.ROWS:
        return "computed from the row"
    return "made of the group's sums" if aggregate else "the group's own"
