"""Which addresses a download may go to: compared as they would be connected to, and refused when in doubt."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from yarl import URL

from bitrix_chat.errors import DownloadFailed, InvalidParameter

_NOT_IN_A_HOST: Final = {
    "://": "is an address, but a host name is what is compared",
    "@": "names a user, but a host name is what is compared",
    "/": "holds a path, but a host name is what is compared",
    "?": "holds a query, but a host name is what is compared",
    "#": "holds a fragment, but a host name is what is compared",
    "*": "is a pattern, but hosts are compared as they are",
}


class Place(NamedTuple):
    """Where a connection goes: the host in lower case and IDNA; without a port any is meant."""

    host: str
    port: int | None


class Links:
    """Judges links and redirects.

    Args:
        hosts: `host` or `host:port`, besides the portal's.

    Raises:
        InvalidParameter: an entry is none.
    """

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._places = frozenset(_places(hosts))

    def agreed(self, link: str, endpoint: str, base: URL | None = None) -> URL:
        """Return the address that a link, or a redirect from `base`, leads to.

        Raises:
            DownloadFailed: it is none, or leads to where nobody agreed to go.
        """
        url, portal = parsed(link, base), URL(endpoint, encoded=True)
        if url.scheme not in {portal.scheme, "https"}:
            raise DownloadFailed("the link is no https address; nothing was asked for")
        host = url.raw_host or ""
        if not is_at(url, endpoint) and self._places.isdisjoint({Place(host, None), Place(host, url.port)}):
            raise DownloadFailed(
                f"the link leads to {host}, not to the portal; nothing was asked for there. If files really lie"
                f" there, allow it by download_hosts=[{host!r}]"
            )
        return url


def is_at(url: URL, endpoint: str) -> bool:
    """Return whether an address is one of the portal's."""
    portal = URL(endpoint)
    return (url.raw_host, url.port) == (portal.raw_host, portal.port)


def parsed(link: str, base: URL | None = None) -> URL:
    """Return a link as the address that is connected to, with its path and query as written.

    Raises:
        DownloadFailed: it is no address, or names a user.
    """
    try:
        return _address(urlsplit(link if base is None else urljoin(str(base), link)))
    except (ValueError, TypeError):  # of UnicodeError too
        pass
    raise DownloadFailed("the portal gave no link to the file")


def _address(parts: SplitResult) -> URL:
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError
    host = _ascii(parts.hostname)
    place = f"[{host}]" if ":" in host else host
    netloc = place if parts.port is None else f"{place}:{parts.port}"
    text = parts._replace(netloc=netloc, fragment="").geturl()
    text.encode()  # half a surrogate pair, as a header may hold it, cannot be sent
    return URL(text, encoded=True)


def _ascii(host: str) -> str:
    url = URL.build(scheme="https", host=host)
    if not (url.host and url.raw_host):  # `host` is decoded, which finds what is no IDNA
        raise ValueError
    return url.raw_host.lower()


def _places(hosts: Collection[str]) -> Iterable[Place]:
    if isinstance(hosts, str):
        raise InvalidParameter("`download_hosts` is text, but it is a list of host names")
    if not isinstance(hosts, Collection):
        raise InvalidParameter(f"`download_hosts` is {type(hosts).__name__}, but it is a list of host names")
    return [_place(host) for host in hosts]


def _place(host: str) -> Place:
    if not isinstance(host, str):
        raise InvalidParameter(f"`download_hosts` holds {type(host).__name__}, but host names are text")
    for sign, fault in _NOT_IN_A_HOST.items():
        if sign in host:
            raise InvalidParameter(f"`download_hosts`: {host!r} {fault}: 'cdn.example', 'cdn.example:8443'")
    try:
        parts = urlsplit(f"//{host}")
        return Place(_ascii(parts.hostname or ""), parts.port)
    except ValueError:
        pass
    raise InvalidParameter(f"`download_hosts`: {host!r} is no host name, with or without a port")
