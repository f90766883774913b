"""Processes told apart for certain: started in their own session, found again, stopped with all they started.

Promise: no function here ever signals a process that is not the one meant. A process is its pid *and* its
start mark, checked through a pidfd that is held while the signal is sent, so a pid that the kernel has given
to somebody else is never hit.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from headrace.engines.account import BARE_ENVIRONMENT
from headrace.engines.logfile import open_for_append
from headrace.errors import HeadraceError

MARK_VARIABLE = "HEADRACE_SUPERVISED"
"""Set in the environment of everything we start, to `<engine>@<project directory>`. It finds processes whose
pid was never written down, because whoever started them was killed in between."""

_POLL_S = 0.05


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of this machine, never to be confused with a later one of the same pid.

    Attributes:
        pid: the process id.
        start_mark: opaque; equal only for the same start of the same boot.
    """

    pid: int
    start_mark: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The identity of what has this pid now, a zombie included; None when nothing has."""
        start_mark = _start_mark(pid)
        return cls(pid, start_mark) if start_mark else None

    @classmethod
    def own(cls) -> ProcessIdentity:
        """The identity of the calling process."""
        identity = cls.of(os.getpid())
        if identity is None:  # pragma: no cover - a running process always sees itself
            raise RuntimeError("the calling process is not visible to itself")
        return identity

    def alive(self) -> bool:
        """Whether this very process runs. A zombie does not: it only waits to be collected."""
        return _start_mark(self.pid) == self.start_mark and not _is_zombie(self.pid)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; False when it is gone, without touching its successor."""
        try:
            with _held(self.pid) as descriptor:
                if not self.alive():
                    return False
                if descriptor is None:
                    os.kill(self.pid, number)
                else:
                    signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True)
class Mark:
    """Who a process belongs to: an engine of a project directory."""

    engine: str
    directory: Path

    def __str__(self) -> str:
        return f"{self.engine}@{self.directory}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        engine, at, directory = text.partition("@")
        return cls(engine, Path(directory)) if at else None


@dataclass(frozen=True)
class Termination:
    """How a stop went: `orderly` when no SIGKILL was needed, `survivors` when even that did not help."""

    orderly: bool
    survivors: tuple[ProcessIdentity, ...] = ()


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    mark: Mark,
    environment: Mapping[str, str],
    directory: Path,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that outlives its starter: own session, no terminal, output appended to `log`.

    Args:
        command: the whole argv.
        log: made if it is not there; opened by us, so the unprivileged user needs no right to it.
        mark: what the process is to be found by.
        environment: added to our own, or with `user` to BARE_ENVIRONMENT.
        directory: where it runs; a crashing JVM leaves its report there.
        user: account to become, with its primary group only; None to stay who we are.

    Raises:
        HeadraceError: `engine-not-startable` when the command or the account is not there.
    """
    user_id, group_id = _account(user)
    surroundings = os.environ if user is None else BARE_ENVIRONMENT
    descriptor = open_for_append(log)
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**surroundings, **environment, MARK_VARIABLE: str(mark)},
            start_new_session=True,
            user=user_id,
            group=group_id,
            extra_groups=None if user_id is None else [],
        )
    except OSError as error:
        raise HeadraceError(
            "engine-not-startable",
            f"{mark.engine} cannot be started",
            cause=f"{command[0]}: {error.strerror or type(error).__name__}",
            hint="run `headrace engines install`",
        ) from error
    finally:
        os.close(descriptor)


def marked(directory: Path) -> dict[ProcessIdentity, Mark]:
    """Every live process that carries the mark of this project directory, whoever its parent is now.

    Processes whose environment we may not read, or that overwrote it, are not among them.
    """
    found: dict[ProcessIdentity, Mark] = {}
    for process in psutil.process_iter():
        try:
            text = process.environ().get(MARK_VARIABLE)
        except (psutil.Error, OSError):
            continue
        mark = Mark.parse(text) if text else None
        identity = ProcessIdentity.of(process.pid) if mark and mark.directory == directory else None
        if mark and identity and identity.alive():
            found[identity] = mark
    return found


def leads_session(identity: ProcessIdentity) -> bool:
    """Whether the process is the one we spawned rather than something it started."""
    try:
        return os.getsid(identity.pid) == identity.pid and identity.alive()
    except (ProcessLookupError, PermissionError):
        return False


def descendants(identity: ProcessIdentity) -> frozenset[ProcessIdentity]:
    """The live processes below a live one, at any depth, and those of its session; empty once it is gone."""
    if not identity.alive():
        return frozenset()
    try:
        below = {process.pid for process in psutil.Process(identity.pid).children(recursive=True)}
    except psutil.Error:
        below = set[int]()
    below |= {pid for pid in psutil.pids() if _session(pid) == identity.pid}
    members = {found for pid in below - {identity.pid} if (found := ProcessIdentity.of(pid)) is not None}
    # Had the process ended meanwhile, its pid could name somebody else's session: then nothing above counts.
    if not identity.alive():
        return frozenset()
    return frozenset(member for member in members if member.alive())


def wait_gone(processes: Iterable[ProcessIdentity], timeout_s: float) -> tuple[ProcessIdentity, ...]:
    """Wait until all have ended; the ones that had not after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    left = tuple(process for process in processes if process.alive())
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = tuple(process for process in left if process.alive())
    return left


