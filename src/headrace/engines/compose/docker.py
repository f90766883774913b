"""The commands `docker` and `docker compose` (or `docker-compose`), and what their failures mean.

The command line is what people have, whatever their daemon is and wherever it runs; nothing here knows more
of it than its documented commands.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from headrace.engines.bound_child import bound
from headrace.errors import HeadraceError

_PATIENCE_S = 120.0
_LINES_KEPT = 40
_STEP = re.compile(r"Step \d|#\d+ \[")
"""How a build says what it does next: the older builder, and BuildKit."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"

_MEANINGS = (
    (
        "permission denied",
        "docker-not-allowed",
        "this account may not talk to the Docker daemon",
        "add it to the group docker (and log in again), or use rootless Docker",
    ),
    (
        "Cannot connect to the Docker daemon",
        "docker-not-running",
        "the Docker daemon does not answer",
        "start it (systemctl start docker), or set DOCKER_HOST",
    ),
    (
        "no space left on device",
        "disk-full",
        "Docker's disk is full",
        "free some space; `docker system df` shows what is used",
    ),
    (
        "port is already allocated",
        "port-taken",
        "a port that is to be published is taken",
        "stop what listens there, or `headrace down` and `headrace up` to get another port",
    ),
    (
        "address already in use",
        "port-taken",
        "a port that is to be published is taken",
        "stop what listens there, or `headrace down` and `headrace up` to get another port",
    ),
)


