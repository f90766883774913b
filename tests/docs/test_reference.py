"""The reference says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from script.reference.pages import FOLDER, PAGES, ROOT

from headrace.engines.compose import docker
from headrace.errors import ExitCode
from headrace.hops.capture import failure
from headrace.hops.source import refusal
from headrace.spec.load import load_text
from headrace.spec.model import as_document
from headrace.spec.schema import json_schema
from headrace.spec.starter import starter
from tests.cli.command_line import SNAPSHOTS

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_is_current(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), f"docs/reference/{name} is stale: run script/docs"


def test_every_error_code_of_the_code_is_documented() -> None:
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    literal = re.compile(r'HeadraceError\(\s*"([a-z0-9-]+)"')
    codes = {
        code
        for path in (ROOT / "src").rglob("*.py")
        for code in literal.findall(path.read_text(encoding="utf-8"))
    }
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_every_failure_that_is_known_by_its_words_is_documented() -> None:
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    codes = {line[1] for line in (*docker._MEANINGS, *refusal._REMEDIES)}
    codes |= {known.code for known in failure._KNOWN}
    assert {"docker-not-running", "source-password-wrong", "capture-slot-lost"} <= codes
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_every_error_code_a_user_met_in_the_tests_is_documented() -> None:
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    met = {
        code
        for path in SNAPSHOTS.glob("*.txt")
        for code in re.findall(r"^error: .*\[([a-z-]+)\]$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(met) > 20
    assert {code for code in met if f"`{code}`" not in page} == set()


def test_every_exit_code_is_documented() -> None:
    page = (FOLDER / "exit-codes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == [str(int(code)) for code in ExitCode]


def _examples() -> list[tuple[str, str]]:
    found = [("starter", starter("shop"))]
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for path in documents:
        blocks = re.findall(
            r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        found.extend((f"{path.name}:{n}", block) for n, block in enumerate(blocks) if "project:" in block)
    files = sorted((ROOT / "examples").rglob("headrace.yaml"))
    found.extend((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in files)
    return found


@pytest.mark.parametrize(("name", "text"), _examples(), ids=[name for name, _ in _examples()])
def test_every_example_is_valid(name: str, text: str) -> None:
    declaration = load_text(text, file=name)
    VALIDATOR.validate(as_document(declaration))


def test_the_commented_parts_of_the_starter_are_valid_too() -> None:
    text = starter("shop")
    parts = re.split(r"\n# (?=source:|tables:|engines:)", text)[1:]
    assert len(parts) == 4
    for part in parts:
        lines = [re.sub(r"^# ?", "", line) for line in part.split("\n\n")[0].splitlines()]
        block = "\n".join(line for line in lines if line != "or in parts:") + "\n"
        rest = "" if block.startswith("tables:") else "tables: [orders]\n"
        load_text(f"project: shop\n{rest}{block}")


def test_the_committed_schema_is_a_json_schema() -> None:
    schema = json.loads(Path(FOLDER / "headrace.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
