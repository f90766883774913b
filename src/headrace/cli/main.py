"""The entry point: one application, one way to fail.

Promise: every way out of `headrace` ends here with an exit code of `ExitCode`. A known failure is printed
with cause and remedy; a wrong command line is one too; anything else is a bug, its traceback goes to a file.
Adding a command is one line in commands.py.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from headrace import __version__
from headrace.cli import output
from headrace.cli.commands import available
from headrace.cli.target_option import WITH_ENGINES_OF_THEIR_OWN, add_target
from headrace.errors import ExitCode, HeadraceError

_HELP = """\
Keep an analytical copy of an operational PostgreSQL fresh to the millisecond, exactly right, and prove it.

\b
A first project:
  headrace init shop && cd shop
  headrace validate
  headrace up
  headrace load csv orders.csv --table orders --create --key id
  headrace apply
  headrace query "SELECT COUNT(*) FROM orders"
  headrace verify
"""
_EPILOG = "`headrace COMMAND --help` explains a command with an example."


_MUST_BE_TYPED = {"purge", "leave_source"}
"""What destroys data is said each time, never by a variable left over in the environment."""


class Terminated(BaseException):
    """SIGTERM arrived."""


class _LazyGroup(TyperGroup):
    """Imports a command when it is asked for, so that no command waits for another one's libraries."""

    def get_params(self, ctx: Any) -> Any:
        parameters = super().get_params(ctx)
        _take_from_command_line_only(parameters, {parameter.name for parameter in parameters})
        return parameters

    def list_commands(self, ctx: Any) -> list[str]:
        return list(available())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entries = available()
        entry = entries.get(cmd_name)
        if entry is not None:
            command = typer.main.get_command(entry.load())
            command.name = cmd_name
            _take_from_command_line_only(command.params, _MUST_BE_TYPED)
            add_target(command, always=cmd_name in WITH_ENGINES_OF_THEIR_OWN)
            return command
        if cmd_name.startswith("-") or ctx.resilient_parsing:
            return None
        close = get_close_matches(cmd_name, entries, n=1)
        raise HeadraceError(
            "usage",
            f"there is no command `{cmd_name}`",
            hint=f"did you mean `headrace {close[0]}`?" if close else "`headrace --help` lists them",
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in available().values()])


app = typer.Typer(
    cls=_LazyGroup,
    help=_HELP,
    epilog=_EPILOG,
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["--help", "-h"],
        "max_content_width": 100,
        # `headrace load csv --key` is HEADRACE_LOAD_CSV_KEY, unless the option names a variable itself.
        "auto_envvar_prefix": "HEADRACE",
    },
)


def _take_from_command_line_only(parameters: Any, names: Collection[str | None]) -> None:
    for parameter in parameters:
        if parameter.name in names:
            parameter.allow_from_autoenv = False


def _print_version(wanted: bool) -> None:
    if wanted:
        output.answer(f"headrace {__version__}")
        raise typer.Exit


@app.callback()
def headrace(
    context: typer.Context,
    project_directory: Annotated[
        Path | None,
        typer.Option(
            "--project-dir",
            "-C",
            envvar="HEADRACE_PROJECT_DIR",
            metavar="DIR",
            show_default=False,
            help="Folder of headrace.yaml. Default: the nearest one upward from here.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """The options that come before the command."""
    if project_directory is not None:
        # Commands take the option too, from this variable when it is not repeated.
        os.environ["HEADRACE_PROJECT_DIR"] = str(project_directory.absolute())
    if context.invoked_subcommand is None:
        output.answer(context.get_help())


def run() -> None:
    """Run the command line of this process and exit; never returns, never lets a traceback out."""
    signal.signal(signal.SIGTERM, _terminate)
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    # The option's own callback comes too late for a command line that is itself wrong.
    output.want_json(
        "--json" in arguments or os.environ.get("HEADRACE_JSON", "").lower() in ("1", "true", "yes")
    )
    try:
        result = app(arguments, prog_name="headrace", standalone_mode=False)
    except HeadraceError as error:
        output.report(error)
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        output.note("interrupted")
        return int(ExitCode.INTERRUPTED)
    except Terminated:
        output.note("terminated")
        return int(ExitCode.TERMINATED)
    except BrokenPipeError:
        # The reader of our answer left (`headrace … | head`): nothing failed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    except Exception as error:
        known = _usage_error(error) or _machine_error(error)
        if known is not None:
            output.report(known)
            return int(known.exit_code)
        return _report_bug(error, arguments)
    if result == ExitCode.INTERRUPTED:  # typer turns Ctrl-C into this code, without a word
        output.note("interrupted")
    return result if isinstance(result, int) else int(ExitCode.DONE)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


def _usage_error(error: Exception) -> HeadraceError | None:
    """A wrong command line, as typer reports it, turned into an error of ours."""
    describe = getattr(error, "format_message", None)
    if not callable(describe):
        return None
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "headrace"
    return HeadraceError(
        "usage", str(describe()).rstrip(".").replace("\n\t", " "), hint=f"`{path} --help` shows what it takes"
    )


def _machine_error(error: Exception) -> HeadraceError | None:
    """What the machine refuses wherever we are: room on its disk, or a file."""
    if not isinstance(error, OSError) or error.errno is None:
        return None
    place = f" {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HeadraceError(
            "disk-full",
            "no space is left on the disk",
            cause=f"{error.strerror}{place and ':' + place}",
            hint="free some space, then run the same command again",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and place:
        return HeadraceError(
            "file-denied",
            f"the system does not let us at{place}",
            cause=error.strerror,
            hint="look at the rights of the file and of the folders above it; as who was it made?",
        )
    return None


def _report_bug(error: Exception, arguments: list[str]) -> int:
    from headrace.cli.crash import write_crash_report

    path = write_crash_report(error, arguments)
    output.report(
        HeadraceError(
            "bug",
            f"headrace met a bug of its own: {type(error).__name__}",
            cause=f"the traceback was written to {path}",
            hint="try again; if it happens again, report it with that file (look through it first)",
        )
    )
    return int(ExitCode.BUG)