@dataclass(frozen=True)
class Docker:
    """One daemon, spoken to through its command line.

    Attributes:
        command: how `docker` is called.
        compose: how Compose is called: version 2 where it is there, else 1.
    """

    command: tuple[str, ...]
    compose: tuple[str, ...]

    @classmethod
    def find(cls) -> Docker:
        """The programs on PATH, with a daemon that answers.

        Raises:
            HeadraceError: `docker-missing`, `compose-missing`, `docker-not-running`, `docker-not-allowed`.
        """
        docker = shutil.which("docker")
        if docker is None:
            raise HeadraceError(
                "docker-missing",
                "Docker is not there",
                cause="there is no `docker` on PATH",
                hint="apt-get install docker.io docker-compose, or run without --target compose",
            )
        found = cls((docker,), _compose(docker))
        found.run("version", "--format", "{{.Server.Version}}")
        return found

    def run(self, *arguments: str, timeout_s: float = _PATIENCE_S) -> str:
        """What a command of `docker` prints.

        Raises:
            HeadraceError: by its last words; `docker-failed` where they are none we know.
        """
        return _run([*self.command, *arguments], timeout_s=timeout_s)

    def succeeds(self, *arguments: str, timeout_s: float = _PATIENCE_S) -> bool:
        """Whether a command ends well; for questions whose answer may be no."""
        try:
            self.run(*arguments, timeout_s=timeout_s)
        except HeadraceError:
            return False
        return True

    def run_compose(
        self,
        project: str,
        env_file: Path,
        files: Sequence[Path],
        *arguments: str,
        profiles: Sequence[str] = (),
        timeout_s: float = 600.0,
    ) -> str:
        """What a command of Compose prints; only the env file says what the variables are."""
        chosen = [part for file in files for part in ("-f", str(file))]
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HEADRACE_", "COMPOSE_"))
        }
        environment["COMPOSE_PROFILES"] = ",".join(profiles)
        return _run(
            [*self.compose, "-p", project, "--env-file", str(env_file), *chosen, *arguments],
            timeout_s=timeout_s,
            environment=environment,
        )

    def labelled(self, kind: str, labels: Mapping[str, str]) -> list[str]:
        """The ids of containers, or the names of volumes or networks, that carry all of these labels."""
        listing = ("ps", "--all") if kind == "container" else (kind, "ls")
        filters = [part for name, value in labels.items() for part in ("--filter", f"label={name}={value}")]
        return self.run(*listing, "--quiet", *filters).split()

    def inspect(self, kind: str, names: Sequence[str]) -> list[dict[str, object]]:
        """What the daemon knows of them; those that went away meanwhile are left out."""
        if not names:
            return []
        try:
            text = self.run(kind, "inspect", *names)
        except HeadraceError:
            if len(names) == 1:
                return []
            return [one for name in names for one in self.inspect(kind, [name])]
        return cast("list[dict[str, object]]", json.loads(text))

    def log(self, container: str, lines: int) -> list[str]:
        """The end of a container's log, stdout and stderr together; empty where there is none."""
        answer = subprocess.run(
            [*self.command, "logs", "--tail", str(lines), container],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_S,
        )
        return answer.stdout.splitlines() if answer.returncode == 0 else []

    def follow(self, container: str) -> Iterator[str]:
        """Lines of a container's log as they come, from now on, until it is gone or the reader stops."""
        with _reading([*self.command, "logs", "--tail", "0", "--follow", container]) as (_, lines):
            yield from (line.rstrip("\n") for line in lines)

    def build(
        self,
        folder: Path,
        dockerfile: Path,
        tag: str,
        labels: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> None:
        """Build an image that carries these labels.

        Raises:
            HeadraceError: `image-build-failed` with the build's last words.
        """
        kept: deque[str] = deque(maxlen=_LINES_KEPT)
        command = [
            *self.command,
            "build",
            "--force-rm",
            "--network",
            "host",
            "-f",
            str(folder / dockerfile),
            "-t",
            tag,
        ]
        command += [part for name, value in labels.items() for part in ("--label", f"{name}={value}")]
        with _reading([*command, str(folder)]) as (process, lines):
            for line in _told(lines):
                kept.append(line)
                if _STEP.match(line):
                    progress(line[:100])
            failed = process.wait() != 0
        if failed:
            last = list(kept)
            raise _meaning(last) or HeadraceError(
                "image-build-failed",
                f"the image {tag} could not be built",
                cause="\n".join(last[-6:]),
                hint="see the last lines; a proxy that ends TLS needs `headrace compose build --ca FILE`",
            )


@contextmanager
def _reading(command: Sequence[str]) -> Generator[tuple[subprocess.Popen[str], Iterator[str]]]:
    """A command and the lines it prints, stderr among them; killed if the block is left before its end."""
    with subprocess.Popen(
        bound(list(command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def _compose(docker: str) -> tuple[str, ...]:
    plugin = subprocess.run([docker, "compose", "version"], capture_output=True, check=False, timeout=30)
    if plugin.returncode == 0:
        return (docker, "compose")
    alone = shutil.which("docker-compose")
    if alone is None:
        raise HeadraceError(
            "compose-missing",
            "Docker Compose is not there",
            cause="there is neither `docker compose` nor `docker-compose`",
            hint="apt-get install docker-compose",
        )
    return (alone,)


def _run(command: Sequence[str], *, timeout_s: float, environment: Mapping[str, str] | None = None) -> str:
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise HeadraceError(
            "docker-failed",
            f"Docker did not answer within {timeout_s:.0f} s",
            cause=" ".join(command[:3]),
            hint="look at the daemon's log",
        ) from None
    if answer.returncode == 0:
        return answer.stdout
    lines = list(_told((answer.stderr + answer.stdout).splitlines()))
    raise _meaning(lines) or HeadraceError(
        "docker-failed",
        "Docker refused",
        cause="\n".join(lines[-3:]) or f"exit code {answer.returncode}",
        hint="look at the daemon's log",
    )


def _told(lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip())


def _meaning(lines: Sequence[str]) -> HeadraceError | None:
    """The error behind a failed command's last words."""
    for line in reversed(lines):
        for sign, code, summary, remedy in _MEANINGS:
            if sign in line:
                return HeadraceError(code, summary, cause=line[:300], hint=remedy)
    return None
