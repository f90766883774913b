from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headrace.engines.compose import context
from headrace.engines.compose.docker import Docker
from headrace.errors import HeadraceError


def test_a_machine_without_docker_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HeadraceError) as caught:
        Docker.find()
    assert caught.value.code == "docker-missing"
    assert "apt-get install" in (caught.value.hint or "")


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command here")
def test_a_daemon_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    docker = Docker((shutil.which("docker") or "",), ("docker-compose",))
    with pytest.raises(HeadraceError) as caught:
        docker.run("version", "--format", "{{.Server.Version}}")
    assert caught.value.code == "docker-not-running"
    assert not docker.succeeds("image", "inspect", "x")


def _command(folder: Path, words: str) -> Docker:
    """A program that ends as Docker does, with its words."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    program.chmod(0o755)
    return Docker((str(program),), (str(program),))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (
            "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "docker-not-allowed",
        ),
        (
            "driver failed: Bind for 127.0.0.1:1 failed: port is already allocated",
            "port-taken",
        ),
        ("listen tcp4 127.0.0.1:9094: bind: address already in use", "port-taken"),
        ("write /var/lib/docker/x: no space left on device", "disk-full"),
        ("Error response from daemon: something new", "docker-failed"),
    ],
)
def test_dockers_words_become_an_error_with_a_remedy(tmp_path: Path, words: str, code: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        _command(tmp_path, words).run("up")
    assert caught.value.code == code
    assert caught.value.hint
    assert words[:40] in (caught.value.cause or "")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for name in ("requirements/run.txt", "src/headrace/x.py", "java/a.java", "pyproject.toml", "README.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "src" / "headrace" / "__pycache__").mkdir()
    (folder / "deploy" / "compose").mkdir(parents=True)
    (folder / "deploy" / "compose" / "Dockerfile").write_text("FROM x")
    (folder / ".git").mkdir()
    (folder / "secret.env").write_text("PASSWORD=1")
    return folder


def test_only_what_is_built_from_is_sent_to_the_daemon(sources: Path, tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
    certificates = tmp_path / "bundle.pem"
    certificates.write_text(f"# one\n{pem}\n# two\n{pem}\n")
    target = tmp_path / "context"
    assert context.assemble(sources, None, target, certificates=certificates) == ()
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {
        *("requirements/run.txt", "src/headrace/x.py", "java/a.java", "pyproject.toml", "README.md"),
        *("deploy/compose/Dockerfile", "deploy/compose/ca/000.crt", "deploy/compose/ca/001.crt"),
    }


def test_a_home_without_finished_engines_gives_none(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "engines" / "kafka-4.3.1").mkdir(parents=True)
    assert context.assemble(sources, tmp_path / "home", tmp_path / "context") == ()
    assert (tmp_path / "context" / context.HOME / "engines").is_dir()


def test_a_build_is_told_apart_by_what_runs_in_it(sources: Path, tmp_path: Path) -> None:
    known = context.digest(sources)
    context.assemble(sources, None, tmp_path / "context")
    assert context.digest(tmp_path / "context") == known
    (sources / "README.md").write_text("other words")
    (sources / "src" / "headrace" / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert context.digest(sources) == known
    (sources / "java" / "a.java").write_text("other code")
    changed = context.digest(sources)
    assert changed != known
    (sources / "java" / "a.java").rename(sources / "java" / "b.java")
    assert context.digest(sources) not in (known, changed)


def test_the_checkout_is_found() -> None:
    assert (context.source_folder() / context.DOCKERFILE).is_file()
