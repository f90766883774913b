"""Building headrace's image on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

from headrace.engines.aside import alone
from headrace.engines.compose import context
from headrace.engines.compose.docker import Docker
from headrace.engines.installation import engines_folder
from headrace.engines.lifecycle import Note, Progress
from headrace.errors import HeadraceError

_SOURCES_LABEL = "io.headrace.sources"


def is_current(docker: Docker, tag: str) -> bool:
    """Whether the image is there and made of the sources that are here; without any, whether it is there."""
    found = docker.inspect("image", [tag])
    if not found:
        return False
    try:
        here = context.digest(context.source_folder())
    except HeadraceError:
        return True
    configuration = cast("dict[str, dict[str, str] | None]", found[0].get("Config") or {})
    return (configuration.get("Labels") or {}).get(_SOURCES_LABEL) == here


def build(
    docker: Docker,
    tag: str,
    home: Path,
    progress: Progress,
    *,
    take_engines: bool = True,
    certificates: Path | None = None,
) -> None:
    """Build the image `tag`; what has not changed since the last time is not made again.

    Args:
        docker: the daemon to build with.
        tag: what to call it.
        home: HEADRACE_HOME.
        progress: told of the steps.
        take_engines: take what is installed under `home` along instead of downloading it.
        certificates: a file of those the build must trust besides Debian's.

    Raises:
        HeadraceError: `sources-missing`, `certificates-missing`, `image-build-failed`, those of `Docker`.
    """
    sources = context.source_folder()
    if certificates is not None and not certificates.is_file():
        raise HeadraceError("certificates-missing", f"{certificates} is not there", hint="name a PEM file")
    engines_folder(home).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".image-", dir=engines_folder(home)) as made:
        folder = Path(made)
        with alone(home, lambda line: progress(Note(line))):
            # Nobody changes the engines meanwhile.
            taken = context.assemble(
                sources, home if take_engines else None, folder, certificates=certificates
            )
        progress(Note(f"building {tag}" + (f" with the installed {', '.join(taken)}" if taken else "")))
        labels = {_SOURCES_LABEL: context.digest(folder)}
        docker.build(folder, context.DOCKERFILE, tag, labels, lambda line: progress(Note(line)))
