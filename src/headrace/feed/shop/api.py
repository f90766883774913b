"""The shop's REST API: lists with a cursor, single rows, a catalogue, soft limits.

Promise: a reader that follows `next` from the beginning sees every row that was there when it began, however
rows change meanwhile: the list is in the order of (updated_at, key), and a change moves its row to the end.
Money is decimal text, times are ISO 8601 with their zone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib import resources
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import APIKeyHeader
from fastapi.staticfiles import StaticFiles

from headrace import __version__
from headrace.feed.shop.limits import Bucket, FaultMiddleware, Faults
from headrace.feed.shop.store import Position, Row, Store
from headrace.feed.shop.tables import BY_NAME, SHOP_TABLES, UPDATED_AT, ShopTable

LONGEST_PAGE = 1000
USUAL_PAGE = 100
KEY_HEADER = "X-API-Key"
_KEY_SCHEME = APIKeyHeader(name=KEY_HEADER, auto_error=False)

Next = Callable[[Request], Awaitable[Response]]


def create_app(
    store: Store, *, key: str | None = None, requests_per_s: float | None = None, faults: Faults | None = None
) -> FastAPI:
    """The application over a store.

    Args:
        store: the rows.
        key: what the header `X-API-Key` must hold; None asks for nothing.
        requests_per_s: above it, after a burst, answers are 429 with Retry-After.
        faults: what goes wrong on purpose.
    """
    app = FastAPI(
        title="headrace shop",
        version=__version__,
        description="A plausible shop to pull data from: `headrace feed pull URL --create`.",
        docs_url=None,
        redoc_url=None,
    )
    _add_page(app)
    guards = [Depends(_key_guard(key))] if key else []

    @app.get("/", summary="What there is to pull", dependencies=guards)
    def catalogue() -> dict[str, Any]:
        """The resources in the order to pull them, with their keys and column types."""
        return {"api": "headrace-shop", "version": 1, "resources": [_described(t) for t in SHOP_TABLES]}

    for table in SHOP_TABLES:
        _add_resource(app, store, table, guards)
    if requests_per_s:
        _add_limit(app, Bucket(requests_per_s))
    if faults:
        app.add_middleware(FaultMiddleware, faults=faults)
    return app


def cursor_of(position: Position) -> str:
    """The opaque text that stands for a position."""
    at, key = position
    plain = json.dumps([at.isoformat(), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def position_of(cursor: str, table: ShopTable) -> Position:
    """The position a cursor stands for; ValueError if it is none of this table's."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, *key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if len(key) != len(table.key) or not all(type(part) is int for part in key):
            raise ValueError("a cursor of another list")
        return datetime.fromisoformat(at).astimezone(UTC), tuple(key)
    except (binascii.Error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError("no cursor of this list") from error


def as_json(row: Row) -> dict[str, Any]:
    """A row as the API says it."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


def _described(table: ShopTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "path": f"/{table.name}",
        "key": list(table.key),
        "updated_field": UPDATED_AT,
        "since_param": "updated_since",
        "limit_param": "limit",
        "max_limit": LONGEST_PAGE,
        "columns": [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in table.columns],
    }


def _add_resource(app: FastAPI, store: Store, table: ShopTable, guards: Sequence[Any]) -> None:
    name = table.name

    @app.get(
        f"/{name}", tags=[name], summary=f"List {name}", operation_id=f"list_{name}", dependencies=guards
    )
    def rows(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = USUAL_PAGE,
        cursor: Annotated[str | None, Query(description="`cursor` of an earlier answer.")] = None,
        updated_since: Annotated[
            datetime | None, Query(description="Only rows changed at this time or later.")
        ] = None,
    ) -> JSONResponse:
        """Rows in the order of (updated_at, key); `cursor` is where to go on, now or later."""
        try:
            after = position_of(cursor, table) if cursor else None
        except ValueError:
            raise HTTPException(400, f"`cursor` is no cursor of {name}") from None
        if updated_since is not None and updated_since.tzinfo is None:
            raise HTTPException(400, "`updated_since` has no time zone")
        page = store.page(name, after=after, since=updated_since, limit=limit)
        here = cursor_of(page.last) if page.last else cursor
        following = str(request.url.include_query_params(cursor=here)) if page.more else None
        body = {
            "data": [as_json(row) for row in page.rows],
            "cursor": here,
            "has_more": page.more,
            "next": following,
        }
        return JSONResponse(body, headers={"Link": f'<{following}>; rel="next"'} if following else None)

    parts = "/".join(f"{{{column}}}" for column in table.key)

    @app.get(f"/{name}/{parts}", tags=[name], summary=f"One of {name}", operation_id=f"get_{name}",
             dependencies=guards)  # fmt: skip
    def row(request: Request) -> Response:
        """One row, with an ETag."""
        try:
            key = tuple(int(request.path_params[column]) for column in BY_NAME[name].key)
        except ValueError:
            raise HTTPException(404, "there is no such row") from None
        found = store.row(name, key)
        if found is None:
            raise HTTPException(404, "there is no such row")
        body = json.dumps(as_json(found), ensure_ascii=False).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(body, media_type="application/json", headers={"ETag": tag})


def _key_guard(key: str) -> Callable[..., None]:
    def guard(given: Annotated[str | None, Depends(_KEY_SCHEME)]) -> None:
        if given is None:
            raise HTTPException(401, f"the header {KEY_HEADER} is missing")
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise HTTPException(403, "this key is not admitted")

    return guard


def _add_limit(app: FastAPI, bucket: Bucket) -> None:
    @app.middleware("http")
    async def limit(request: Request, call_next: Next) -> Response:
        wait_s = bucket.take()
        if wait_s > 0:
            headers = {"Retry-After": str(max(1, round(wait_s)))}
            return JSONResponse({"detail": "too many requests"}, 429, headers)
        return await call_next(request)

    del limit


def _add_page(app: FastAPI) -> None:
    """The OpenAPI page, with its scripts from our own disk: it works without the internet."""
    folder = str(resources.files("fastapi_swagger") / "resources")
    app.mount("/docs/static", StaticFiles(directory=folder))

    @app.get("/docs", include_in_schema=False)
    def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon-32x32.png",
        )

    del page
