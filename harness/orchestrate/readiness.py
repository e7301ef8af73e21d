"""Waits until a started service takes requests, and notices when it never will."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from harness.errors import TargetError

POLL_S = 0.05
ATTEMPT_TIMEOUT_S = 2.0
FIRST_SERVER_ERROR = 500


class Awaited(Protocol):
    """A started process or container."""

    @property
    def name(self) -> str: ...

    def exit_code(self) -> int | None: ...

    def last_lines(self) -> str: ...


def await_ready(service: Awaited, url: str, timeout_s: float, wait: Callable[[float], None]) -> None:
    """Returns once ``url`` answers with anything below 500.

    ``wait`` takes seconds and may raise to give up early (an interrupt). Raises TargetError when the service ends first
    or does not answer in ``timeout_s``.
    """
    deadline_s = time.monotonic() + timeout_s
    while (status := _status(url)) is None or status >= FIRST_SERVER_ERROR:
        code = service.exit_code()
        if code is not None:
            raise TargetError(
                f"expected the {service.name} to take requests at {url}, found that it ended with code {code}: "
                f"{service.last_lines() or 'it printed nothing'}"
            )
        if time.monotonic() > deadline_s:
            found = "silence" if status is None else f"only answers of status {status}"
            raise TargetError(
                f"expected the {service.name} to answer at {url} within {timeout_s:g} s, found {found}: "
                f"{service.last_lines() or 'it printed nothing'}; is ready_path right, does it listen on PORT?"
            )
        wait(POLL_S)


def _status(url: str) -> int | None:
    """The status of what answers at ``url``, None where nothing does. Raises TargetError where its certificate is not
    trusted, which waiting does not mend."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=ATTEMPT_TIMEOUT_S)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        raise TargetError(
            f"expected a certificate that this machine trusts at {url}, found: {error.verify_message}; "
            "set SSL_CERT_FILE to a file with that of its authority"
        ) from error
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
