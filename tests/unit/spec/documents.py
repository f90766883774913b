"""Random documents that are valid declarations, as plain data."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from headrace.names import CaptureNames, TableName, served_name

identifiers = st.one_of(
    st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True),
    st.text(
        st.characters(exclude_categories=["C", "Z"], exclude_characters='".'), min_size=1, max_size=12
    ).map(lambda text: "c" + text),
    st.sampled_from(
        ["null", "true", "1e5", "2024", "0x1F", "~", "- a", "a: b", "#c", "yes", "it's", "a b", "-"]
    ),
)
columns = identifiers.filter(lambda name: not name.startswith("__") and not name.endswith("__micros"))
durations = st.integers(1, 10_000).flatmap(
    lambda n: st.sampled_from([f"{n}h", f"{n}d", f"{n * 3_600_000}ms", f"{n}.5w"])
)
sizes = st.integers(1, 10_000).flatmap(
    lambda n: st.sampled_from([f"{n}MB", f"{n} GB", f"{n}MiB", f"{n}.25GiB"])
)


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(columns, unique=True, max_size=8))
    key, excluded, masked, indexed = names[:2], names[2:4], names[4:6], names[6:]
    made: dict[str, Any] = {
        "partitions": draw(st.integers(1, 64)),
        "flush_rows": draw(st.integers(100, 100_000_000)),
        "name": draw(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)) + "_x",
        "retention": draw(st.fixed_dictionaries({}, optional={"time": durations, "size": sizes})),
        "exclude": excluded,
        "mask": {name: draw(st.sampled_from(["hash", "redact"])) for name in masked},
        "indexes": {name: draw(st.sampled_from(["inverted", "range", "bloom", "none"])) for name in indexed},
    }
    if key:
        made["key"] = key
    kept = draw(st.sets(st.sampled_from(sorted(made))))
    return {name: value for name, value in made.items() if name in kept}


sources = st.one_of(
    st.fixed_dictionaries(
        {"url": st.sampled_from(["env:DATABASE_URL", "file:secrets/url", "file:~/u l"])},
        optional={"sslmode": st.sampled_from(["disable", "prefer", "require"])},
    ),
    st.fixed_dictionaries(
        {
            "host": st.sampled_from(["localhost", "db.example.com", "10.0.0.1", "::1"]),
            "database": identifiers,
            "user": identifiers,
        },
        optional={
            "port": st.integers(1, 65535),
            "password": st.just("env:PW"),
            "sslmode": st.just("verify-full"),
            "sslrootcert": st.just("certs/root.pem"),
        },
    ).map(lambda parts: {**parts, "sslrootcert": "r.pem"} if "sslmode" in parts else parts),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid declaration; tables as a list or as a mapping."""
    project = draw(st.from_regex(r"[a-z][a-z0-9_]{0,29}", fullmatch=True))
    entries = draw(
        st.lists(st.tuples(st.one_of(st.none(), identifiers), identifiers, options()), min_size=1, max_size=5)
    )
    listed = draw(st.booleans())
    tables: dict[str, Any] = {}
    served: set[str] = set()
    topics: set[str] = set()
    for schema, table, drawn_options in entries:
        table_options: dict[str, Any] = {} if listed else drawn_options
        name = TableName(schema or "public", table)
        topic = CaptureNames(project, 1).topic(name).replace(".", "_")
        shown = str(table_options.get("name") or served_name(name))
        usable = any(character.isalnum() for character in shown) and not shown.upper().endswith(
            ("_REALTIME", "_OFFLINE")
        )
        if name.schema.startswith("pg_") or topic in topics or shown.lower() in served or not usable:
            continue
        topics.add(topic)
        served.add(shown.lower())
        tables[f"{schema}.{table}" if schema else table] = table_options or None
    document: dict[str, Any] = {"project": project, "tables": tables or {"orders": None}}
    if listed:
        document["tables"] = list(document["tables"])
    if draw(st.booleans()):
        document["source"] = draw(sources)
    if draw(st.booleans()):
        document["dashboard"] = draw(
            st.fixed_dictionaries(
                {}, optional={"title": st.just("Shop, live"), "refresh_seconds": st.integers(1, 86_400)}
            )
        )
        document["engines"] = {"heap": {"kafka": "512MiB", "pinot": "1.5GiB"}, "ports": {"kafka": 9092}}
    return document
