"""What is written into a connector's configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract import Column, Conversion, Mask, TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.capture.render import (
    EXACT_CONNECTOR_CLASS,
    STRUCT_CONVERTER_CLASS,
    TRUNCATE_PARTITIONS,
    RowGuard,
    connector_config,
    included_tables,
)
from headrace.hops.topic.resource import MAX_RECORD_BYTES, capture_topics
from headrace.names import CaptureNames, TableName

SNAPSHOT = Path(__file__).parent / "connector.json"
NAMES = CaptureNames("shop", 7)
SOURCE = SourceAddress(
    host="db.example",
    port=5433,
    database="shop",
    user="headrace",
    password="p4ss-w0rd",
    password_file=Path("/project/.headrace/secrets/source.properties"),
    sslmode="verify-full",
    sslrootcert="/etc/ca.pem",
)
ORDERS = TableContract(
    TableName("public", "orders"),
    "orders",
    ("id",),
    (
        Column("id", "bigint", Conversion.LONG, nullable=False),
        Column("email", "text", Conversion.TEXT, mask=Mask.HASH),
        Column("phone", "text", Conversion.TEXT, mask=Mask.REDACT),
    ),
    excluded=("card",),
)
EVENTS = TableContract(
    TableName("Audit", "e v,e:n;t.s"),
    "events",
    ("b", "a"),
    (Column("b", "int", Conversion.INT, False), Column("a", "int", Conversion.INT, False)),
    declared_key=True,
)
GUARD = RowGuard(mask_key_file=Path("/project/.headrace/secrets/mask.properties"))


def test_whole_configuration() -> None:
    """To accept a wanted change: delete the file, run the test twice, read the difference."""
    text = json.dumps(
        connector_config(NAMES, [ORDERS, EVENTS], SOURCE, guard=GUARD), indent=2, sort_keys=True
    )
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(text + "\n")
        pytest.fail("wrote the snapshot; read it and run again")
    assert text + "\n" == SNAPSHOT.read_text()


def test_order_of_tables_does_not_matter() -> None:
    there, back = (
        connector_config(NAMES, tables, SOURCE, guard=GUARD)
        for tables in ([ORDERS, EVENTS], [EVENTS, ORDERS])
    )
    assert there == back


def test_no_secret_is_written() -> None:
    assert "p4ss-w0rd" not in str(connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD))


@given(
    st.lists(
        st.builds(
            TableName,
            st.text(st.characters(exclude_characters=".\x00", codec="utf-8"), min_size=1, max_size=8),
            st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=8),
        ),
        unique=True,
        max_size=4,
    )
)
def test_included_tables_are_read_back_whatever_their_names(tables: list[TableName]) -> None:
    contracts = [replace(EVENTS, table=table) for table in tables]
    config = connector_config(NAMES, contracts, SOURCE, guard=None)
    assert set(included_tables(config)) == set(tables)


def test_mask_without_row_guard_is_refused() -> None:
    with pytest.raises(HeadraceError) as refused:
        connector_config(NAMES, [ORDERS], SOURCE, guard=None)
    assert refused.value.code == "row-guard-missing"
    assert refused.value.where is not None
    assert refused.value.where.address == "table:public.orders"


def test_hash_without_a_key_is_refused() -> None:
    with pytest.raises(HeadraceError) as refused:
        connector_config(NAMES, [ORDERS], SOURCE, guard=RowGuard())
    assert refused.value.code == "mask-key-missing"


def test_mask_of_a_name_that_cannot_stand_in_a_list_is_refused() -> None:
    column = Column("a,b", "text", Conversion.TEXT, mask=Mask.REDACT)
    with pytest.raises(HeadraceError) as refused:
        connector_config(NAMES, [replace(ORDERS, columns=(column,))], SOURCE, guard=GUARD)
    assert refused.value.code == "mask-name-unsupported"


def test_limits_of_connector_and_topics_fit_together() -> None:
    config = connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD)
    assert int(config["producer.override.max.request.size"]) == MAX_RECORD_BYTES
    assert int(config["producer.override.buffer.memory"]) > MAX_RECORD_BYTES
    (table, *services) = capture_topics(NAMES, [ORDERS])
    assert int(table.config["max.message.bytes"]) > MAX_RECORD_BYTES
    assert table.name == "shop.7.public.orders"
    written = {config["topic.heartbeat.name"], config["notification.sink.topic.name"]}
    written |= {config["offsets.storage.topic"], NAMES.message_topic}
    assert {spec.name for spec in services} == written


def test_our_connector_hands_on_at_once_and_bounds_its_own_queue() -> None:
    stock = connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD)
    exact = connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD, connector_class=EXACT_CONNECTOR_CLASS)
    different = {name for name in stock if stock[name] != exact[name]}
    assert different == {"connector.class", "poll.interval.ms", "max.batch.size", "max.queue.size.in.bytes"}
    # Debezium refuses a queue that holds no more than a batch.
    assert int(exact["max.batch.size"]) < int(exact["max.queue.size"])
    assert int(exact["poll.interval.ms"]) < int(stock["poll.interval.ms"])
    assert exact["max.queue.size.in.bytes"] == "0" != stock["max.queue.size.in.bytes"]


def test_our_connector_knows_the_topics_of_several_partitions() -> None:
    tables = [replace(EVENTS, partitions=2), replace(ORDERS, partitions=3)]
    exact = connector_config(NAMES, tables, SOURCE, guard=GUARD, every_partition=True)
    assert exact[TRUNCATE_PARTITIONS] == "shop.7.Audit.e_v_e_n_t.s=2,shop.7.public.orders=3"
    assert NAMES.topic(EVENTS.table) == "shop.7.Audit.e_v_e_n_t.s"
    one = connector_config(NAMES, [ORDERS, EVENTS], SOURCE, guard=GUARD, every_partition=True)
    assert TRUNCATE_PARTITIONS not in one


def test_several_partitions_without_our_connector_are_refused() -> None:
    with pytest.raises(HeadraceError) as refused:
        connector_config(NAMES, [EVENTS, replace(ORDERS, partitions=3)], SOURCE, guard=GUARD)
    assert refused.value.code == "exact-connector-missing"
    assert refused.value.where is not None
    assert refused.value.where.address == "table:public.orders"


def test_only_the_class_of_the_converter_differs() -> None:
    stock = connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD)
    ours = connector_config(NAMES, [ORDERS], SOURCE, guard=GUARD, converter_class=STRUCT_CONVERTER_CLASS)
    different = {name: ours[name] for name in stock if stock[name] != ours[name]}
    assert different == dict.fromkeys(("key.converter", "value.converter"), STRUCT_CONVERTER_CLASS)
    assert stock.keys() == ours.keys()


def test_bounds_of_the_contract_reach_the_topic() -> None:
    bounded = replace(ORDERS, retention_ms=60_000, retention_bytes=-1, partitions=4)
    spec = capture_topics(NAMES, [bounded])[0]
    assert (spec.partitions, spec.config["retention.ms"], spec.config["retention.bytes"]) == (
        4,
        "60000",
        "-1",
    )
