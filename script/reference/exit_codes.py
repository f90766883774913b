"""docs/reference/exit-codes.md."""

from __future__ import annotations

from headrace.errors import ExitCode

MEANING = {
    ExitCode.DONE: "done; for `plan`, nothing would change or changes are shown",
    ExitCode.EXPECTED_FAILURE: "a known failure: it says what, why and the remedy ([errors](errors.md))",
    ExitCode.BUG: "a bug of headrace: the message says where the traceback was written",
    ExitCode.CHANGES_PRESENT: "`plan --detailed-exitcode`: there are changes to apply",
    ExitCode.OBJECTIVE_MISSED: "a declared or asked-for objective was missed",
    ExitCode.DATA_DIFFER: "`verify`: Pinot and PostgreSQL differ",
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
