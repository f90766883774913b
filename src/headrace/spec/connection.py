"""From what `source` declares to an address: references resolved, a URL taken apart.

Promise: the result is complete, a connection with anything in it that headrace would have to drop is refused,
and no error holds the URL or the password.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError, Where
from headrace.spec.model import Declaration, Source

DEFAULT_PORT = 5432
DEFAULT_SSLMODE = "prefer"
_USED = ("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert")
_HARMLESS = (
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcompression",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
)


def source_address(
    declaration: Declaration,
    *,
    directory: Path,
    password_file: Path,
    environment: Mapping[str, str] | None = None,
) -> SourceAddress:
    """Resolve the declared source now.

    Args:
        declaration: one with a `source`; the embedded PostgreSQL's address comes from the engines.
        directory: the folder of headrace.yaml, which relative paths start from.
        password_file: passed on; the engines fill it.
        environment: the process's own when absent.

    Raises:
        HeadraceError: a reference that does not resolve, or a URL that is not usable (`source-url-…`).
    """
    source = declaration.source
    if source is None:
        raise ValueError("the declaration has no source: the engines know the embedded one's address")
    where = declaration.where("source")
    settings = _settings(declaration, source, directory, environment)
    rootcert = settings.get("sslrootcert")
    if settings.get("sslmode") in ("verify-ca", "verify-full") and not rootcert:
        raise HeadraceError(
            "source-sslrootcert-missing",
            f"sslmode {settings['sslmode']} needs a file of root certificates",
            hint="add sslrootcert: PATH beside url; /etc/ssl/certs/ca-certificates.crt holds Debian's own",
            where=where,
        )
    if rootcert:
        rootcert = str(directory / Path(rootcert).expanduser())
        if not Path(rootcert).is_file():
            raise HeadraceError(
                "source-sslrootcert-missing",
                "the file of root certificates does not exist",
                cause=f"looked for {rootcert}",
                hint="sslrootcert is a path relative to headrace.yaml",
                where=declaration.where("source.sslrootcert"),
            )
    missing = [name for name in ("host", "dbname", "user") if not settings.get(name)]
    if missing:
        raise _url_error("source-url-incomplete", f"the source's url has no {', '.join(missing)}", where)
    return SourceAddress(
        host=settings["host"],
        port=_port(settings.get("port"), where),
        database=settings["dbname"],
        user=settings["user"],
        password=settings.get("password") or "",
        password_file=password_file,
        sslmode=settings.get("sslmode") or DEFAULT_SSLMODE,
        sslrootcert=rootcert,
    )


def _settings(
    declaration: Declaration, source: Source, directory: Path, environment: Mapping[str, str] | None
) -> dict[str, str]:
    if source.url is not None:
        where = declaration.where("source.url")
        url = source.url.resolve(directory=directory, environment=environment, where=where)
        settings = _url_settings(url, where)
    else:
        parts = {"host": source.host, "dbname": source.database, "user": source.user}
        settings = {name: value for name, value in parts.items() if value is not None}
        if source.port is not None:
            settings["port"] = str(source.port)
        if source.password is not None:
            settings["password"] = source.password.resolve(
                directory=directory, environment=environment, where=declaration.where("source.password")
            )
    if source.sslmode is not None:
        settings["sslmode"] = source.sslmode
    if source.sslrootcert is not None:
        settings["sslrootcert"] = source.sslrootcert
    return settings


def _url_settings(url: str, where: Where) -> dict[str, str]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        # libpq fills nothing in here: only what the URL says.
        parsed = conninfo_to_dict(url.strip())
    except psycopg.ProgrammingError:
        # libpq's message quotes the URL, password and all.
        raise _url_error("source-url-invalid", "the source's url is no connection string", where) from None
    settings = {name: str(value) for name, value in parsed.items() if value is not None}
    unusable = [name for name in settings if name not in (*_USED, *_HARMLESS)]
    if unusable:
        raise HeadraceError(
            "source-url-parameter",
            f"the source's url has settings headrace cannot pass on: {', '.join(sorted(unusable))}",
            hint=f"leave them out; used are {', '.join(_USED)}",
            where=where,
        )
    host = settings.get("host", "")
    if "," in host or "," in settings.get("port", "") or host.startswith(("/", "@")):
        raise _url_error("source-url-host", "the source's url does not name one host", where)
    return settings


def _port(text: str | None, where: Where) -> int:
    if not text:
        return DEFAULT_PORT
    if text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise _url_error("source-url-invalid", "the port in the source's url is no port", where)


def _url_error(code: str, summary: str, where: Where) -> HeadraceError:
    return HeadraceError(
        code,
        summary,
        hint="postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full names one host, the primary; "
        "special characters of the password are percent-encoded",
        where=where,
    )
