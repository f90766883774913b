"""Secrets are references, never values: `env:NAME` or `file:path`.

Promise: a reference can be printed, compared and stored; what it points to is read at the moment of use, is
held by nobody here, and stands in no error message.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headrace.errors import HeadraceError, Where

_ENVIRONMENT_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_PASSWORD_IN_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/]*@")
_PASSWORD_IN_DSN = re.compile(
    r"(?i)\b(password|passwd|pwd|sslpassword)(\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s&]+)"
)
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class SecretReference:
    """Where a secret is kept: in a variable of the environment or in a file that only its owner reads."""

    scheme: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """Read `env:NAME` or `file:path`; ValueError otherwise, and the text is not in its message."""
        scheme, colon, name = text.partition(":")
        if colon and scheme == "env":
            if _ENVIRONMENT_NAME.fullmatch(name):
                return cls("env", name)
            raise ValueError("env: is followed by the name of an environment variable")
        if colon and scheme == "file":
            if name and name == name.strip() and name.isprintable():
                return cls("file", name)
            raise ValueError("file: is followed by the path of a file")
        raise ValueError("a secret is a reference, env:NAME or file:path")

    def resolve(
        self,
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        where: Where | None = None,
    ) -> str:
        """Read the secret now. One trailing newline of a file is left out, nothing else is changed.

        Args:
            directory: what a relative `file:` path starts from, the folder of headrace.yaml.
            environment: the process's own when absent.
            where: the place that declares the reference, for the error.

        Raises:
            HeadraceError: `secret-unset`, `secret-file-missing`, `secret-file-unreadable`,
                `secret-file-exposed`, `secret-empty`.
        """
        if self.scheme == "env":
            return self._from_environment(os.environ if environment is None else environment, where)
        return self._from_file(directory, where)

    def _from_environment(self, environment: Mapping[str, str], where: Where | None) -> str:
        value = environment.get(self.name)
        if value is None:
            raise HeadraceError(
                "secret-unset",
                f"the environment variable {self.name} is not set",
                cause=f"headrace.yaml refers to it as {self}",
                hint=f"export {self.name}=… in the shell that runs headrace, or use file:PATH",
                where=where,
            )
        if not value:
            raise _empty(self, where)
        return value

    def _from_file(self, directory: Path, where: Where | None) -> str:
        path = directory / Path(self.name).expanduser()
        try:
            mode = path.stat().st_mode
            if mode & _READABLE_BY_OTHERS:
                raise HeadraceError(
                    "secret-file-exposed",
                    f"the secret file {self.name} can be read by others",
                    cause=f"its mode is {stat.S_IMODE(mode):04o}",
                    hint=f"chmod 600 {path}",
                    where=where,
                )
            value = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise HeadraceError(
                "secret-file-missing",
                f"the secret file {self.name} does not exist",
                cause=f"looked for {path}",
                hint="write the secret into that file with mode 600, or use env:NAME",
                where=where,
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise HeadraceError(
                "secret-file-unreadable",
                f"the secret file {self.name} cannot be read",
                cause=reason,
                hint="it must be a text file that this user can read",
                where=where,
            ) from None
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise _empty(self, where)
        return value


def redact(text: str) -> str:
    """The text without what looks like a password in a URL or a connection string."""
    text = _PASSWORD_IN_URL.sub(lambda match: f"{match['scheme']}***@", text)
    return _PASSWORD_IN_DSN.sub(lambda match: f"{match[1]}{match[2]}***", text)


def _empty(reference: SecretReference, where: Where | None) -> HeadraceError:
    return HeadraceError(
        "secret-empty",
        f"the secret {reference} is empty",
        hint="give it a value, or leave the key out of headrace.yaml if there is no password",
        where=where,
    )
