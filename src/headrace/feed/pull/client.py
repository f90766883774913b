"""Asks an API politely: at a rate, again after failures that pass, and says clearly what does not pass.

Promise: headers and query secrets go to the host of the first URL only, whatever a `next` link or a redirect
says, and stand in no error. `Retry-After` is honoured; other waits grow twofold, with jitter.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from headrace import __version__
from headrace.closing import Closing
from headrace.errors import HeadraceError, Where
from headrace.feed.pull.json_text import Json, parse

_LONGEST_WAIT_S = 30.0
_LONGEST_RETRY_AFTER_S = 300.0
_REDIRECTS = 5
_PASSING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class ClientOptions:
    """How to ask.

    Attributes:
        headers: sent with every request; may hold secrets.
        query: added to every request; may hold secrets.
        requests_per_s: never more than this.
        attempts: how often one request is tried.
        timeout_s: how long an answer may keep silent.
        first_wait_s: after the first failure; doubled after each further one.
        authorities: a file of certificates to trust instead of the system's.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    requests_per_s: float = 10.0
    attempts: int = 8
    timeout_s: float = 30.0
    first_wait_s: float = 0.5
    authorities: str | None = None


@dataclass(frozen=True)
class Answer:
    """A parsed answer, and the address its `Link` header names as next."""

    body: Json
    next_link: str | None


@dataclass
class Traffic:
    """What was asked so far."""

    requests: int = 0
    retries: int = 0


class ApiClient(Closing):
    """Requests to one host. Close it, or use it in a `with`."""

    def __init__(
        self, url: str, options: ClientOptions, on_wait: Callable[[str, float], None] | None = None
    ) -> None:
        self.url = _checked(url)
        self.traffic = Traffic()
        self._options = options
        self._on_wait = on_wait
        self._next_at = 0.0
        headers = {"Accept": "application/json", "User-Agent": f"headrace/{__version__}", **options.headers}
        try:
            trust = ssl.create_default_context(cafile=options.authorities)
        except (OSError, ssl.SSLError) as error:
            raise HeadraceError(
                "feed-tls", "the file of certificates cannot be read", cause=str(error), hint="check --cafile"
            ) from error
        self._http = httpx.Client(headers=headers, timeout=options.timeout_s, verify=trust)

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """One answer, after as many tries as are allowed; `url` may be relative to the first one."""
        target = self._own(url).copy_merge_params({**(parameters or {}), **self._options.query})
        why = "no attempt was made"
        for attempt in range(self._options.attempts):
            self._pace()
            self.traffic.requests += 1
            wait_s: float | None = None
            try:
                response = self._send(target)
            except httpx.TransportError as error:
                why = self._transport(error, last=attempt + 1 == self._options.attempts)
            else:
                if response.status_code not in _PASSING:
                    return self._answer(response)
                why = f"HTTP {response.status_code}"
                wait_s = _retry_after(response)
            if attempt + 1 < self._options.attempts:
                if wait_s is None:
                    ceiling = min(_LONGEST_WAIT_S, self._options.first_wait_s * 2**attempt)
                    wait_s = random.uniform(ceiling / 2, ceiling)  # noqa: S311
                self.traffic.retries += 1
                if self._on_wait is not None:
                    self._on_wait(why, wait_s)
                time.sleep(wait_s)
        raise HeadraceError(
            "feed-failing",
            f"the API failed {self._options.attempts} times in a row",
            cause=why,
            hint="what was written stays; run it again later and it goes on from there",
            where=self._where(),
        )

    def close(self) -> None:
        self._http.close()

    def _send(self, target: httpx.URL) -> httpx.Response:
        for _ in range(_REDIRECTS):
            response = self._http.get(target)
            if not response.is_redirect:
                return response
            target = self._own(str(target.join(response.headers.get("Location", ""))))
        raise HeadraceError("feed-redirects", "the API redirects in a circle", where=self._where())

    def _own(self, url: str) -> httpx.URL:
        """The absolute address, on the host we were told to ask."""
        try:
            target = self.url.join(url)
        except httpx.InvalidURL as error:
            raise HeadraceError(
                "feed-next-elsewhere", "the API's next address is none", where=self._where()
            ) from error
        if target.host != self.url.host:
            raise HeadraceError(
                "feed-next-elsewhere",
                "the API points to another host, which is not followed",
                cause=f"from {self.url.host} to {target.host}",
                hint="give that host's URL if you trust it with your headers",
                where=self._where(),
            )
        # A proxy may have told the API another scheme or port than ours.
        return target.copy_with(scheme=self.url.scheme, port=self.url.port)

    def _pace(self) -> None:
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(self._next_at, now) + 1 / self._options.requests_per_s

    def _answer(self, response: httpx.Response) -> Answer:
        if response.status_code >= 300:
            raise self._refused(response)
        try:
            body = parse(response.content)
        except ValueError as error:
            kind = response.headers.get("content-type", "nothing").partition(";")[0]
            raise HeadraceError(
                "feed-not-json",
                "the answer is not JSON",
                cause=f"it says it is {kind}",
                hint="give the address of the API's list, not of its page for people",
                where=self._where(),
            ) from error
        link = response.links.get("next", {}).get("url")
        return Answer(body, str(response.url.join(link)) if link else None)

    def _refused(self, response: httpx.Response) -> HeadraceError:
        status, where = response.status_code, self._where()
        cause = f"HTTP {status}"
        if status == 401:
            return HeadraceError(
                "feed-unauthorized",
                "the API asks who is there",
                cause=cause,
                hint='give --header "Authorization=env:NAME" (or the header this API wants)',
                where=where,
            )
        if status == 403:
            return HeadraceError(
                "feed-forbidden",
                "the API refuses this key",
                cause=cause,
                hint="see that the key is the right one and may read this list",
                where=where,
            )
        if status in (404, 410):
            return HeadraceError(
                "feed-not-found",
                "the API has nothing at this address",
                cause=cause,
                hint="check URL",
                where=where,
            )
        return HeadraceError(
            "feed-refused",
            "the API refuses the request",
            cause=cause,
            hint="check the parameters: --limit, --since-param, the URL's own",
            where=where,
        )

    def _transport(self, error: httpx.TransportError, *, last: bool) -> str:
        """Why an attempt failed; raises at once what no further attempt would mend."""
        text = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
            raise HeadraceError(
                "feed-tls",
                "there is no trusted TLS connection to the API",
                cause=text,
                hint="give the authority's certificate with --cafile, or the host the certificate names",
                where=self._where(),
            ) from error
        if last and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            raise HeadraceError(
                "feed-unreachable",
                "the API does not answer",
                cause=text,
                hint="is it running, and are host and port right?",
                where=self._where(),
            ) from error
        return type(error).__name__

    def _where(self) -> Where:
        return Where(address=str(self.url.copy_with(query=None)))


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise HeadraceError("feed-url", "this is no URL", hint="for instance https://HOST/orders") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise HeadraceError("feed-url", "the URL is not one of http or https", hint="https://HOST/orders")
    if parsed.userinfo:
        raise HeadraceError(
            "feed-url-secret",
            "the URL holds a password",
            hint='give it as a reference: --header "Authorization=env:NAME"',
        )
    return parsed


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After")
    if text is None:
        return None
    if text.strip().isdigit():
        wait_s = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait_s = (
            (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
        ).total_seconds()
    return min(max(wait_s, 0.0), _LONGEST_RETRY_AFTER_S)
