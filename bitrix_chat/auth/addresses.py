"""Portal addresses, told apart strictly: a URL that is nearly right would carry a secret to the wrong place.

Nothing of the text that was passed is ever repeated in an error, since any part of it may be the secret.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from bitrix_chat.errors import InsecureUrl, InvalidPortalUrl
from bitrix_chat.rest.secret import Secret
from bitrix_chat.rest.tracebacks import discreet

_WEBHOOK: Final = "a webhook URL reads https://<portal>/rest/<user id>/<secret>/, with or without a method name behind"
_PORTAL: Final = "a portal's address reads https://<portal>/ or just <portal>, with or without /rest/ behind"
_SERVER: Final = "an authorization server's address reads https://<host>/"

_HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# What resolvers read as an IPv4 address in one of its old forms: one number, octal or hexadecimal ones.
_NUMBER: Final = re.compile(r"(.*\.)?([0-9]+|0x[^.]*)")
_UNPRINTABLE: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]+")
_USER_ID: Final = re.compile(r"0*[1-9][0-9]{0,17}")
_METHOD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_IS_WEBHOOK: Final = re.compile(r"[a-z]+://[^/]+/rest/\d", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@frozen
class WebhookAddress:
    """An inbound webhook's URL, taken apart.

    Attributes:
        endpoint: the URL up to its secret, with a trailing slash.
        host: host name in lower case, with the port where it is not the scheme's own.
        user_id: the user in whose name the webhook acts.
    """

    endpoint: Secret = field(repr=False)
    host: str = field(eq=False)
    user_id: int = field(eq=False)


def webhook_address(text: str) -> WebhookAddress:
    """Take apart an inbound webhook's URL as the portal shows it, a method name at its end left out.

    Raises:
        InvalidPortalUrl: the text is none; the message says what is wrong and never repeats the text.
    """
    try:
        return _webhook_address(text)
    finally:
        del text  # no frame that an error leads through may show it


@discreet
def _webhook_address(text: str) -> WebhookAddress:
    parts = _split(_trimmed(text, _WEBHOOK), _WEBHOOK)
    head, *rest = parts.path.removeprefix("/").removesuffix("/").split("/")
    _check_webhook_path(head, rest)
    authority = _authority(parts, _WEBHOOK)
    user_id = int(rest[0])
    endpoint = Secret(f"{parts.scheme}://{authority}/rest/{user_id}/{rest[1]}/")
    return WebhookAddress(endpoint, authority, user_id)


def portal_endpoint(text: str) -> str:
    """Return a portal's REST address with a trailing slash; https where the text names no scheme.

    Raises:
        InvalidPortalUrl: the text is no portal address, or is a webhook URL.
    """
    try:
        return _portal_endpoint(text)
    finally:
        del text  # no frame that an error leads through may show it


@discreet
def _portal_endpoint(text: str) -> str:
    parts = _split(_with_scheme(_trimmed(text, _PORTAL)), _PORTAL)
    if re.match(r"/rest/\d", parts.path):
        raise _refusal("a webhook URL holds a secret and stands for itself: pass it to WebhookAuth", _PORTAL)
    if parts.path not in {"", "/", "/rest", "/rest/"}:
        raise _refusal("it goes on behind the portal's address", _PORTAL)
    return f"{parts.scheme}://{_authority(parts, _PORTAL)}/rest/"


def rest_endpoint(text: str) -> str:
    """Return the address that requests go to, with a trailing slash: of a webhook's URL or of a portal.

    Raises:
        InvalidPortalUrl: the text is neither.
    """
    try:
        return _rest_endpoint(text)
    finally:
        del text  # no frame that an error leads through may show it


@discreet
def _rest_endpoint(text: str) -> str:
    if isinstance(text, str) and _IS_WEBHOOK.match(text.strip()):
        return webhook_address(text).endpoint
    return portal_endpoint(text)


def is_insecure(endpoint: str) -> bool:
    """Return whether a checked address goes over plain http, which is left to loopback hosts."""
    return endpoint.startswith("http://")


def server_origin(text: str) -> str:
    """Return an authorization server's scheme, host and port, without a slash at the end.

    Raises:
        InvalidPortalUrl: the text is no https address, or goes on behind the host.
    """
    try:
        return _server_origin(text)
    finally:
        del text  # no frame that an error leads through may show it


@discreet
def _server_origin(text: str) -> str:
    parts = _split(_with_scheme(_trimmed(text, _SERVER)), _SERVER)
    if parts.path not in {"", "/"}:
        raise _refusal("it goes on behind the host", _SERVER)
    return f"{parts.scheme}://{_authority(parts, _SERVER)}"


def _refusal(what: str, allowed: str) -> InvalidPortalUrl:
    return InvalidPortalUrl(f"{what}; {allowed}")


def _trimmed(text: object, allowed: str) -> str:
    if not isinstance(text, str):
        raise _refusal(f"an address is text, not {type(text).__name__}", allowed)
    return text.strip()


def _with_scheme(text: str) -> str:
    return text if "://" in text else f"https://{text}"


def _split(text: str, allowed: str) -> SplitResult:
    """Split a URL after refusing what no address of a portal holds."""
    if _UNPRINTABLE.search(text):
        raise _refusal("it holds white space, a backslash or a control character", allowed)
    if "://" not in text:
        raise _refusal("the scheme is missing: it has to begin with https://", allowed)
    parts = _urlsplit(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS:
        raise _refusal("it is no https:// URL", allowed)
    _check_extras(text, parts, allowed)
    _check_transport(parts, allowed)
    return parts


def _urlsplit(text: str) -> SplitResult | None:
    # The error of `urlsplit` quotes the text; a None leaves no trace of it in `__context__`.
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _check_extras(text: str, parts: SplitResult, allowed: str) -> None:
    if "@" in parts.netloc:
        raise _refusal("a user name or password before the host is not allowed", allowed)
    if "?" in text:
        raise _refusal("a query string is not allowed", allowed)
    if "#" in text:
        raise _refusal("a fragment is not allowed", allowed)


def _check_transport(parts: SplitResult, allowed: str) -> None:
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise InsecureUrl(f"http:// would show the secret to the network (only a loopback host may have it); {allowed}")


def _check_webhook_path(head: str, rest: list[str]) -> None:
    if head != "rest":
        raise _refusal("/rest/ is missing behind the host: this is no inbound webhook of a portal", _WEBHOOK)
    if rest[:1] == ["api"]:
        raise _refusal("/rest/api/ is REST v3, which has no chat methods", _WEBHOOK)
    if not rest or not _USER_ID.fullmatch(rest[0]):
        raise _refusal("the user id is missing behind /rest/", _WEBHOOK)
    if len(rest) == 1 or not rest[1] or "." in rest[1]:
        raise _refusal("the secret is missing behind the user id", _WEBHOOK)
    if not _SECRET.fullmatch(rest[1]):
        raise _refusal("the secret holds something other than letters, digits, - and _", _WEBHOOK)
    if len(rest) > 3 or not all(_METHOD.fullmatch(name) for name in rest[2:]):
        raise _refusal("something other than a method name follows the secret", _WEBHOOK)


def _authority(parts: SplitResult, allowed: str) -> str:
    host = _host(parts.hostname or "")
    port = _port(parts)
    if not host:
        raise _refusal("the host name is missing or malformed", allowed)
    if port == 0:
        raise _refusal("the port is no number from 1 to 65535", allowed)
    return host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return 0


def _host(name: str) -> str:
    """Return a host as it stands in a URL, a name from another script in its ASCII form; "" for none."""
    if (address := _ip_address(name)) is not None:
        return f"[{address.compressed}]" if address.version == 6 else address.compressed
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    if len(ascii_name) > 253 or _NUMBER.fullmatch(ascii_name):
        return ""
    return ascii_name if _HOST_NAME.fullmatch(ascii_name) else ""


def is_loopback(name: str) -> bool:
    """Return whether a host is this very machine."""
    address = _ip_address(name)
    return name == "localhost" if address is None else address.is_loopback


def is_foreign_ip_address(name: str) -> bool:
    """Return whether a host, with a port or without, is a number and not of this very machine."""
    return is_ip_address(name) and not is_loopback(urlsplit(f"//{name}").hostname or "")


def is_ip_address(name: str) -> bool:
    """Return whether a host, with a port or without, is a number."""
    return _ip_address(urlsplit(f"//{name}").hostname or "") is not None


def _ip_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if "%" in name:
        return None
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
