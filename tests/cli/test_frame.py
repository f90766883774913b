"""The frame every command lives in: exits, streams, signals, speed."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from headrace.cli import commands, output
from headrace.cli.commands import Entry
from headrace.cli.main import main
from headrace.errors import ExitCode, HeadraceError, HeadraceErrors, Where
from tests.cli.command_line import Outcome, expect_snapshot, run_headrace


def test_version(tmp_path: Path) -> None:
    from headrace import __version__

    outcome = run_headrace("--version", folder=tmp_path)
    assert outcome == Outcome(0, f"headrace {__version__}\n", "")


def test_no_command_shows_help(tmp_path: Path) -> None:
    assert run_headrace(folder=tmp_path) == run_headrace("--help", folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unknown_command", ["valdate"]),
        ("unknown_command_json", ["valdate", "--json"]),
        ("unknown_option", ["validate", "--jsn"]),
        ("extra_argument", ["validate", "headrace.yaml"]),
        ("option_without_value", ["validate", "-C"]),
        ("hostile_command", ["\x1b[31mred\x07"]),
    ],
)
def test_wrong_command_line(name: str, arguments: list[str], tmp_path: Path) -> None:
    outcome = run_headrace(*arguments, folder=tmp_path)
    assert outcome.exit_code == 1
    expect_snapshot(f"usage_{name}", outcome.render(tmp_path))


def test_help_is_quick_and_imports_no_engine_client(tmp_path: Path) -> None:
    code = (
        "import sys; from headrace.cli.main import main; main(['--help']);"
        "heavy = {'psycopg', 'confluent_kafka', 'httpx', 'pydantic', 'sqlglot', 'rich', 'ruamel'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.splitlines()[-1] == "[]"
    spent = []
    for _ in range(3):
        before = os.times()
        run_headrace("--help", folder=tmp_path)
        after = os.times()
        spent.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    # Processor time: wall-clock says more of the neighbours than of us.
    assert min(spent) < 0.5


def _with_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    (tmp_path / "planted_command.py").write_text(f"from headrace.errors import *\n{body}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "planted_command", raising=False)
    entry = Entry("planted", "planted_command:planted", "A command of the tests.")
    monkeypatch.setattr(commands, "COMMANDS", (entry,))


def test_a_bug_is_short_and_leaves_its_traceback_in_a_private_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """
def planted() -> None:
    try:
        raise ValueError('duplicate key\\nDETAIL: Key (email)=(ann' + '@example.com)')
    except ValueError:
        raise KeyError('postgresql://u:hunter2@h/d')
