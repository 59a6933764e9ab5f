"""What aiohttp's exceptions are to a caller, told by what had left, and without them.

Their texts and attributes hold the whole URL, and a webhook's is a secret. A failure is a value first: whoever turns
it into an error decides which frames, and which local variables, stay in the traceback.
"""

import ssl
from typing import NamedTuple

import aiohttp

from bitrix_chat.errors import (
    BitrixError,
    ConnectionLost,
    PortalUnreachable,
    UntrustedCertificate,
)
from bitrix_chat.http.unrepeated import seen_behind
from bitrix_chat.outcomes import Outcome


class Failure(NamedTuple):
    """An error that nobody has raised yet."""

    kind: type[BitrixError]
    description: str
    status: int | None = None
    outcome: Outcome | None = None

    def error(self) -> BitrixError:
        """Return it for raising."""
        return self.kind(self.description, status=self.status, outcome=self.outcome)


def failure_of(
    error: BaseException, host: str, *, written: bool, when_written: type[BitrixError] = ConnectionLost
) -> Failure:
    """Return what a caller is told of an error of aiohttp, or of the caller's own tracing.

    Args:
        error: whatever was raised.
        host: the host that was asked.
        written: whether bytes had left.
        when_written: what it is then.
    """
    error = seen_behind(error)
    if written:
        return Failure(when_written, f"{host}: {what_happened(error)} after the request had left")
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return Failure(UntrustedCertificate, f"{host}: TLS failed (the certificate has another fingerprint)")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return Failure(UntrustedCertificate, f"{host}: TLS failed ({_reason(error)})")
    return Failure(PortalUnreachable, f"{host}: {what_happened(error)}")


def what_happened(error: BaseException) -> str:
    """Return a few words on an error, never its own."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    if isinstance(error, OSError) and error.strerror:
        return f"the connection failed ({error.strerror})"
    return f"the exchange failed ({type(error).__name__})"


def _reason(error: BaseException) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or type(inner).__name__
