"""A new project's folder: the file to start from, and what editors want beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.errors import HeadraceError, Where
from headrace.spec.load import FILE_NAME, load_text
from headrace.spec.schema import schema_text
from headrace.spec.starter import SCHEMA_FILE, project_name, starter


def init(directory: Path | str, project: str | None = None, tables: Sequence[str] = ("orders",)) -> Path:
    """Write a commented headrace.yaml, which is valid as it is, and return its path.

    Args:
        directory: made when it is not there.
        project: its name; None makes one of the folder's.
        tables: to be carried; `orders` means `public.orders`.

    Raises:
        HeadraceErrors: a name that cannot be used; `init-exists`: an existing file is never touched;
            `init-not-writable`.
    """
    folder = Path(directory)
    name = project if project is not None else project_name(folder.absolute().resolve().name)
    path = folder / FILE_NAME
    text = starter(name, tables)
    load_text(text, file=str(path))
    _write(folder, path, text)
    return path


def _write(directory: Path, path: Path, text: str) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        schema = directory / SCHEMA_FILE
        schema.parent.mkdir(exist_ok=True)
        # Data, logs and secrets will lie here: never to be committed.
        (schema.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        schema.write_text(schema_text(), encoding="utf-8")
    except FileExistsError as error:
        if path.exists() or path.is_symlink():
            raise HeadraceError(
                "init-exists",
                f"{path.name} is there already",
                hint="edit it, or name another folder: headrace init DIR",
                where=Where(str(path)),
            ) from None
        raise _not_writable(error, directory) from None
    except OSError as error:
        raise _not_writable(error, directory) from None


def _not_writable(error: OSError, directory: Path) -> HeadraceError:
    return HeadraceError(
        "init-not-writable",
        f"the folder {directory} cannot be written",
        cause=error.strerror,
        hint="name a folder of your own: headrace init DIR",
    )
