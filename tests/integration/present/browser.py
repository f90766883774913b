"""Headless Chromium, spoken to through chromedriver's own HTTP interface."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


class Browser:
    """One window; every command fails the test when the browser refuses it."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver = driver
        self._session = session

    def open(self, url: str) -> None:
        self._command("POST", "url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a JavaScript function body."""
        return self._command("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, *arguments: object, timeout_s: float = 60.0) -> Any:
        """Run it until it returns something that is true."""
        deadline = time.monotonic() + timeout_s
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {script}\n{self.text()[:1000]}"
            time.sleep(0.1)
        return found

    def text(self) -> str:
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._command("GET", "screenshot")))

    def console(self) -> list[str]:
        """What the console said since the last call, at the level of an error."""
        entries = self._command("POST", "se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests(self) -> list[tuple[str, int]]:
        """URL and status of every answer since the last call."""
        found: list[tuple[str, int]] = []
        for entry in self._command("POST", "se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.responseReceived":
                response = message["params"]["response"]
                found.append((response["url"], response["status"]))
        return found

    def _command(self, method: str, path: str, document: dict[str, object] | None = None) -> Any:
        answer = self._driver.request(method, f"/session/{self._session}/{path}", json=document)
        assert answer.status_code == 200, answer.text[:1000]
        return answer.json()["value"]


@contextmanager
def chromium(width: int = 1600, height: int = 1250) -> Generator[Browser]:
    """A browser with an empty profile; at the end neither it nor its profile is left."""
    driver = shutil.which("chromedriver")
    assert driver, "chromedriver is missing: script/setup dev installs it"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    profile = Path(tempfile.mkdtemp(prefix="headrace-test-chromium-"))
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client:
            _wait_until(lambda: _serves(client))
            answer = client.post("/session", json=_capabilities(profile, width, height))
            assert answer.status_code == 200, answer.text[:1000]
            session = answer.json()["value"]["sessionId"]
            try:
                yield Browser(client, session)
            finally:
                client.delete(f"/session/{session}")
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def log_in(browser: Browser, url: str, password: str) -> None:
    """As a person does, in Superset's own form."""
    browser.open(f"{url}/login/")
    browser.wait("return document.querySelector('#username') && document.querySelector('#password')")
    browser.run(
        """
        const type = (field, text) => {
          const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
          set.call(field, text);
          field.dispatchEvent(new Event('input', {bubbles: true}));
        };
        type(document.querySelector('#username'), 'admin');
        type(document.querySelector('#password'), arguments[0]);
        document.querySelector('[data-test=login-button]').click();
        """,
        password,
    )
    browser.wait("return !location.pathname.startsWith('/login')")


def _capabilities(profile: Path, width: int, height: int) -> dict[str, object]:
    return {
        "capabilities": {
            "alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {
                    "args": [
                        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                        *("--no-proxy-server", "--disable-background-networking", "--no-first-run"),
                        f"--window-size={width},{height}",
                        f"--user-data-dir={profile}",
                    ]
                },
            }
        }
    }


def _serves(client: httpx.Client) -> bool:
    try:
        return client.get("/status").json()["value"]["ready"] is True
    except httpx.HTTPError:
        return False


def _wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
