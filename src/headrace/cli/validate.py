"""`headrace validate`."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, declaration_path


def validate(project_directory: ProjectDirectory = None, json: Json = False) -> None:
    """Check headrace.yaml and print every error with its line and its remedy.

    Reads the file alone: neither the source nor the engines are asked, no secret is resolved. Whether the
    tables exist and can be carried is what `headrace plan` checks.

    \b
    Example:
      headrace validate --project-dir shop
    """
    from headrace.spec.load import display_name, load

    path = declaration_path(project_directory)
    declaration = load(path)
    if json:
        output.answer_json(
            {
                "ok": True,
                "file": str(path),
                "project": declaration.project,
                "embedded_source": declaration.embedded_source,
                "tables": [
                    {"table": str(declared.table), "name": declared.served_name}
                    for declared in declaration.declared
                ],
            }
        )
        return
    source = "a PostgreSQL of headrace's own" if declaration.embedded_source else "the declared PostgreSQL"
    count = len(declaration.tables)
    output.answer(
        f"{display_name(path)} is valid: project {declaration.project}, {count} "
        f"table{'' if count == 1 else 's'} of {source}"
    )
