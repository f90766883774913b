"""Traces as Kafka Connect 4.3.1 and Debezium 3.7.0 really wrote them, shortened."""

from __future__ import annotations

import pytest

from headrace.hops.capture.failure import failure

TOO_LARGE = """org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception trying to send
\tat org.apache.kafka.connect.runtime.AbstractWorkerSourceTask.sendRecords(AbstractWorkerSourceTask.java:420)
Caused by: org.apache.kafka.common.KafkaException: Cannot execute transactional method because we are in an error state
Caused by: org.apache.kafka.common.errors.RecordTooLargeException: The message is 2000565 bytes when serialized which is larger than 1048576, which is the value of the max.request.size configuration.
"""  # noqa: E501
UNCONVERTIBLE = """org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.
Caused by: io.debezium.DebeziumException: Failed to properly convert data value for 'public.kinds.na' of type _numeric
\tat io.debezium.relational.TableSchemaBuilder.lambda$createValueGenerator$5(TableSchemaBuilder.java:318)
"""  # noqa: E501
UNKNOWN = """org.apache.kafka.connect.errors.ConnectException: odd
Caused by: java.lang.IllegalArgumentException: cannot read the row {name=Ada Lovelace, card=4111111111111111}
"""
FENCED = """org.apache.kafka.connect.errors.ConnectException: Failed
Caused by: org.apache.kafka.common.errors.ProducerFencedException: There is a newer producer with the same transactionalId
"""  # noqa: E501
REFUSED = """io.debezium.DebeziumException: Couldn't obtain encoding for database shop
Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed for user "headrace"
"""
LOST = """io.debezium.DebeziumException: The connector is trying to read change stream starting at X but this is no longer available on the server. Reconfigure the connector to use a snapshot when needed.
"""  # noqa: E501


@pytest.mark.parametrize(
    ("trace", "code", "restart"),
    [
        (TOO_LARGE, "capture-record-too-large", False),
        (UNCONVERTIBLE, "capture-value-unconvertible", False),
        (FENCED, "capture-fenced", True),
        (REFUSED, "capture-login-refused", False),
        (LOST, "capture-slot-lost", False),
        (UNKNOWN, "capture-failed", True),
        ("", "capture-failed", True),
    ],
)
def test_failure_is_recognised(trace: str, code: str, restart: bool) -> None:
    found = failure(trace)
    assert (found.code, found.restart) == (code, restart)


def test_cause_names_the_column_or_the_limit() -> None:
    assert failure(UNCONVERTIBLE).cause == "DebeziumException: public.kinds.na"
    assert failure(TOO_LARGE).cause == "RecordTooLargeException: 2000565 bytes"


def test_no_value_of_a_row_gets_out() -> None:
    found = failure(UNKNOWN)
    assert found.cause == "IllegalArgumentException"
    assert "Ada" not in str(found)
    assert "4111" not in str(found)
