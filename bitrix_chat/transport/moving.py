"""A renamed portal answers from its new address: we follow by a POST of our own, and only where that was agreed.

aiohttp would carry a webhook's secret or a token to whatever host a redirect names, so it follows none. The portal's
documentation: a rename makes the old host answer 302 with the same path at the new one (topic "Change of domain").
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from bitrix_chat.auth.addresses import is_loopback
from bitrix_chat.errors import BitrixError, UntrustedRedirect
from bitrix_chat.outcomes import Outcome

AcceptMove = Callable[[str, str], bool]
"""Asked with the old and the new host (and port) whether a portal outside the rule may have moved there."""
OnMove = Callable[[str, str], None]
"""Told the old and the new host once a call has succeeded there."""

if TYPE_CHECKING:
    import aiohttp

# Where Bitrix24 has portals of its cloud; other hosts named after it (bitrix24.site) hold what anybody publishes.
CLOUD_HOST: Final = (
    r"[a-z0-9-]+\.bitrix24\."
    r"(?:com|com\.br|com\.tr|eu|de|es|fr|it|pl|uk|ru|by|kz|ua|in|id|jp|cn|tc|vn|mx|co)"
)


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Moved(BitrixError):
    """The portal answered from an agreed address, to which the request has to be sent again; nothing ran."""

    default_outcome = Outcome.REFUSED_TEMPORARY

    def __init__(self, origin: str) -> None:
        super().__init__("the portal has moved")
        self.origin = origin


class Moves:
    """Judges redirects and remembers where the portal is now.

    Args:
        accept: asked about a host that the rule does not allow by itself; without it such a host is refused.
        report: told of a move once it is proven.
        allow_insecure_loopback: whether a portal of this very machine may move by plain http.
    """

    def __init__(
        self, accept: AcceptMove | None = None, report: OnMove | None = None, *, allow_insecure_loopback: bool = False
    ) -> None:
        self._accept = accept
        self._report = report
        self._allow_insecure_loopback = allow_insecure_loopback
        self._origins: dict[str, str] = {}

    def current(self, endpoint: str) -> str:
        """Return the REST address where the portal of `endpoint` is now."""
        if not self._origins:
            return endpoint
        origin = self._origins.get(_origin(urlsplit(endpoint)))
        return endpoint if origin is None else at(endpoint, origin)

    def judged(self, sent_to: str, location: str) -> Moved:
        """Return where a redirect of a request sent to the address `sent_to` leads.

        Raises:
            UntrustedRedirect: not to an agreed host, or not to the same method.
        """
        old = urlsplit(sent_to)
        new = _parsed(sent_to, location)
        if new is None:
            raise _untrusted("the portal answers with a redirect that leads nowhere", None)
        fault = self._fault(old, new)
        if fault:
            raise _untrusted(f"the portal redirects {fault}", new.hostname)
        return Moved(_origin(new))

    def keep(self, endpoint: str, origin: str) -> str:
        """Remember that the portal of `endpoint` answers at `origin`, and report it; return where it was before.

        That is empty if nothing is new.
        """
        first = _origin(urlsplit(endpoint))
        before = self._origins.get(first, first)
        if before == origin:
            return ""
        self._origins[first] = origin
        old = urlsplit(before).netloc
        if self._report is not None:
            self._report(old, urlsplit(origin).netloc)
        return old

    def _fault(self, old: SplitResult, new: SplitResult) -> str:
        if "@" in new.netloc:
            return "with a user name in the address"
        if new.scheme != "https" and not self._is_insecure_loopback(new):
            return "to an address without https"
        if _origin(new) == _origin(old):
            return "to itself"
        if new.path.rstrip("/") != old.path.rstrip("/"):
            return f"to another path of {new.hostname}, which is no move of the portal"
        if not (self._is_within_cloud(old, new) or self._is_accepted(old.netloc, new.netloc)):
            return f"to {new.netloc}, which nobody has agreed to; if the portal is there now, use that address"
        return ""

    def _is_insecure_loopback(self, new: SplitResult) -> bool:
        return self._allow_insecure_loopback and new.scheme == "http" and is_loopback(new.hostname or "")

    @staticmethod
    def _is_within_cloud(old: SplitResult, new: SplitResult) -> bool:
        hosts = re.fullmatch(CLOUD_HOST, old.hostname or ""), re.fullmatch(CLOUD_HOST, new.hostname or "")
        return all(hosts) and _port(old) == _port(new)

    def _is_accepted(self, old: str, new: str) -> bool:
        if self._accept is None:
            return False
        try:
            return self._accept(old, new) is True
        except Exception as error:  # noqa: BLE001  # the caller's own code
            fault = type(error).__name__
        raise _untrusted(f"the portal redirects to {new}, and `accept_move` failed with {fault}", new)


def at(endpoint: str, origin: str) -> str:
    """Return an address with its path at another origin."""
    return origin + urlsplit(endpoint).path


def location_of(response: "aiohttp.ClientResponse") -> str | None:
    """Return where a redirect leads, None for any other answer."""
    return response.headers.get("Location") if response.status in _REDIRECTS else None


def _untrusted(what: str, host: str | None) -> UntrustedRedirect:
    error = UntrustedRedirect(f"{what}; nothing was sent there")
    error.location = host
    return error


def _parsed(sent_to: str, location: str) -> SplitResult | None:
    try:
        new = urlsplit(urljoin(sent_to, location))
        host = new.hostname
        _ = new.port
    except ValueError:
        return None
    # What is compared has to be what is connected to: plain ASCII, and nothing that a parser may read in two ways.
    return new if host and re.fullmatch(r"[!-\[\]-~]+", location) else None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    place = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{place}" if _port(parts) == default else f"{parts.scheme}://{place}:{_port(parts)}"
