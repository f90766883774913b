from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def project(postgres_server, tmp_path):
    postgres_server.recreate("cli_load")
    (tmp_path / "headrace.yaml").write_text("project: shop\nsource:\n  url: env:SHOP_URL\ntables: [items]\n")
    return tmp_path


@pytest.fixture
def headrace(project, postgres_server):
    url = f"postgresql://tester@127.0.0.1:{postgres_server.port}/cli_load"

    def run(*arguments, stdin=None):
        return subprocess.run(
            [sys.executable, "-c", "from headrace.cli.main import run; run()", *arguments],
            cwd=project,
            env={**os.environ, "SHOP_URL": url},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_load_csv_and_load_it_again(headrace, project):
    (project / "items.csv").write_text("Id,Name,Price\n1,Lamp,1.50\n2,,2\n3,bad\n")
    first = headrace("load", "csv", "items.csv", "--table", "items", "--create", "--key", "Id", "--json")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["version"] == 1
    assert (answer["created"], answer["inserted"], answer["rejected"]) == (True, 2, 1)
    assert (project / "items.csv.rejects.csv").read_text().splitlines()[
        1
    ] == '4,2 fields instead of 3,"3,bad"'
    second = headrace("load", "csv", "items.csv", "--table", "items")
    assert second.returncode == 0, second.stderr
    assert "0 inserted, 0 updated, 2 unchanged, 1 rejected" in second.stdout
    assert "not in headrace.yaml" not in second.stderr


def test_from_standard_input_into_a_table_that_is_not_declared(headrace):
    done = headrace("load", "csv", "-", "-t", "other", "--create", "--delimiter", "\\t", stdin="a\tb\n1\tx\n")
    assert done.returncode == 0, done.stderr
    assert "id" not in done.stdout.split("created")[1].splitlines()[2]
    assert "public.other: 1 inserted" in done.stdout
    assert "not in headrace.yaml" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nothing.csv", "--table", "items"), "csv-unreadable"),
        (("headrace.yaml", "--table", "items"), "table-missing"),
        (("headrace.yaml", "--table", "items", "--create", "--key", "x"), "csv-key"),
    ],
)
def test_failures_are_json_with_a_code_and_exit_1(headrace, arguments, code):
    done = headrace("load", "csv", *arguments, "--json")
    assert done.returncode == 1
    assert [error["code"] for error in json.loads(done.stdout)["errors"]] == [code]


def test_a_server_that_is_not_there_is_said_with_a_remedy(headrace, project, monkeypatch):
    (project / "headrace.yaml").write_text(
        "project: shop\nsource: {host: 127.0.0.1, port: 1, database: x, user: y}\ntables: [items]\n"
    )
    (project / "items.csv").write_text("id\n1\n")
    done = headrace("load", "csv", "items.csv", "--table", "items")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hint:" in done.stderr
