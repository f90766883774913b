"""Where a person finds the dashboard: its address, the user, the file of the password, never the password."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.endpoints import Endpoints
    from headrace.spec.model import Declaration


@dataclass(frozen=True)
class DashboardAddress:
    """What is needed to look at it."""

    url: str
    user: str
    password_file: Path

    def lines(self) -> tuple[str, ...]:
        """For people."""
        return self.url, f"user {self.user}, password in", f"  {self.password_file}"


def dashboard_address(
    declaration: Declaration, directory: Path, endpoints: Endpoints
) -> DashboardAddress | None:
    """None where no dashboard is declared, or Superset does not run."""
    from headrace.engines import secret_files
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.superset_account import ADMINISTRATOR
    from headrace.hops.present.shown import dashboard_url

    if declaration.dashboard is None or endpoints.superset_url is None:
        return None
    return DashboardAddress(
        dashboard_url(endpoints.superset_url, declaration.project),
        ADMINISTRATOR,
        secret_files.superset_password_file(ProjectFolder.of(directory)),
    )
