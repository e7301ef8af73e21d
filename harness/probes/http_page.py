"""One page fetched over HTTP for a probe: bounded in time and size, and errors as reasons."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.errors import ProbeError
from harness.redaction import redact_text

if TYPE_CHECKING:
    import httpx

MAX_PAGE_BYTES = 16 * 2**20
"""A metrics page is a few hundred kilobytes at most; the harness must not grow with what a target says."""


class HttpPage:
    """The page at ``url``; its connection stays open between readings. Proxies of the environment are not used.

    ``shown_url`` is the address as it may be shown and stored, without its secrets.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self.shown_url = redact_text(url)
        self._url = url
        self._timeout_s = timeout_s
        self._client: httpx.Client | None = None

    def fetch(self) -> bytes:
        """The page's bytes. Raises ProbeError."""
        import httpx  # 15 MiB that a run without probes over HTTP does not need

        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout_s, trust_env=False)
        deadline_s = time.monotonic() + self._timeout_s
        try:
            with self._client.stream("GET", self._url) as response:
                if response.status_code != httpx.codes.OK:
                    raise ProbeError(
                        f"expected 200 from {self.shown_url}, found {response.status_code}: is that the page?"
                    )
                page = bytearray()
                for part in response.iter_bytes():
                    page += part
                    if len(page) > MAX_PAGE_BYTES:
                        raise ProbeError(f"expected at most {MAX_PAGE_BYTES} bytes from {self.shown_url}, found more")
                    if time.monotonic() > deadline_s:  # httpx waits so long for every part: a stream never ends
                        raise ProbeError(
                            f"expected a whole page from {self.shown_url} within {self._timeout_s:g} s, "
                            "found no end: is it a stream?"  # the same words each time: an event only where it changes
                        )
                return bytes(page)
        except httpx.TimeoutException as error:
            raise ProbeError(
                f"expected an answer from {self.shown_url} within {self._timeout_s:g} s, found none"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            found = str(error) or type(error).__name__
            raise ProbeError(f"expected an answer from {self.shown_url}, found: {found}; is it running?") from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def timeout_s_for(period_s: float) -> float:
    """How long a reading may wait: about its period, between one and five seconds."""
    return min(5.0, max(1.0, period_s))
