"""Whether a caller's session proves whom it talks to; where it does not, requests of ours bring their own proof."""

import functools
import inspect
import ssl
import warnings
from typing import Final

import aiohttp

_UNVERIFIED: Final = (
    "the aiohttp session that was passed in does not verify certificates; requests of bitrix_chat do so all the same."
    " For a portal with a certificate of its own, give the connector an SSLContext that knows its authority"
)


def verification_for(session: aiohttp.ClientSession | None) -> ssl.SSLContext | bool:
    """Return what to pass as `ssl=` with each request: True where the session's connector verifies by itself."""
    trust = getattr(session.connector, "_ssl", True) if session is not None else True
    if trust is False or (isinstance(trust, ssl.SSLContext) and not _verifies(trust)):
        return _verifying()
    return True


def warn_where_unverified(session: aiohttp.ClientSession | None) -> None:
    """Warn whoever called this package with a session that does not verify, by a `RuntimeWarning`."""
    if verification_for(session) is not True:
        warnings.warn(_UNVERIFIED, RuntimeWarning, stacklevel=_frames_of_ours())


def _frames_of_ours() -> int:
    frame, count = inspect.currentframe(), 0
    # A constructor that attrs has written is in no module.
    while frame is not None and frame.f_globals.get("__name__", __name__).startswith("bitrix_chat."):
        frame, count = frame.f_back, count + 1
    return count


def _verifies(context: ssl.SSLContext) -> bool:
    return context.verify_mode is not ssl.CERT_NONE and context.check_hostname


@functools.cache
def _verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
