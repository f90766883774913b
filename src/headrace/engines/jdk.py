"""Finding the JDK, without starting it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.versions import MINIMUM_JDK
from headrace.errors import HeadraceError

_HINT = f"apt-get install openjdk-{MINIMUM_JDK}-jdk-headless, or set JAVA_HOME to a newer JDK"


@dataclass(frozen=True)
class Jdk:
    """A Java installation that can run the engines.

    Attributes:
        home: the folder above `bin`.
        major: 17, 21, ...
    """

    home: Path
    major: int

    @property
    def fingerprint(self) -> str:
        """Differs between any two builds of Java."""
        release = self.home / "release"
        return f"{self.home} {release.read_text(errors='replace') if release.exists() else self.major}"

    @property
    def java(self) -> Path:
        return self.home / "bin" / "java"

    @property
    def javac(self) -> Path:
        return self.home / "bin" / "javac"


def find() -> Jdk:
    """The JDK of JAVA_HOME, else the one `java` on PATH belongs to.

    Raises:
        HeadraceError: `jdk-missing`, `jdk-too-old`.
    """
    home = _home()
    major = _major(home)
    if major < MINIMUM_JDK:
        raise HeadraceError(
            "jdk-too-old",
            f"the engines need JDK {MINIMUM_JDK} or newer",
            cause=f"{home} is {major}",
            hint=_HINT,
        )
    return Jdk(home, major)


def find_compiler() -> Jdk:
    """Like `find`, for a JDK that can compile.

    Raises:
        HeadraceError: `jdk-missing` also where there is only a runtime.
    """
    jdk = find()
    if not jdk.javac.exists():
        raise HeadraceError(
            "jdk-missing",
            f"a JDK {MINIMUM_JDK} or newer is needed",
            cause=f"{jdk.home} is a Java runtime without a compiler (javac)",
            hint=_HINT,
        )
    return jdk


def _home() -> Path:
    stated = os.environ.get("JAVA_HOME")
    if stated:
        if (Path(stated) / "bin" / "java").exists():
            return Path(stated).resolve()
        cause = f"JAVA_HOME is {stated}, where there is no bin/java"
    else:
        command = shutil.which("java")
        if command:
            return Path(command).resolve().parent.parent
        cause = "there is no `java` on PATH and JAVA_HOME is not set"
    raise HeadraceError("jdk-missing", f"a JDK {MINIMUM_JDK} or newer is needed", cause=cause, hint=_HINT)


def _major(home: Path) -> int:
    """From the `release` file every JDK carries; a JDK without one is asked."""
    release = home / "release"
    if release.exists():
        text = release.read_text(errors="replace")
    else:
        answer = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, check=False, timeout=30
        )
        text = answer.stderr
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else 0
