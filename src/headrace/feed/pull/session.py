"""A run of `feed pull`: one list, or all of a catalogue, once or followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headrace.feed.pull.catalogue import Resource, read_catalogue
from headrace.feed.pull.client import ApiClient
from headrace.feed.pull.pull import ListOptions, ListPull, PullReport
from headrace.feed.pull.sink import SinkOptions, Written
from headrace.feed.target import Connection
from headrace.names import TableName


@dataclass(frozen=True)
class SessionOptions:
    """What holds for all lists of a run.

    Attributes:
        create: create tables, and columns for fields that appear later.
        types: declared types by field.
        restart: forget how far earlier runs came.
        reject_file: where rows go that do not fit; None puts TABLE.rejects.csv into the current folder.
        max_rejects: how many are put up with, per table.
        follow: go on asking after the first pass.
        every_s: between two looks.
        for_s: end after that; None follows for ever.
        lists: the names of a catalogue's lists to read; None reads all.
    """

    create: bool = False
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    restart: bool = False
    reject_file: Path | None = None
    max_rejects: int = 1000
    follow: bool = False
    every_s: float = 1.0
    for_s: float | None = None
    lists: Collection[str] | None = None


@dataclass(frozen=True)
class _Source:
    table: TableName
    options: ListOptions
    types: Mapping[str, str]
    not_null: Sequence[str]


class PullSession:
    """The lists of one run. `run` returns when all are read, or never if it follows them."""

    def __init__(
        self,
        client: ApiClient,
        connection: Connection,
        table: TableName | None,
        list_options: ListOptions,
        options: SessionOptions,
        *,
        note: Callable[[str], None] = lambda _: None,
        progress: Callable[[TableName, Written], None] = lambda table, written: None,
    ) -> None:
        self._options = options
        self.pulls: list[ListPull] = []
        if table is not None:
            sources = [_Source(table, list_options, options.types, ())]
        else:
            catalogue = read_catalogue(client.get(list_options.url).body)
            sources = [
                _of_catalogue(resource, list_options, options.types)
                for resource in catalogue.resources
                if options.lists is None or resource.name in options.lists
            ]
        for source in sources:
            pull = ListPull(
                client,
                connection,
                source.table,
                source.options,
                self._sink_options(source),
                note=note,
                progress=lambda written, name=source.table: progress(name, written),
            )
            pull.open(restart=options.restart)
            self.pulls.append(pull)

    def run(self) -> None:
        """Read every list to its end, and again and again if they are followed."""
        ends = None if self._options.for_s is None else time.monotonic() + self._options.for_s
        while True:
            for pull in self.pulls:
                pull.run_pass()
            if not self._options.follow or (ends is not None and time.monotonic() >= ends):
                return
            time.sleep(self._options.every_s)

    def reports(self) -> list[PullReport]:
        """What was done so far, a report a table."""
        return [pull.report for pull in self.pulls]

    def _sink_options(self, source: _Source) -> SinkOptions:
        options = self._options
        return SinkOptions(
            create=options.create,
            types=source.types,
            not_null=source.not_null,
            reject_file=options.reject_file or Path(f"{source.table.table}.rejects.csv"),
            max_rejects=options.max_rejects,
        )


def _of_catalogue(resource: Resource, options: ListOptions, types: Mapping[str, str]) -> _Source:
    """What the catalogue says of a list; what was declared goes before."""
    limit = options.limit or min(resource.max_limit or 500, 500)
    return _Source(
        TableName.parse(resource.name),
        replace(
            options,
            url=resource.path,
            key=resource.key,
            limit=limit,
            limit_parameter=resource.limit_param,
            updated_field=resource.updated_field,
            since_parameter=resource.since_param,
        ),
        {**{column.name: column.type for column in resource.columns}, **types},
        [column.name for column in resource.columns if not column.nullable],
    )