def terminate(
    identity: ProcessIdentity,
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    timeout_s: float = 20.0,
    family: Iterable[ProcessIdentity] = (),
) -> Termination:
    """Ask the process to stop, wait, then SIGKILL whatever is left of it and of everything it started.

    Idempotent, also for a process that is gone: its `family` is still cleared away.

    Args:
        identity: the leader; only it gets `stop_signal`, engines stop their own children in order.
        stop_signal: what asks it to stop in an orderly way.
        timeout_s: how long that may take.
        family: further processes known to be its own, seen while it lived.
    """
    members = frozenset(family) | descendants(identity)
    identity.send(stop_signal)
    orderly = not wait_gone([identity], timeout_s)
    # Children of a leader that stopped in order are about to end by themselves.
    stragglers = wait_gone(members, 2.0) if orderly else members
    survivors = kill([identity, *stragglers])
    return Termination(orderly and not stragglers, survivors)


def kill(processes: Iterable[ProcessIdentity], timeout_s: float = 10.0) -> tuple[ProcessIdentity, ...]:
    """SIGKILL these and whatever they started, again and again until none is left; the ones that are."""
    deadline = time.monotonic() + timeout_s
    members = {process for process in processes if process.alive()}
    while members and time.monotonic() < deadline:
        for member in tuple(members):
            members |= descendants(member)
        for member in members:
            with contextlib.suppress(PermissionError):
                member.send(signal.SIGKILL)
        members = set(wait_gone(members, 1.0))
    return tuple(sorted(members, key=lambda member: member.pid))


def _account(user: str | None) -> tuple[int | None, int | None]:
    if user is None:
        return None, None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise HeadraceError(
            "no-such-account",
            f"the account {user} does not exist",
            hint="create it, or run headrace as an ordinary user",
        ) from None
    return entry.pw_uid, entry.pw_gid


@contextlib.contextmanager
def _held(pid: int) -> Generator[int | None]:
    """A pidfd, which pins the meaning of the pid while it is open; None where the system has none."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command name: state, ppid, ..."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text[text.rindex(")") + 1 :].split()


def _start_mark(pid: int) -> str | None:
    """Ticks since boot where /proc tells them (a clock that is set does not move them), else wall time."""
    if _boot():
        try:
            return f"{_boot()}-{_stat(pid)[19]}"
        except (OSError, ValueError, IndexError):
            return None
    try:
        return f"{psutil.Process(pid).create_time():.3f}"
    except psutil.Error:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        if _boot():
            return _stat(pid)[0] in "ZX"
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return True


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
