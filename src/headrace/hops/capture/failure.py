"""Reads the stack trace of a failed task: which known failure it is, and whether a restart can cure it.

No row gets out of here: of a trace only exception classes and those parts of messages are kept that name
tables, columns, slots or limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SLOT_AHEAD = "capture-slot-ahead"
"""The code of a failure behind which rows are missing for good."""


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        code: stable, kebab-case.
        summary: one line.
        cause: the innermost exception's class, with a detail where it is known to hold no row.
        hint: the remedy.
        restart: a restart may cure it; otherwise something else has to change first.
    """

    code: str
    summary: str
    cause: str
    hint: str
    restart: bool


@dataclass(frozen=True)
class _Known:
    pattern: str
    code: str
    summary: str
    hint: str
    restart: bool = False


# The first that matches counts, so the narrow ones stand before the wide ones.
_KNOWN = (
    _Known(
        r"RecordTooLargeException: The message is (?P<detail>\d+ bytes)",
        "capture-record-too-large",
        "a row is larger than the connector may send",
        "the worker has no row guard: install headrace's connect jar, or leave the large column out",
    ),
    _Known(
        r"Failed to properly convert (?:data|key) value for '(?P<detail>[^']+)' of type \w+",
        "capture-value-unconvertible",
        "a value cannot be converted exactly",
        "leave the column out, or correct the value at the source and build the table anew",
    ),
    _Known(
        r"no longer available on the server|can no longer get changes from replication slot"
        r"|has been invalidated|wal_removed",
        "capture-slot-lost",
        "the replication slot has lost WAL that was not read yet",
        "`headrace apply` builds the tables anew; raise max_slot_wal_keep_size",
    ),
    _Known(
        r'replication slot "(?P<detail>[^"]+)" does not exist',
        "capture-slot-missing",
        "the replication slot is gone",
        "`headrace apply` builds the tables anew",
    ),
    _Known(
        r'replication slot "(?P<detail>[^"]+)" is ahead of',
        "capture-slot-ahead",
        "PostgreSQL has forgotten changes that are not in Kafka",
        "`headrace resync --all` builds the tables anew; Kafka lost its end in a power cut, a copy of this"
        " project read the slot, or PostgreSQL was upgraded and made it anew",
    ),
    _Known(
        r'publication "(?P<detail>[^"]+)" does not exist',
        "capture-publication-missing",
        "the publication is gone",
        "`headrace apply` restores it; rows changed meanwhile are lost, so build the tables anew",
    ),
    _Known(
        r"password authentication failed|no pg_hba\.conf entry|Invalid username|role .* does not exist",
        "capture-login-refused",
        "PostgreSQL refuses the connector's login",
        "check user and password of the source; `headrace grants` prints what the role needs",
    ),
    _Known(
        r"permission denied|must be superuser|REPLICATION attribute",
        "capture-permission-missing",
        "the connector's role lacks a right",
        "`headrace grants` prints the SQL",
    ),
    _Known(
        r"all replication slots are in use|number of requested standby connections exceeds|max_wal_senders",
        "capture-slots-exhausted",
        "PostgreSQL has no free replication slot or WAL sender",
        "raise max_replication_slots and max_wal_senders, or drop what nobody uses",
        restart=True,
    ),
    _Known(
        r"already active for PID|is active for PID",
        "capture-slot-busy",
        "somebody else reads the replication slot",
        "usually the connector's own earlier life, which PostgreSQL has not noticed to be dead",
        restart=True,
    ),
    _Known(
        r"UnknownTopicOrPartitionException|Topic (?P<detail>\S+) not present in metadata",
        "capture-topic-missing",
        "a topic the connector writes to does not exist",
        "`headrace apply` creates it",
        restart=True,
    ),
    _Known(
        r"ProducerFencedException|InvalidProducerEpochException|ConnectException: .*[Ff]enced",
        "capture-fenced",
        "the task was fenced, after a long stop or by a newer life of itself",
        "it is restarted by itself",
        restart=True,
    ),
    _Known(
        r"Connection to \S+ refused|Connection refused|terminating connection|connection has been closed"
        r"|UnknownHostException|SocketTimeoutException|the database system is",
        "capture-source-unreachable",
        "the connector cannot reach PostgreSQL",
        "it is restarted by itself; `headrace status` shows whether the source answers",
        restart=True,
    ),
    _Known(
        r"OutOfMemoryError",
        "capture-out-of-memory",
        "Kafka Connect ran out of memory",
        "give Connect a larger heap",
        restart=True,
    ),
)


def failure(trace: str) -> Failure:
    """The failure a trace speaks of; an unknown one is worth a restart."""
    innermost = _innermost(trace)
    for known in _KNOWN:
        match = re.search(known.pattern, trace)
        if match:
            detail = match.groupdict().get("detail")
            cause = f"{innermost}: {detail}" if detail else innermost
            return Failure(known.code, known.summary, cause, known.hint, known.restart)
    return Failure(
        "capture-failed",
        "the connector's task failed",
        innermost,
        "see `headrace logs connect` for the whole trace",
        True,
    )


def _innermost(trace: str) -> str:
    """The class of the last `Caused by:`, or of the trace's first line."""
    causes = re.findall(r"^Caused by: ([\w.$]+)", trace, flags=re.MULTILINE)
    first = re.match(r"\s*([\w.$]+)", trace)
    name = causes[-1] if causes else (first[1] if first else "unknown")
    return name.rsplit(".", 1)[-1]
