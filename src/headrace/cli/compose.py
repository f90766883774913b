"""`headrace compose render`, `env` and `build`: the engines as containers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import ExitCode

app = typer.Typer(
    name="compose",
    help="Render, build and prepare the engines as containers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("render")
def render(
    directory: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write the files into.")
    ] = Path("deploy/compose"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 3 when a file differs.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the compose files, one for each group of systems and one with all, from the engines' definitions.

    They hold no secrets; `headrace compose env` makes the file they take their values from.

    \b
    Example:
      headrace compose render --output deploy/compose
    """
    from headrace.engines.compose.render import files

    made = files()
    differ = [
        name
        for name, text in made.items()
        if not (directory / name).is_file() or (directory / name).read_text(encoding="utf-8") != text
    ]
    if not check:
        directory.mkdir(parents=True, exist_ok=True)
        for name in differ:
            (directory / name).write_text(made[name], encoding="utf-8")
    if json:
        output.answer_json({"ok": True, "directory": directory, "files": sorted(made), "differ": differ})
    elif differ:
        output.answer(
            "\n".join(f"{'differs' if check else 'written'}: {directory / name}" for name in differ)
        )
    else:
        output.answer(f"{directory} is as the engines' definitions say")
    if check and differ:
        raise typer.Exit(ExitCode.CHANGES_PRESENT)


@app.command("env")
def env(project_directory: ProjectDirectory = None, json: Json = False) -> None:
    """Write the project's env file: ports, heaps and random secrets for the compose files; mode 600.

    `headrace up --target compose` does it by itself. Done again it keeps ports and secrets. The file's
    content is never printed.

    \b
    Example:
      headrace compose env
    """
    from headrace.engines import runtime

    declaration, directory = open_declaration(project_directory)
    path = runtime.compose_env(declaration, directory)
    if json:
        output.answer_json({"ok": True, "file": path})
        return
    output.answer(str(path))
    output.note(f"docker-compose --env-file {path} -f docker-compose-kafka.yml -f … up")


@app.command("build")
def build(
    certificates: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            envvar="HEADRACE_BUILD_CA",
            metavar="FILE",
            show_default=False,
            help="Certificates (PEM) to trust while building, where a proxy ends TLS.",
        ),
    ] = None,
    take_engines: Annotated[
        bool,
        typer.Option(
            "--take-engines/--download",
            help="Take what is installed here, or download it all into the image.",
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Build the one image that serves every engine, from this checkout.

    \b
    Example:
      headrace compose build
    """
    from headrace.engines.compose.docker import Docker
    from headrace.engines.compose.image import build as build_image
    from headrace.engines.compose.render import IMAGE
    from headrace.engines.installation import headrace_home

    build_image(
        Docker.find(), IMAGE, headrace_home(), _say, take_engines=take_engines, certificates=certificates
    )
    if json:
        output.answer_json({"ok": True, "image": IMAGE})
        return
    output.answer(f"{IMAGE} is built")


def _say(event: object) -> None:
    from headrace.engines.lifecycle import Note

    if isinstance(event, Note):
        output.note(event.text)
