"""Write every generated page, or with `--check` say which are stale and exit with 1."""

from __future__ import annotations

import sys

from script.reference.pages import FOLDER, PAGES


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = 0
    for name, page in PAGES.items():
        text = page()
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"stale: {path.relative_to(FOLDER.parent.parent)}", file=sys.stderr)  # noqa: T201
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}", file=sys.stderr)  # noqa: T201
    return int(check and stale > 0)


sys.exit(main())
