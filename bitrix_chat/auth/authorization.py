"""The one place that sends the client secret, and only to the authorization server: once a question, no redirects."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import aiohttp
from attrs import define, field

from bitrix_chat.auth.addresses import portal_endpoint, server_origin
from bitrix_chat.auth.answers import Answer, token_or_error
from bitrix_chat.auth.token import Token
from bitrix_chat.http.lending import own_headers, proxy_headers, sharing
from bitrix_chat.http.tls import verification_for, warn_where_unverified
from bitrix_chat.http.unpacking import ACCEPTED, Unreadable, read_whole
from bitrix_chat.http.unrepeated import seen_behind, unrepeated
from bitrix_chat.rest.tracebacks import discreet_coroutine, discreetly_made

DEFAULT_SERVER: Final = "https://oauth.bitrix.info"
"""Answers for every cloud portal, and for self-hosted ones too."""

_PATH: Final = "/oauth/token/"
_CONNECT: Final = 10.0
_TOTAL: Final = 30.0
_LARGEST: Final = 256 * 1024


def authorize_url(portal: str, client_id: str, state: str | None = None) -> str:
    """Return the page where a portal's user lets the application in.

    It leads back to the address in the application's card with a `code`, valid for 30 seconds, and with
    `state`: make that unguessable and compare it, or anybody's code is taken for your user's.

    Raises:
        InvalidPortalUrl: `portal` is no portal address.

    Source: documentation topic "OAuth 2.0".
    """
    query = {"client_id": client_id} if state is None else {"client_id": client_id, "state": state}
    return f"{portal_endpoint(portal).removesuffix('rest/')}oauth/authorize/?{urlencode(query)}"


@discreetly_made
@define(eq=False)
class AuthorizationServer:
    """Exchanges codes and refresh tokens for token pairs.

    A question is sent at most once. It is a POST, which keeps secrets out of addresses and their
    logs; where the server does not take one, the documented GET, from then on at once.

    A session passed in lends its connections, proxy and tracing, and is never closed. Its headers
    and cookies are for others than this server, and its middlewares are left out, since one that
    retries would spend a token twice. Certificates are verified, also where its connector does
    not, which earns a `RuntimeWarning`; plain http to a loopback host goes by no proxy.

    Attributes:
        base_url: scheme and host; https, except for a loopback host.
        session: the session whose connections to use; None opens one for each question.
        timeout: seconds for a whole question, of which up to 10 for the connection.

    Source: documentation topic "OAuth 2.0"; that POST is accepted is known from the official SDK.
    """

    base_url: str = field(default=DEFAULT_SERVER, converter=server_origin)
    session: aiohttp.ClientSession | None = field(default=None, repr=False)
    timeout: float = field(default=_TOTAL, kw_only=True)
    _by_query: bool = field(default=False, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        warn_where_unverified(self.session)

    @discreet_coroutine
    async def exchange(self, client_id: str, client_secret: str, code: str) -> Token:
        """Exchange the code from the authorization page, within 30 seconds of its issue.

        Raises:
            ReauthorizationRequired: the code is spent or too old, or the application was refused.
            TokenRefreshFailed: no usable answer; whether the code is spent cannot be told.
        """
        return await self._ask(
            {
                "grant_type": "authorization_code",
                "client_id": client_id,
                "client_secret": client_secret,
                "code": code,
            }
        )

    @discreet_coroutine
    async def refresh(self, client_id: str, client_secret: str, refresh_token: str) -> Token:
        """Spend a refresh token for a new pair; keep that before using it.

        Raises:
            ReauthorizationRequired: the refresh token is spent or revoked, or the application was refused.
            TokenRefreshFailed: no usable answer; the token may be tried again.
        """
        return await self._ask(
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret,
                "refresh_token": refresh_token,
            }
        )

    async def _ask(self, form: Mapping[str, str]) -> Token:
        if not self._by_query:
            answer = await self._send("POST", form)
            if not answer.asks_for_query(form):
                return token_or_error(answer, form)
        answer = await self._send("GET", form)
        self._by_query = not answer.asks_for_query(form)
        return token_or_error(answer, form)

    async def _send(self, verb: str, form: Mapping[str, str]) -> Answer:
        # An exception of aiohttp carries the URL, which holds the client secret in a GET. So whatever
        # is raised ends here, and the error for the caller is raised where none is being handled.
        try:
            async with self._new_session() as session:
                return await self._exchange(session, verb, form)
        except Exception as error:  # noqa: BLE001  # the caller's session may raise anything, a closed one does
            return Answer(failure=type(seen_behind(error)).__name__)

    async def _exchange(self, session: aiohttp.ClientSession, verb: str, form: Mapping[str, str]) -> Answer:
        async with session.request(
            verb,
            f"{self.base_url}{_PATH}",
            params=form if verb == "GET" else None,
            data=None if verb == "GET" else aiohttp.FormData(form),
            headers={"Accept": "application/json"},
            allow_redirects=False,
            raise_for_status=False,
            middlewares=(unrepeated,),
            ssl=verification_for(self.session),
            proxy_headers=proxy_headers(self.session),
            timeout=aiohttp.ClientTimeout(total=self.timeout, connect=min(_CONNECT, self.timeout)),
        ) as response:
            return await _read(response)

    def _new_session(self) -> aiohttp.ClientSession:
        headers = own_headers(self.session, ACCEPTED)
        if self.session is not None:
            return sharing(self.session, headers, scheme=self.base_url.partition(":")[0])
        # The system's resolver, as for every other program of the host: aiohttp takes c-ares where that is installed.
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver(), force_close=True)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=headers, auto_decompress=False)


async def _read(response: aiohttp.ClientResponse) -> Answer:
    encoding = response.headers.get("Content-Encoding")
    body = await read_whole(response.content.iter_any(), encoding, _LARGEST)
    if isinstance(body, Unreadable):
        response.close()
        return Answer(response.status, failure=body.why)
    return Answer(response.status, body)
