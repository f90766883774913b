"""Which folder a command that needs no valid headrace.yaml works on."""

from __future__ import annotations

from pathlib import Path

from headrace.cli.options import declaration_path
from headrace.errors import HeadraceError


def project_folder(project_directory: Path | None) -> Path:
    """The folder of headrace.yaml, or one that holds `.headrace/` though its headrace.yaml is gone.

    Raises:
        HeadraceError: `declaration-missing` when there is neither.
    """
    from headrace.engines.folder import ProjectFolder

    try:
        return declaration_path(project_directory).parent
    except HeadraceError:
        start = (project_directory or Path.cwd()).absolute()
        for folder in (start,) if project_directory else (start, *start.parents):
            if ProjectFolder.of(folder).owner() is not None:
                return folder
        raise
