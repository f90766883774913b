"""The list of commands: one line each, imported only when it is the one to run.

A target is `module:attribute`; the attribute is a plain function with typer annotations, or a `typer.Typer`
for a command with subcommands.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import typer


@dataclass(frozen=True)
class Entry:
    """A command: its name, where its code is, and its line in `headrace --help`."""

    name: str
    target: str
    summary: str

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    @property
    def exists(self) -> bool:
        return find_spec(self.module) is not None

    def load(self) -> typer.Typer:
        """Import the command and wrap it as an application of its own."""
        attribute = getattr(import_module(self.module), self.target.partition(":")[2])
        if isinstance(attribute, typer.Typer):
            return attribute
        application = typer.Typer(add_completion=False, rich_markup_mode=None)
        application.command(self.name)(attribute)
        return application


COMMANDS: tuple[Entry, ...] = (
    Entry("init", "headrace.cli.init:init", "Write a commented headrace.yaml to start from."),
    Entry("validate", "headrace.cli.validate:validate", "Check headrace.yaml and print every error."),
    Entry("schema", "headrace.cli.schema:schema", "Print the JSON Schema of headrace.yaml for editors."),
    Entry("engines", "headrace.cli.engines:app", "Install the engines and show what is installed."),
    Entry("up", "headrace.cli.up:up", "Start the engines and make the declaration true."),
    Entry("down", "headrace.cli.down:down", "Stop the engines; with --purge, remove their data."),
    Entry("status", "headrace.cli.status:status", "Show engines, tables, how far behind, WAL kept."),
    Entry("logs", "headrace.cli.logs:logs", "Show an engine's log."),
    Entry("compose", "headrace.cli.compose:app", "Render, build and prepare the engines as containers."),
    Entry("engine", "headrace.cli.engine:engine", "Be one engine: what a container of the image runs."),
    Entry("grants", "headrace.cli.grants:grants", "Print the SQL a least-privilege role needs."),
    Entry("plan", "headrace.cli.plan:plan", "Show what apply would change; changes nothing."),
    Entry("explain", "headrace.cli.explain:explain", "Show what becomes of a view's SQL."),
    Entry("apply", "headrace.cli.apply:apply", "Make the declaration true on the running engines."),
    Entry(
        "destroy", "headrace.cli.destroy:destroy", "Remove all that headrace made, restore what it changed."
    ),
    Entry("resync", "headrace.cli.resync:resync", "Take a table again from a new snapshot."),
    Entry("load", "headrace.cli.load:app", "Load a CSV file into a source table."),
    Entry("feed", "headrace.cli.feed:app", "Pull rows from a REST API; serve or run a shop."),
    Entry("query", "headrace.cli.query:query", "Ask Pinot, by the names of the declaration."),
    Entry("verify", "headrace.cli.verify:verify", "Compare Pinot with PostgreSQL row for row."),
    Entry("trace", "headrace.cli.trace:trace", "Show where one row is, at every hop of its path."),
    Entry("topics", "headrace.cli.topics:topics", "Show brokers and topics: offsets, sizes, settings."),
    Entry("consumers", "headrace.cli.consumers:consumers", "Show who reads the topics, lags and connectors."),
    Entry("messages", "headrace.cli.messages:messages", "Show the messages of a topic, decoded."),
    Entry("rejects", "headrace.cli.rejects:rejects", "Show the rows that could not be carried exactly."),
    Entry("compact", "headrace.cli.compact:compact", "Drop old versions of rows that Pinot still stores."),
    Entry("bench", "headrace.cli.bench_commands:app", "Measure freshness and throughput."),
    Entry("demo", "headrace.cli.demo:demo", "See it all in a terminal: rows, freshness, a crash, the proof."),
)


def available() -> dict[str, Entry]:
    """The commands by name, in the order help shows them."""
    return {entry.name: entry for entry in COMMANDS if entry.exists}
