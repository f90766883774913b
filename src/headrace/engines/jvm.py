"""What all Java engines have in common: the command, its argument file, the log."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from headrace.engines.folder import ProjectFolder, write_atomically

LOG_BOUND_MB = 8
"""Of the current log file; one older of the same size is kept."""

_FILE, _CONSOLE = "file", "console"
_LAYOUT = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC} %-5p %c{1.} %m%n%xEx{12}"


_FEW_CORES = 3


def quick_compiler_only() -> tuple[str, ...]:
    """The JVM's options for an engine that must not compile at the expense of its neighbours.

    On few cores the optimizing compiler takes minutes of processor from the rows before it gives any back;
    what it costs and brings, engine by engine, was measured in decisions 16, 17 and 25 (docs/adr).
    """
    return ("-XX:TieredStopAtLevel=1",) if _has_few_cores() else ()


def _has_few_cores() -> bool:
    return (os.cpu_count() or 1) <= _FEW_CORES


@dataclass(frozen=True)
class JavaProgram:
    """One Java engine's way of being started.

    Attributes:
        engine: its name, `kafka`.
        folder: the project's.
        java: the program.
        classpath: whole.
        main: the class to run.
        heap_mb: -Xmx.
        initial_heap_mb: -Xms.
        options: further options of the JVM, garbage collector and system properties.
        levels: log level by logger, besides the root's WARN.
        hidden: regular expressions for messages that must not be logged.
        optimized: on few cores only methods of these classes reach the optimizing compiler, all others stay
            with the quick one: `java/util/HashMap*`, a star at an end only. Empty: no such choice is made.
        class_archive: loaded at the start where it exists.
        console: log to stdout, which somebody else keeps and bounds, instead of the engine's file.
    """

    engine: str
    folder: ProjectFolder
    java: Path
    classpath: str
    main: str
    heap_mb: int
    initial_heap_mb: int
    options: Sequence[str] = ()
    levels: Sequence[tuple[str, str]] = ()
    hidden: Sequence[str] = ()
    optimized: Sequence[str] = ()
    class_archive: Path | None = None
    console: bool = False

    @property
    def configuration(self) -> Path:
        """Where the engine's configuration files go; written anew at each start."""
        return self.folder.root / "config" / self.engine

    @property
    def data(self) -> Path:
        return self.folder.root / "data" / self.engine

    @property
    def log(self) -> Path:
        return self.folder.log(self.engine)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The argv: heap, main class and configuration to be seen, the long rest in an argument file."""
        return (str(self.java), f"-Xmx{self.heap_mb}m", f"@{self._argument_file}", self.main, *arguments)

    def prepare(self, files: dict[str, str]) -> None:
        """Write the argument file, the log configuration and the engine's own files; make the folders.

        Args:
            files: name in `configuration` to content.
        """
        temporary = self.data / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)  # what a life that was killed left behind
        for path in (self.configuration, self.log.parent, self.data):
            path.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)  # it holds rows
        temporary.mkdir(exist_ok=True)
        logging = self.configuration / "log4j2.xml"
        compiler_options = self._compiler_options()
        lines = [
            f"-Xms{min(self.initial_heap_mb, self.heap_mb)}m",
            # A JVM without memory is neither dead nor alive: let it die, so that it is started again.
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.log.parent}/{self.engine}-crash-%p.log",
            "-Djava.awt.headless=true",
            "-Duser.timezone=UTC",
            "-Dfile.encoding=UTF-8",
            f"-Djava.io.tmpdir={temporary}",
            f"-Dlog4j2.configurationFile={logging.as_uri()}",
            *self.options,
            *compiler_options,
            *self._archive_options(),
            *("-cp", self.classpath),
        ]
        if compiler_options:
            write_atomically(self._directives, render_directives(self.optimized))
        write_atomically(logging, render_log4j(None if self.console else self.log, self.levels, self.hidden))
        write_atomically(self._argument_file, "".join(f"{_quoted(line)}\n" for line in lines))
        for name, content in files.items():
            write_atomically(self.configuration / name, content)

    def _compiler_options(self) -> tuple[str, ...]:
        if not self.optimized or not _has_few_cores():
            return ()
        return ("-XX:+UnlockDiagnosticVMOptions", f"-XX:CompilerDirectivesFile={self._directives}")

    def _archive_options(self) -> tuple[str, ...]:
        if self.class_archive is None or not self.class_archive.exists():
            return ()
        # An archive that does not fit is not used; that is no reason to say something in every log.
        return (f"-XX:SharedArchiveFile={self.class_archive}", "-Xshare:auto", "-Xlog:disable")

    @property
    def _argument_file(self) -> Path:
        return self.configuration / "java.args"

    @property
    def _directives(self) -> Path:
        return self.configuration / "compiler.json"


def render_directives(optimized: Sequence[str]) -> str:
    """HotSpot's compiler directives: the first block whose pattern fits a method decides for it.

    What the optimizing compiler must not compile by itself it may still draw into a method that it compiles.
    """
    return json.dumps(
        [
            {"match": [f"{name}.*" for name in optimized], "c2": {"Exclude": False}},
            {"match": ["*.*"], "c2": {"Exclude": True}},
        ],
        indent=1,
    )


def render_log4j(log: Path | None, levels: Sequence[tuple[str, str]], hidden: Sequence[str]) -> str:
    """A log4j 2 configuration: WARN and above into `log`, bounded and the owner's alone; None: to stdout."""
    filters = "".join(
        f"      <RegexFilter regex={quoteattr(pattern)} onMatch='DENY' onMismatch='NEUTRAL'/>\n"
        for pattern in hidden
    )
    loggers = "".join(
        f"    <Logger name={quoteattr(name)} level={quoteattr(level)}/>\n" for name, level in levels
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
{_to_console(filters) if log is None else _to_file(log, filters)}  </Appenders>
  <Loggers>
{loggers}    <Root level="WARN"><AppenderRef ref="{_CONSOLE if log is None else _FILE}"/></Root>
  </Loggers>
</Configuration>
"""


def _to_file(log: Path, filters: str) -> str:
    return f"""\
    <RollingFile name="{_FILE}" fileName={quoteattr(str(log))} filePattern={quoteattr(f"{log}.%i")}
        filePermissions="rw-------">
      <Filters>
{filters}      </Filters>
      <PatternLayout pattern={quoteattr(_LAYOUT)}/>
      <SizeBasedTriggeringPolicy size="{LOG_BOUND_MB}MB"/>
      <DefaultRolloverStrategy max="1"/>
    </RollingFile>
"""


def _to_console(filters: str) -> str:
    return f"""\
    <Console name="{_CONSOLE}" target="SYSTEM_OUT">
      <Filters>
{filters}      </Filters>
      <PatternLayout pattern={quoteattr(_LAYOUT)}/>
    </Console>
"""


def _quoted(line: str) -> str:
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'
