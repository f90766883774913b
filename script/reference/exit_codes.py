"""docs/reference/exit-codes.md."""

from __future__ import annotations

from headrace.errors import ExitCode

MEANING = {
    ExitCode.DONE: "done; for `plan`, nothing would change or changes are shown",
    ExitCode.EXPECTED_FAILURE: "a known failure: it says what, why and the remedy ([errors](errors.md))",
    ExitCode.BUG: "a bug of headrace: the message says where the traceback was written",
    ExitCode.CHANGES_PRESENT: "there are changes: `plan --detailed-exitcode`, `compose render --check`",
    ExitCode.OBJECTIVE_MISSED: "what was asked for was not reached: `trace --wait`, a number of `bench`",
    ExitCode.DATA_DIFFER: "Pinot and PostgreSQL differ: `verify`, `trace`, `demo`",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C (SIGINT)",
    ExitCode.TERMINATED: "ended by SIGTERM",
}


def exit_codes_page() -> str:
    rows = "\n".join(f"| {int(code)} | {MEANING[code]} |" for code in ExitCode)
    return f"""# Exit codes

Every command ends with one of these. stdout holds the answer, stderr the progress and the errors; with
`--json`, stdout holds one JSON document, with `"ok": false` and `"errors"` when the command failed.

| code | meaning |
|---|---|
{rows}
"""
