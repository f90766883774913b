"""Superset's configuration, the same for every project: what differs stands in `settings.json` beside it.

It runs inside Superset's own Python environment, which knows nothing of headrace. Promise: no number comes
from a cache, a partial answer of Pinot is an error, decimals keep every digit, nothing of a row is logged.
"""

from __future__ import annotations

import json
import logging
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from pinotdb import db as driver
from pinotdb import exceptions
from superset.utils.log import AbstractEventLogger
from superset.utils.logging_configurator import LoggingConfigurator

_SETTINGS = json.loads(Path(__file__).with_name("settings.json").read_text(encoding="utf-8"))

SECRET_KEY = Path(_SETTINGS["secret_key_file"]).read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_SETTINGS['metadata']}?check_same_thread=false&timeout=30"
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI
APP_NAME = _SETTINGS["title"]

# -- who may do what ------------------------------------------------------------------------------------

WTF_CSRF_ENABLED = True
ENABLE_CORS = False
PUBLIC_ROLE_LIKE = None
FAB_API_SWAGGER_UI = False
PREVENT_UNSAFE_DB_CONNECTIONS = True
SHOW_STACKTRACE = False
DATASET_IMPORT_ALLOWED_DATA_URLS: list[str] = []
ENABLE_UI_THEME_ADMINISTRATION = False
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = _SETTINGS["cookie"]  # a browser keeps cookies by host, not by port
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    # Nothing but this server: the page works, and tells nobody, without a network.
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'self'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}

# -- numbers are of now ---------------------------------------------------------------------------------

CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DEFAULT_RELATIVE_START_TIME = "now"
DEFAULT_RELATIVE_END_TIME = "now"
DASHBOARD_AUTO_REFRESH_MODE = "force"
DASHBOARD_AUTO_REFRESH_INTERVALS = [
    [0, "Don't refresh"],
    [1, "1 second"],
    [5, "5 seconds"],
    [10, "10 seconds"],
    [30, "30 seconds"],
    [60, "1 minute"],
    [300, "5 minutes"],
    [3600, "1 hour"],
]
SUPERSET_WEBSERVER_TIMEOUT = 60
# Superset's own grains round to the nearest: a row of 10:04 would stand at 10:05.
_MINUTES = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30}
_SECONDS = {"PT1S": 1, "PT5S": 5, "PT10S": 10, "PT30S": 30}
_GRAINS_S = _SECONDS | {grain: minutes * 60 for grain, minutes in _MINUTES.items()}
TIME_GRAIN_ADDONS = {"PT10S": "10 seconds"}
TIME_GRAIN_ADDON_EXPRESSIONS = {
    "pinot": {
        grain: f"CAST(FLOOR(CAST({{col}} AS LONG) / {s}000) * {s}000 AS TIMESTAMP)"
        for grain, s in _GRAINS_S.items()
    }
}

# -- nothing that grows or phones home ------------------------------------------------------------------

CELERY_CONFIG = None
FEATURE_FLAGS = {"ALERT_REPORTS": False, "THUMBNAILS": False, "GLOBAL_ASYNC_QUERIES": False}


class _NoEvents(AbstractEventLogger):
    """Superset writes a row for every request otherwise: a dashboard that refreshes would fill the disk."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Forget it."""


EVENT_LOGGER = _NoEvents()

_TEXTS = re.compile(r"'(?:[^']|'')*'")
_MESSAGE_LENGTH = 300


class _WithoutValues(logging.Formatter):
    """One line: texts in quotes are blotted out, of an exception only the kind is told."""

    def format(self, record: logging.LogRecord) -> str:
        lines = record.getMessage().splitlines()
        message = _TEXTS.sub("'?'", lines[0] if lines else "")[:_MESSAGE_LENGTH]
        kind = record.exc_info[0] if record.exc_info else None
        raised = f" ({kind.__module__}.{kind.__name__})" if kind else ""
        return f"{self.formatTime(record)} {record.levelname} {record.name}: {message}{raised}"


class _OneBoundedLog(LoggingConfigurator):
    def configure_logging(self, app_config: Any, debug_mode: bool) -> None:
        handler = logging.StreamHandler()
        handler.setFormatter(_WithoutValues())
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.WARNING)
        logging.captureWarnings(True)
        # These quote statements over several lines.
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
        logging.getLogger("superset.sql.parse").setLevel(logging.CRITICAL)
        logging.getLogger("httpx").setLevel(logging.WARNING)


LOGGING_CONFIGURATOR = _OneBoundedLog()

# -- Pinot ----------------------------------------------------------------------------------------------

