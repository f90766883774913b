"""`headrace feed serve`: the shop's REST API."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8700,
    seed: Annotated[int, typer.Option(help="The same seed and sizes make the same shop.")] = 1,
    customers: Annotated[int, typer.Option(min=1, help="When the shop's past begins.")] = 2_000,
    products: Annotated[int, typer.Option(min=1, help="What it sells.")] = 300,
    orders: Annotated[int, typer.Option(min=0, help="Placed in the year of its past.")] = 10_000,
    api_key: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="What X-API-Key must hold: env:NAME or file:PATH."),
    ] = None,
    rate_limit: Annotated[
        float, typer.Option(min=0, help="Requests per second, then 429 with Retry-After; 0 for none.")
    ] = 50.0,
    live: Annotated[float, typer.Option(min=0, help="Changes of rows a second while it is read.")] = 0.0,
    late: Annotated[
        float, typer.Option(min=0, help="Seconds by which a live change may show after its updated_at.")
    ] = 0.0,
    faults: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers that fail, are slow or are cut short.")
    ] = 0.0,
    seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End after that.")] = None,
    json: Json = False,
) -> None:
    """Serve a plausible shop: customers, products, orders, order_lines, payments, returns.

    Lists have an incremental cursor over (updated_at, key); /docs is the OpenAPI page, /  the catalogue. The
    rows live in memory and end with the process.

    \b
    Example:
      headrace feed serve --orders 20000 --live 5
    """
    from headrace.feed.shop.history import Size
    from headrace.feed.shop.limits import Faults
    from headrace.feed.shop.serve import ServeOptions, serving

    options = ServeOptions(
        host=host,
        port=port,
        seed=seed,
        size=Size(customers, products, orders),
        key=_secret(api_key),
        requests_per_s=rate_limit or None,
        faults=Faults(faults, seed=seed) if faults else None,
        live_changes_per_s=live,
        late_s=late,
    )
    output.note(f"making the shop: {customers:,} customers, {orders:,} orders")
    with serving(options) as shop:
        if json:
            output.answer_json(
                {"ok": True, "url": shop.url, "docs": f"{shop.url}docs", "rows": shop.store.counts()}
            )
        else:
            output.answer(f"{shop.url}  the API; {shop.url}docs explains it")
            output.answer(output.table(("list", "rows"), list(shop.store.counts().items())))
        output.note("Ctrl-C ends it")
        ends = None if seconds is None else time.monotonic() + seconds
        while ends is None or time.monotonic() < ends:
            time.sleep(0.1)


def _secret(reference: str | None) -> str | None:
    from headrace.cli.feed_secrets import resolve

    return resolve(reference, "--api-key", Path.cwd()) if reference else None
