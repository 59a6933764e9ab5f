"""Whether a caller's session proves whom it talks to; where it does not, requests of ours bring their own proof."""

import functools
import ssl
from typing import Final

import aiohttp

UNVERIFIED: Final = (
    "the aiohttp session that was passed in does not verify certificates; requests of bitrix_chat do so all the same."
    " For a portal with a certificate of its own, give the connector an SSLContext that knows its authority"
)


def verification_for(session: aiohttp.ClientSession | None) -> ssl.SSLContext | bool:
    """Return what to pass as `ssl=` with each request: True where the session's connector verifies by itself."""
    trust = getattr(session.connector, "_ssl", True) if session is not None else True
    if trust is False or (isinstance(trust, ssl.SSLContext) and not _verifies(trust)):
        return _verifying()
    return True


def _verifies(context: ssl.SSLContext) -> bool:
    return context.verify_mode is not ssl.CERT_NONE and context.check_hostname


@functools.cache
def _verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
