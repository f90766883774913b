"""`headrace destroy`."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.confirm import confirm
from headrace.cli.options import Json, ProjectDirectory, Yes


def destroy(project_directory: ProjectDirectory = None, yes: Yes = False, json: Json = False) -> None:
    """Remove all that headrace made, restore what it changed.

    Connectors, slots, publications, topics and Pinot tables of this project go, replica identities become
    what they were. The rows in PostgreSQL are not touched, nor is anything headrace did not make. The engines
    keep running. Works on a project that was only half made, and again after it was interrupted.

    \b
    Example:
      headrace destroy
    """
    from headrace.apply.project import open_project
    from headrace.cli.run_lines import show
    from headrace.plan.render import as_json, text

    project = open_project(project_directory)
    found = project.destruction()
    if not found.empty:
        output.note(text(found))
        confirm(f"Remove all of project {project.name}?", project.name, yes=yes)
    done = project.destroy(show)
    if json:
        output.answer_json({"ok": True, "plan": as_json(done)})
    elif done.empty:
        output.answer(f"There is nothing of project {project.name} to remove.")
    else:
        output.answer(f"Removed {len(done.changes)} objects of project {project.name}.")
