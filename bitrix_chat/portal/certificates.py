"""A certificate authority that lives as long as the portal; its certificate is good for this host alone."""

import ssl
from typing import final


@final
class ThrowawayAuthority:
    """Issues the portal's certificate and lets clients trust it."""

    def __init__(self, host: str) -> None:
        try:
            import trustme  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise RuntimeError("Portal(tls=True) needs the extra: pip install 'bitrix-chat[tls]'") from error
        self._authority = trustme.CA()
        self._certificate = self._authority.issue_cert(*dict.fromkeys([host, "localhost"]))

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._authority.cert_pem.bytes()

    def server_context(self) -> ssl.SSLContext:
        """Return the context the portal serves with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._certificate.configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority, and public ones as ever."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context