_WHOLE_TABLE = re.compile(r'FROM\s*\(\s*SELECT \* FROM ("\w+")\s*\)\s*AS\s+"?virtual_table"?')
_QUOTED = r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"""
_SUM = re.compile(rf"{_QUOTED}|\bSUM\(", re.IGNORECASE)
_EXACT = re.compile(
    rf"SUMPRECISION\((?:{_QUOTED}|[^()\"'])*\)\s+AS\s+(\"(?:[^\"]|\"\")*\"|\w+)", re.IGNORECASE
)


def SQL_QUERY_MUTATOR(sql: str, **_: Any) -> str:  # noqa: N802
    """What Superset writes, as Pinot 0.11.0 answers it exactly.

    A dataset is `SELECT * FROM` a physical table, and Pinot knows no subquery: ask the table itself. SUM goes
    through doubles, and fails beside NULLs: SUMPRECISION does neither.
    """
    sql = _WHOLE_TABLE.sub(r"FROM \1", sql)
    return _SUM.sub(lambda found: "SUMPRECISION(" if found[0].upper() == "SUM(" else found[0], sql)


_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_INFINITE = frozenset({"Infinity", "-Infinity", "NaN"})
_NOTHING = -9223372036854775808
"""What LASTWITHTIME gives for no row."""


def _number(value: Any, kind: str) -> Any:
    """A value of the broker's JSON; Pinot writes an aggregate over nothing as an infinity."""
    if value is None or isinstance(value, list | bool):
        return value
    if kind == "BIG_DECIMAL":
        return Decimal(str(value))
    if kind in _FLOATS:
        return None if str(value) in _INFINITE or abs(float(value)) >= -_NOTHING / 1000 else float(value)
    return None if value == _NOTHING else value


def _sums(sql: str) -> set[str]:
    """The names given to exact sums, which Pinot calls STRING; charts give none, people may."""
    return {name.strip('"').replace('""', '"') for name in _EXACT.findall(sql)}


def _refusal(exception: dict[str, Any]) -> str:
    message = str(exception.get("message", ""))
    if "getDoubleResult" in message or "Double.doubleValue()" in message:
        return "MIN, MAX and AVG fail beside NULLs in this Pinot: use the metrics of the dataset"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return f"Pinot error {exception.get('errorCode')}: {' '.join(lines[:2])[:200]}"


def _strict(self: Any, query: Any, answer: Any) -> Any:
    """The whole answer or an error; the driver takes what there is."""
    try:
        payload = json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        raise exceptions.DatabaseError(f"Pinot answered {answer.status_code} without JSON") from None
    if answer.status_code != 200:
        raise exceptions.ProgrammingError(f"Pinot answered {answer.status_code}")
    if payload.get("exceptions"):
        raise exceptions.DatabaseError(_refusal(payload["exceptions"][0]))
    queried, responded = payload.get("numServersQueried", 0), payload.get("numServersResponded", 0)
    if responded < queried or payload.get("partialResult") or payload.get("numGroupsLimitReached"):
        raise exceptions.DatabaseError("Pinot answered from a part of the rows only")
    table = payload.get("resultTable")
    if queried == 0 or table is None:
        raise exceptions.DatabaseError("no Pinot server was asked")
    schema, rows = table["dataSchema"], table["rows"]
    names, stored = schema["columnNames"], schema["columnDataTypes"]
    if width := getattr(self, "_marked", 0):
        names, stored, rows = names[:width], stored[:width], _unmarked(rows, width)
    sums = _sums(str(query.get("sql", "")))
    kinds = [
        "BIG_DECIMAL" if name in sums or name.lower().startswith("sumprecision(") else kind
        for name, kind in zip(names, stored, strict=True)
    ]
    types = driver.get_types_from_column_data_types(kinds)
    self.timeUsedMs = payload.get("timeUsedMs", -1)
    self.raw_query_response = None
    self._results = [
        [_value(value, kind, of) for value, kind, of in zip(row, kinds, types, strict=True)] for row in rows
    ]
    self.description = driver.get_description_from_types(names, types)
    self.schema = driver.get_columns_and_types(names, kinds)
    return self


def _value(value: Any, kind: str, of: Any) -> Any:
    """As Python has it."""
    if value is not None and (kind in {"TIMESTAMP", "JSON"} or isinstance(value, list)):
        return driver.convert_result(of, value)
    return _number(value, kind)


_SORTED = re.compile(r"^(\s*SELECT\s+)([^()]+?)(\s+FROM\s.*\sORDER BY\s.*)$", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r'^(?:"(?:[^"]|"")+"|[A-Za-z_]\w*)$')
_send = driver.Cursor.execute


def _with_marks(sql: str) -> tuple[str, list[int]]:
    """A sorted selection that also asks which of its columns are NULL, and the places of those columns.

    Sorted rows of Pinot 0.11.0 have the default for NULL in every column they are not sorted by.
    """
    found = _SORTED.match(sql)
    if found is None or re.search(r"\bGROUP BY\b|\bDISTINCT\b", sql, re.IGNORECASE):
        return sql, []
    items = [item.strip() for item in found[2].split(",")]
    if not all(_NAME.match(item) for item in items):
        return sql, []
    marks = ", ".join(f"headraceNull({item})" for item in items)
    return f"{found[1]}{found[2]}, {marks}{found[3]}", list(range(len(items)))


def _execute(self: Any, operation: str, *arguments: Any, **named: Any) -> Any:
    """The driver's own, with NULLs marked where Pinot loses them."""
    sql, places = _with_marks(operation)
    self._marked = len(places)
    if places:
        kept = [one for one in (self._query_options or "").split(";") if "enableNullHandling" not in one]
        self._query_options = ";".join(kept)
    return _send(self, sql, *arguments, **named)


def _unmarked(rows: list[list[Any]], width: int) -> list[list[Any]]:
    """The rows with the NULLs their marks speak of, without the marks."""
    return [
        [None if mark == 1 else value for value, mark in zip(row[:width], row[width:], strict=True)]
        for row in rows
    ]


driver.Cursor.execute = _execute
driver.Cursor.normalize_query_response = _strict
