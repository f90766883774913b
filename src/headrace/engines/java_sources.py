"""The project's own Java: where its sources are, and how they become jars.

`java/pinot/src` and `java/transport/src` are compiled against Pinot's jars, `java/connect/src` against Kafka
Connect's, `java/capture/src` against Debezium's too, `java/transform/src` against Spark's.
Files beside the sources that are not Java (service
lists) go into the jar as they are.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from headrace.engines.jdk import Jdk
from headrace.errors import HeadraceError

PARTS = ("pinot", "connect", "capture", "transform")
"""Each becomes one jar. Those of pinot, connect and transform stand at the end of a class path. That of
capture lies among Debezium's jars: a plugin's classes must come from one class loader."""

TRANSPORT = "transport"
"""Replaces a class of Pinot, so its jar stands first; apart, because it hardly ever changes."""

_PACKAGE = Path(__file__).parents[1]
_RELEASE = "17"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def source_folder() -> Path:
    """`java/` as it was shipped in the wheel, else that of the repository (an editable installation).

    HEADRACE_JAVA_SOURCES names another folder of that shape, for work on the classes themselves.
    """
    stated = os.environ.get("HEADRACE_JAVA_SOURCES")
    if stated:
        return Path(stated)
    shipped = _PACKAGE / "java"
    return shipped if shipped.is_dir() else _PACKAGE.parents[1] / "java"


def sources(part: str, folder: Path | None = None) -> list[Path]:
    """Every file that belongs to a part, in a fixed order; none where the part is empty."""
    root = (folder or source_folder()) / part / "src"
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))


def digest(parts: Sequence[str], compiled_against: str, folder: Path | None = None) -> str:
    """Names a compilation: another one for any other source file, or other jars to compile against."""
    root = folder or source_folder()
    sum_ = hashlib.sha256(compiled_against.encode())
    for part in parts:
        for path in sources(part, root):
            content = path.read_bytes()
            sum_.update(f"\0{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            sum_.update(content)
    return sum_.hexdigest()[:16]


def compile_part(part: str, jdk: Jdk, classpath: Sequence[Path], jar: Path) -> None:
    """Compile one part into `jar`; an empty part gives an empty jar.

    Raises:
        HeadraceError: `java-compilation-failed`, with the compiler's first error.
    """
    root = source_folder() / part / "src"
    files = sources(part)
    with tempfile.TemporaryDirectory(dir=jar.parent) as folder:
        classes = Path(folder) / "classes"
        classes.mkdir()
        java_files = [path for path in files if path.suffix == ".java"]
        if java_files:
            _javac(jdk, classpath, java_files, classes)
        entries = {path.relative_to(root): path for path in files if path.suffix != ".java"}
        entries |= {path.relative_to(classes): path for path in classes.rglob("*") if path.is_file()}
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", _ZIP_EPOCH), "Manifest-Version: 1.0\n\n")
            for name, path in sorted(entries.items()):
                archive.writestr(zipfile.ZipInfo(name.as_posix(), _ZIP_EPOCH), path.read_bytes())


def has_class(jar: Path, name: str) -> bool:
    """Whether a jar is there and holds a class, by its full name."""
    if not jar.exists():
        return False
    with zipfile.ZipFile(jar) as archive:
        return name.replace(".", "/") + ".class" in archive.namelist()


def _javac(jdk: Jdk, classpath: Sequence[Path], files: Sequence[Path], classes: Path) -> None:
    arguments = classes.parent / "javac.args"
    lines = ["-nowarn", "-proc:none", "-encoding", "UTF-8", "--release", _RELEASE]
    lines += ["-cp", ":".join(map(str, classpath)), "-d", str(classes), *map(str, files)]
    arguments.write_text("".join('"' + line.replace("\\", "\\\\") + '"\n' for line in lines))
    answer = subprocess.run([jdk.javac, f"@{arguments}"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        errors = [line for line in answer.stderr.splitlines() if ": error:" in line]
        raise HeadraceError(
            "java-compilation-failed",
            "headrace's own Java classes did not compile",
            cause=(errors or answer.stderr.splitlines() or ["javac failed without a word"])[0],
            hint="run headrace engines install again; if it stays, report it with what java -version says",
        )
