"""An installation is the one event that brings tokens, and the one that nobody can verify before it is known.

Whoever knows the address of a receiver can post one. Its addresses are therefore held against what a portal can be
called, and its tokens against the portal itself, by whoever accepts the installation.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import aiohttp
from attrs import field, frozen

from bitrix_chat.auth.addresses import portal_endpoint
from bitrix_chat.auth.authorization import DEFAULT_SERVER, AuthorizationServer
from bitrix_chat.auth.oauth import OAuthAuth
from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.decode import decode_posted
from bitrix_chat.events.errors import UntrustedInstallation
from bitrix_chat.events.event_data import with_concealed_auth
from bitrix_chat.events.types import AppInstalled
from bitrix_chat.rest.redaction import host_of
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet
from bitrix_chat.transport.moving import CLOUD_HOST

AUTHORIZATION_HOSTS: Final = frozenset({"oauth.bitrix.info", "oauth.bitrix24.tech"})
_MEMBER_ID: Final = re.compile("[A-Za-z0-9_-]{1,64}")


@frozen(kw_only=True)
class Installation:
    """What a portal said when an administrator installed the application there; its addresses are checked.

    Nothing of it is proven yet. Before it is trusted, call `app.info` with `auth(...)` and compare its code or id with
    your application's: only the portal that it names can answer that.

    Attributes:
        event: the event as handlers will see it.
        member_id: the portal's own id, the same after a change of address.
        application_token: what every later event of this portal is verified by; keep it with the member id.
        token: the first pair; its `client_endpoint` is the portal's address.
        status: how the application is licensed.
    """

    event: AppInstalled
    member_id: str
    application_token: str = field(repr=False, converter=concealed)
    token: Token
    status: str = ""

    @property
    def host(self) -> str:
        """The portal's host."""
        return host_of(self.token.client_endpoint)

    @discreet
    def auth(
        self,
        client_id: str,
        client_secret: str,
        *,
        store: TokenStore | None = None,
        authorization_server: str | AuthorizationServer = DEFAULT_SERVER,
        session: aiohttp.ClientSession | None = None,
    ) -> OAuthAuth:
        """Make what a client acts for the application with on this portal.

        The server that the event names is not asked: anybody could have written it, and it would be sent the secret.

        Args:
            client_id: from the application's card.
            client_secret: likewise.
            store: where pairs are kept, one for each portal; `await auth.install(installation.token)` replaces what is
                in it from an earlier installation.
            authorization_server: as for `OAuthAuth`.
            session: as for `OAuthAuth`.
        """
        return OAuthAuth(
            client_id,
            client_secret,
            self.token,
            store=store,
            authorization_server=authorization_server,
            session=session,
        )


@discreet
def installation_of(form: Mapping[str, Any], *, hosts: Collection[str] = ()) -> Installation:
    """Read the parsed form of an installation event.

    The portal has to be one of Bitrix24's cloud or of `hosts`, by https: so no address is a number, and none of your
    own network, unless you named it. The authorization server has to be one of Bitrix24's or of `hosts`.

    Args:
        form: as `read_form` gives it, tokens included.
        hosts: self-hosted portals, `b24.acme.example` or `b24.acme.example:8443`.

    Raises:
        UntrustedInstallation: it is no installation, lacks a token, or names another address.
        InvalidParameter: an entry of `hosts` is no portal's address.
    """
    allowed = allowed_endpoints(hosts)
    form = with_concealed_auth(form)
    auth, event = form["auth"], decode_posted(form)
    if not isinstance(event, AppInstalled):
        raise UntrustedInstallation("this is no event of an installation")
    token = _token(auth)
    _check_addresses(token, auth, allowed)
    if not is_member_id(token.member_id) or not _is_text(auth.get("application_token")):
        raise UntrustedInstallation("the installation lacks the portal's id or the application's token")
    return Installation(
        event=event,
        member_id=token.member_id,
        application_token=auth["application_token"],
        token=token,
        status=auth["status"] if _is_text(auth.get("status")) else "",
    )


def allowed_endpoints(hosts: Iterable[str]) -> frozenset[str]:
    """Return the REST addresses of a list of hosts.

    Raises:
        InvalidParameter: it is no list, or an entry is no portal's address.
    """
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise InvalidParameter(f"`hosts` is {type(hosts).__name__}, but it is a list of host names")
    return frozenset(map(portal_endpoint, hosts))


def is_member_id(value: object) -> bool:
    """Return whether a portal's id is one that may be looked up, or name a file."""
    return isinstance(value, str) and _MEMBER_ID.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _token(auth: Mapping[str, Any]) -> Token:
    try:
        return Token.from_answer(auth)
    except InvalidParameter as error:
        fault = error.description
    raise UntrustedInstallation(f"the installation brings no usable pair: {fault}")


def _check_addresses(token: Token, auth: Mapping[str, Any], allowed: frozenset[str]) -> None:
    host = host_of(token.client_endpoint)
    if token.client_endpoint not in allowed and not _is_at(token.client_endpoint, CLOUD_HOST):
        raise UntrustedInstallation(f"the installation is of {host}, which is neither in the cloud nor in `hosts`")
    if "domain" in auth and _endpoint(auth["domain"], token.client_endpoint) != token.client_endpoint:
        raise UntrustedInstallation(f"the installation is of {host}, but names another domain")
    if "server_endpoint" in auth:
        server = _endpoint(auth["server_endpoint"])
        if server not in allowed and host_of(server) not in AUTHORIZATION_HOSTS:
            raise UntrustedInstallation("the installation names an authorization server that is not Bitrix24's")


def _is_at(endpoint: str, pattern: str) -> bool:
    return re.fullmatch(pattern, host_of(endpoint)) is not None and endpoint.startswith("https://")


def _endpoint(text: object, like: str = "https://") -> str:
    """Return an address with a scheme, a bare domain with that of another; "" for none."""
    if not isinstance(text, str):
        return ""
    scheme = "" if "://" in text else f"{like.partition('://')[0]}://"
    try:
        return portal_endpoint(scheme + text)
    except InvalidParameter:
        return ""
