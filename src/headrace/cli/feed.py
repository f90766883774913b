"""`headrace feed`: data in from a REST API, and a shop to try it with."""

from __future__ import annotations

import typer

from headrace.cli.feed_pull import pull
from headrace.cli.feed_run import run
from headrace.cli.feed_serve import serve

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def feed() -> None:
    """Pull rows from a REST API into source tables, and serve or run a shop to try it with."""


app.command("pull")(pull)
app.command("serve")(serve)
app.command("run")(run)
