"""`headrace engines install` and `headrace engines list`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json

app = typer.Typer(
    name="engines",
    help="Install the engines and show what is installed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class Optional(StrEnum):
    """Engines that are installed when they are asked for."""

    SUPERSET = "superset"


@app.command("install")
def install(
    json: Json = False,
    trial: Annotated[
        bool, typer.Option("--trial/--no-trial", help="Start every engine once, in a temporary folder.")
    ] = True,
    optional: Annotated[
        list[Optional] | None,
        typer.Option(
            "--with",
            help="An engine that only some projects need; `headrace up` installs what a declaration needs.",
        ),
    ] = None,
) -> None:
    """Download the engines, check every file against its checksum, compile headrace's own classes.

    Then every engine is started once: that shows that it runs here, and makes later starts quicker.

    Needs a JDK, Maven, 2 GB of disk (4 with Superset) and, this once, a network. Done again it only repairs
    what is missing or damaged. The engines go into HEADRACE_HOME (~/.headrace), where all projects share
    them.

    \b
    Example:
      headrace engines install
    """
    from headrace.engines.install import headrace_home
    from headrace.engines.install import install as install_engines

    installation = install_engines(headrace_home(), output.note, try_engines=trial)
    if Optional.SUPERSET in (optional or ()):
        from headrace.engines.superset_install import install_superset

        install_superset(headrace_home(), output.note)
    if json:
        output.answer_json({"ok": True, "home": str(installation.home), "engines": _documents()})
        return
    output.answer(f"the engines are installed in {installation.home / 'engines'}")


@app.command("list")
def list_engines(json: Json = False) -> None:
    """Show the engines, their versions, and whether each is installed.

    \b
    Example:
      headrace engines list
    """
    from headrace.engines.installation import headrace_home, inventory

    found = inventory(headrace_home())
    if json:
        output.answer_json({"ok": True, "home": str(headrace_home()), "engines": _documents()})
        return
    rows = [(one.name, one.version, "yes" if one.installed else "no", one.origin) for one in found]
    output.answer(output.table(("ENGINE", "VERSION", "INSTALLED", "FROM"), rows))
    if not all(one.installed for one in found):
        output.note("hint: headrace engines install")


def _documents() -> list[dict[str, object]]:
    from headrace.engines.installation import headrace_home, inventory

    return [
        {
            "name": one.name,
            "version": one.version,
            "installed": one.installed,
            "path": str(one.path) if one.path else None,
            "origin": one.origin,
        }
        for one in inventory(headrace_home())
    ]