"""
    _with_command(monkeypatch, tmp_path, body)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    assert main(["planted"]) == ExitCode.BUG
    captured = capsys.readouterr()
    (report,) = (tmp_path / "home" / "crashes").iterdir()
    assert captured.out == ""
    assert captured.err.startswith("error: headrace met a bug of its own: KeyError [bug]\n")
    assert str(report) in captured.err
    assert "Traceback" not in captured.err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "planted_command.py" in text
    assert "builtins.ValueError: duplicate key" in text
    assert "hunter2" not in text
    assert "ann@example.com" not in text


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("HeadraceError('some-code', 'it failed')", 1),
        ("HeadraceError('some-code', 'data differ', exit_code=ExitCode.DATA_DIFFER)", 5),
        ("KeyboardInterrupt", 130),
        ("OSError(28, 'No space left on device', '/some/file')", 1),
        ("PermissionError(13, 'Permission denied', '/some/file')", 1),
        ("ValueError('x')", 2),
    ],
)
def test_exit_codes(
    raised: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _with_command(monkeypatch, tmp_path, f"def planted() -> None:\n    raise {raised}")
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path))
    assert main(["planted"]) == code
    assert capsys.readouterr().out == ""


def test_a_command_may_return_its_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with_command(monkeypatch, tmp_path, "def planted() -> int:\n    return int(ExitCode.CHANGES_PRESENT)")
    assert main(["planted"]) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(number: int, code: int, tmp_path: Path) -> None:
    program = (
        "import sys, time; from headrace.cli import commands, main; from headrace.cli.commands import Entry;"
        "commands.COMMANDS = (Entry('slow', 'slow_command:slow', 'Sleeps.'),);"
        "sys.argv = ['headrace', 'slow']; main.run()"
    )
    # Short sleeps: a signal just before one long sleep would be seen at its end only.
    (tmp_path / "slow_command.py").write_text(
        "import time\ndef slow() -> None:\n    print('began', flush=True)\n"
        "    while True:\n        time.sleep(0.05)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert stderr == ("terminated\n" if code == 143 else "interrupted\n")


def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    script = (
        f"set -o pipefail; {sys.executable} -c 'from headrace.cli.main import run; run()' schema | head -c 10"
    )
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.stderr == ""
    assert result.returncode == 0


def test_a_c_locale_does_not_break_unicode(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [заказы]\n", encoding="utf-8")
    outcome = run_headrace("validate", folder=tmp_path, PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert outcome.exit_code == 1
    assert "[declaration-bad-name]" in outcome.stderr
    assert "[bug]" not in outcome.stderr


def test_project_directory_goes_before_or_after_the_command(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "headrace.yaml").write_text("project: shop\ntables: [orders]\n")
    after = run_headrace("validate", "-C", "shop", folder=tmp_path)
    before = run_headrace("-C", "shop", "validate", folder=tmp_path)
    by_environment = run_headrace("validate", folder=tmp_path, HEADRACE_PROJECT_DIR="shop")
    assert after.exit_code == 0
    assert before == after == by_environment


def test_json_by_environment(tmp_path: Path) -> None:
    outcome = run_headrace("validate", folder=tmp_path, HEADRACE_JSON="1")
    assert json.loads(outcome.stdout)["errors"][0]["code"] == "declaration-missing"
    assert outcome.stderr == ""


def test_errors_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output.want_json(False)
    one = HeadraceError(
        "slot-lost",
        "the slot is lost",
        cause="wal_status=lost\nsecond line",
        hint="headrace resync",
        where=Where(address="slot:x"),
    )
    two = HeadraceError("table-missing", "no table a\x1bb", where=Where("headrace.yaml", 4, "tables.a"))
    output.report(HeadraceErrors([one, two]))
    assert capsys.readouterr().err == (
        "error: the slot is lost [slot-lost]\n"
        "  where: slot:x\n"
        "  cause: wal_status=lost\n"
        "         second line\n"
        "  hint: headrace resync\n"
        "error: headrace.yaml:4: no table a\\x1bb [table-missing]\n"
        "2 errors\n"
    )


def test_tables_fit_eighty_columns() -> None:
    text = output.table(
        ["table", "rows", "state"],
        [
            ["public.orders", 541909, "live"],
            ["sales." + "very_" * 30 + "long", 7, "building\nnew"],
            ["x", None, "-"],
        ],
    )
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split() == ["table", "rows", "state"]
    assert "541,909" in lines[1]
    assert "…" in lines[2]
    assert "building\\nnew" in lines[2]


def test_no_colour_on_a_pipe_nor_where_it_is_not_wanted(tmp_path: Path) -> None:
    assert "\x1b" not in run_headrace("validate", folder=tmp_path).stderr
    assert "\x1b[31merror:" in _on_terminal(tmp_path, {})
    assert "\x1b" not in _on_terminal(tmp_path, {"NO_COLOR": "1"})
    assert "\x1b" not in _on_terminal(tmp_path, {"TERM": "dumb"})


def _on_terminal(folder: Path, environment: dict[str, str]) -> str:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from headrace.cli.main import run; run()", "validate"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment},
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    text = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([controller], [], [], 1)
        if ready:
            try:
                piece = os.read(controller, 4096)
            except OSError:  # the other end was closed
                break
            text += piece
    process.wait(timeout=30)
    os.close(controller)
    return text.decode()


def test_progress_on_a_pipe_says_each_step_once(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("load") as line:
        for done in range(100):
            line.step("rows", done, 100)
        line.step("commit")
        line.finish("100 rows")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "load: rows 0%"
    assert lines[1] == "load: commit"
    assert lines[2].startswith("load: 100 rows (")
    assert len(lines) == 3


def test_every_command_gives_an_example_and_every_option_a_help_text() -> None:
    bare = []
    for name, entry in commands.available().items():
        root: Any = typer.main.get_command(entry.load())
        for command in getattr(root, "commands", {name: root}).values():
            options = [
                one for one in command.params if one.param_type_name == "option" and one.name != "help"
            ]
            bare.extend(f"{name} {command.name} {option.opts[0]}" for option in options if not option.help)
            if "Example" not in (command.help or ""):
                bare.append(f"{name} {command.name}: no example")
    assert bare == []


def test_an_option_can_come_from_the_environment(tmp_path: Path) -> None:
    outcome = run_headrace("init", "--json", folder=tmp_path, HEADRACE_INIT_PROJECT="by_variable")
    assert json.loads(outcome.stdout)["project"] == "by_variable"


def test_what_destroys_data_is_never_taken_from_the_environment(tmp_path: Path) -> None:
    assert "HEADRACE_DOWN_PURGE" not in run_headrace("down", "--help", folder=tmp_path).stdout
    assert run_headrace("--help", folder=tmp_path, HEADRACE_VERSION="1").stdout.startswith("Usage:")


def test_every_command_of_the_list_can_be_loaded_and_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in commands.available():
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"Usage: headrace {name}" in text
