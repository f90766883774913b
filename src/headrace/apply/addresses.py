"""Where the engines of a project are: from its declaration and from what `up` wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from headrace.endpoints import Endpoints
from headrace.engines.folder import ProjectFolder
from headrace.errors import HeadraceError
from headrace.spec.model import Declaration


def endpoints_of(declaration: Declaration, directory: Path) -> Endpoints:
    """The addresses; `engines-not-running` when the engines were never started here."""
    from headrace.engines import stack
    from headrace.spec.connection import source_address

    folder = ProjectFolder.of(directory)
    try:
        ports = cast("dict[str, int]", json.loads(folder.ports_file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise HeadraceError(
            "engines-not-running",
            f"the engines of project {declaration.project} have not been started",
            hint="run `headrace up`",
        ) from None
    source = None
    if not declaration.embedded_source:
        password_file = folder.root / "secrets" / "source.properties"
        source = source_address(declaration, directory=directory, password_file=password_file)
    return stack.endpoints(declaration.project, directory, ports, source)
