"""The client: builds the transport stack and hands out the portal's methods."""

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, Unpack

import aiohttp

from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import RateLimiter
from bitrix_chat.limits.operating import CLOUD_LIMIT
from bitrix_chat.rest.call import Call, seconds
from bitrix_chat.rest.request import Safety, Transport
from bitrix_chat.transport.dispatch import MAX_IN_FLIGHT, Dispatch
from bitrix_chat.transport.flights import Departing, OnOrphan
from bitrix_chat.transport.retrying import NO_RETRIES, RetryPolicy
from bitrix_chat.transport.signing import Signing, insecure
from bitrix_chat.transport.wire import Wire

if TYPE_CHECKING:
    from bitrix_chat.models.user import Profile
    from bitrix_chat.resources.app import AppResource
    from bitrix_chat.resources.arguments import Id
    from bitrix_chat.resources.event import EventResource
    from bitrix_chat.resources.general import MethodResource, ServerResource
    from bitrix_chat.resources.im import ImResource
    from bitrix_chat.resources.imbot import BotHandle, ImbotResource
    from bitrix_chat.resources.user import UserResource
    from bitrix_chat.rest.batch_result import BatchResult

GRACE: Final = 10.0
"""Seconds that `close` gives to what is in flight."""


class ClientOptions(TypedDict, total=False):
    """What a client takes besides `auth`; see `BitrixChat`."""

    session: aiohttp.ClientSession | None
    limiter: RateLimiter | Plan | None
    retry: RetryPolicy | None
    timeout: float | None
    operating_limit: float | None
    max_in_flight: int
    departing: Departing | None
    on_orphan: OnOrphan | None
    download_hosts: Collection[str]
    allow_insecure_loopback: bool


class BitrixChat:
    """An async client of one portal; `async with BitrixChat(auth) as b24`.

    Args:
        auth: who is calling: `WebhookAuth`, `OAuthAuth`, or a strategy of your own.
        session: an aiohttp session whose connections to use; it is neither closed nor changed.
        limiter: the portal's request limit: a `Plan` (`STANDARD`, `ENTERPRISE`) or a `RateLimiter` of your own.
            Without it, all clients of one event loop and one portal share a bucket; where a process sends from several
            addresses, give each client `shared_limiter(host, plan, egress=...)`.
        retry: how often to repeat what may be repeated; None for never.
        timeout: seconds for a whole call, waiting included; none by default, since waiting is what the limits ask for.
        operating_limit: seconds that one method may work in ten minutes: 480 in the cloud, 420 or None elsewhere.
        max_in_flight: HTTP requests at a time.
        departing: awaited with the requests of a group before its first byte; if it raises, nothing is sent.
        on_orphan: told what became of a request whose caller was cancelled after it had left.
        download_hosts: hosts besides the portal's own that the links of files may lead to: `host` or `host:port`.
        allow_insecure_loopback: whether a portal on this very machine may be talked to by `http://`; no other may.
    """

    def __init__(
        self,
        auth: AuthStrategy,
        *,
        session: aiohttp.ClientSession | None = None,
        limiter: RateLimiter | Plan | None = None,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008  # frozen
        timeout: float | None = None,
        operating_limit: float | None = CLOUD_LIMIT,
        max_in_flight: int = MAX_IN_FLIGHT,
        departing: Departing | None = None,
        on_orphan: OnOrphan | None = None,
        download_hosts: Collection[str] = (),
        allow_insecure_loopback: bool = False,
    ) -> None:
        _check(auth, session, limiter, operating_limit)
        if getattr(auth, "is_insecure", False) and not allow_insecure_loopback:
            raise insecure()
        if type(max_in_flight) is not int or max_in_flight < 1:
            raise InvalidParameter(f"`max_in_flight` is {max_in_flight!r}, but at least 1 request has to fly")
        from bitrix_chat.transport.downloading import Downloading, PortalTransport  # noqa: PLC0415  # with a client

        wire = Wire(session)
        signing = Signing(auth, wire, allow_insecure_loopback=allow_insecure_loopback)
        dispatch = Dispatch(
            signing,
            limiter=limiter,
            operating_limit=operating_limit,
            max_in_flight=max_in_flight,
            departing=departing,
            on_orphan=on_orphan,
        )
        self._layers: tuple[Dispatch, Signing] | None = (dispatch, signing)
        files = Downloading(wire, signing, dispatch, download_hosts)
        self._hand_out(PortalTransport(dispatch, retry or NO_RETRIES, seconds(timeout), files))

    def _hand_out(self, transport: Transport) -> None:
        # Methods and models are many: each branch is imported when it is first used, none with the package.
        from bitrix_chat.resources.general import GeneralResource  # noqa: PLC0415

        self._transport = transport
        self._general = GeneralResource(transport)

    @functools.cached_property
    def im(self) -> "ImResource":
        """Chats of people: the methods `im.*`, for the user of the webhook or token."""
        from bitrix_chat.resources.im import ImResource  # noqa: PLC0415

        return ImResource(self._transport)

    @functools.cached_property
    def imbot(self) -> "ImbotResource":
        """Registering and finding bots: `imbot.v2.Bot.*`; what one bot does is on `bot(id, token=...)`."""
        from bitrix_chat.resources.imbot import ImbotResource  # noqa: PLC0415

        return ImbotResource(self._transport)

    @functools.cached_property
    def user(self) -> "UserResource":
        """The portal's users: `user.current`, `user.get`."""
        from bitrix_chat.resources.user import UserResource  # noqa: PLC0415

        return UserResource(self._transport)

    @functools.cached_property
    def event(self) -> "EventResource":
        """Handlers of an application's events: `event.*`."""
        from bitrix_chat.resources.event import EventResource  # noqa: PLC0415

        return EventResource(self._transport)

    @functools.cached_property
    def app(self) -> "AppResource":
        """The application: `app.info`."""
        from bitrix_chat.resources.app import AppResource  # noqa: PLC0415

        return AppResource(self._transport)

    @functools.cached_property
    def server(self) -> "ServerResource":
        """The portal's server: `server.time`."""
        from bitrix_chat.resources.general import ServerResource  # noqa: PLC0415

        return ServerResource(self._transport)

    @functools.cached_property
    def method(self) -> "MethodResource":
        """What the portal can do: `method.get`."""
        from bitrix_chat.resources.general import MethodResource  # noqa: PLC0415

        return MethodResource(self._transport)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **options: Unpack[ClientOptions]) -> Self:
        """Make a client from the environment.

        `BITRIX24_WEBHOOK_URL`, or `BITRIX24_CLIENT_ID` and `BITRIX24_CLIENT_SECRET` with `BITRIX24_TOKEN_FILE` (kept
        up to date) or with `BITRIX24_ACCESS_TOKEN`, `BITRIX24_REFRESH_TOKEN` and `BITRIX24_CLIENT_ENDPOINT`. Where
        tokens come from another server than Bitrix24's, `BITRIX24_AUTHORIZATION_SERVER` names it.

        Args:
            environ: where to look.
            options: what the constructor takes besides `auth`.

        Raises:
            InvalidParameter: a variable is missing; the message names it.
        """
        return cls(_auth_from(environ), **options)

    @classmethod
    def over(cls, transport: Transport) -> Self:
        """Make a client whose calls go to a transport of your own, for tests; `close` leaves that alone."""
        client = cls.__new__(cls)
        client._layers = None  # noqa: SLF001  # its own
        client._hand_out(transport)  # noqa: SLF001
        return client

    def __repr__(self) -> str:
        return "<BitrixChat>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float = GRACE) -> None:
        """Close the client: what waits is refused, what flies has `grace` seconds to land, the rest is unknown."""
        if self._layers is not None:
            dispatch, signing = self._layers
            try:
                await dispatch.close(grace)
            finally:
                await signing.close()

    def bot(self, bot_id: "Id", *, token: str | None = None) -> "BotHandle":
        """Return what one bot can do.

        Args:
            bot_id: the bot's id.
            token: the token it was registered with; needed with a webhook, not with OAuth.
        """
        from bitrix_chat.resources.imbot import BotHandle  # noqa: PLC0415

        return BotHandle(self._transport, bot_id, token)

    def profile(self) -> "Call[Profile]":
        """Get whoever the webhook or token acts for. Source: `profile`."""
        return self._general.profile()

    def scope(self, *, full: bool | None = None) -> "Call[list[str]]":
        """Get the scopes of the webhook or token, or with `full` all there are. Source: `scope`."""
        return self._general.scope(full=full)

    def call(self, method: str, params: Mapping[str, Any] | None = None, *, safety: Safety | None = None) -> Call[Any]:
        """Call any REST method by its name and get its raw result; see `GeneralResource.call`."""
        return self._general.call(method, params, safety=safety)

    def batch(self, calls: Sequence[Call[Any]] | Mapping[str, Call[Any]], *, halt: bool = False) -> "Call[BatchResult]":
        """Send up to 50 calls as one request; see `GeneralResource.batch`."""
        return self._general.batch(calls, halt=halt)


def _check(auth: object, session: object, limiter: object, operating_limit: float | None) -> None:
    if isinstance(auth, type) or not isinstance(auth, AuthStrategy):
        raise InvalidParameter(f"`auth` is {_kind(auth)}, not WebhookAuth(url) or another AuthStrategy")
    if session is not None and not isinstance(session, aiohttp.ClientSession):
        raise InvalidParameter(f"`session` is {_kind(session)}, not an aiohttp.ClientSession")
    if limiter is not None and (isinstance(limiter, type) or not isinstance(limiter, Plan | RateLimiter)):
        raise InvalidParameter(f"`limiter` is {_kind(limiter)}, not STANDARD, ENTERPRISE or another RateLimiter")
    if operating_limit is not None and not operating_limit > 0:
        raise InvalidParameter(f"`operating_limit` is {operating_limit}, but seconds are more than 0; None is no limit")


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _auth_from(environ: Mapping[str, str]) -> AuthStrategy:
    from bitrix_chat.auth import FileTokenStore, OAuthAuth, Token, WebhookAuth  # noqa: PLC0415  # only what is asked for
    from bitrix_chat.auth.authorization import DEFAULT_SERVER  # noqa: PLC0415

    if url := environ.get("BITRIX24_WEBHOOK_URL"):
        return WebhookAuth(url)
    client_id = _required(environ, "BITRIX24_CLIENT_ID", "or BITRIX24_WEBHOOK_URL")
    client_secret = _required(environ, "BITRIX24_CLIENT_SECRET")
    server = environ.get("BITRIX24_AUTHORIZATION_SERVER") or DEFAULT_SERVER
    if path := environ.get("BITRIX24_TOKEN_FILE"):
        return OAuthAuth(client_id, client_secret, store=FileTokenStore(path), authorization_server=server)
    token = Token(
        access_token=_required(environ, "BITRIX24_ACCESS_TOKEN", "or BITRIX24_TOKEN_FILE"),
        refresh_token=_required(environ, "BITRIX24_REFRESH_TOKEN"),
        client_endpoint=_required(environ, "BITRIX24_CLIENT_ENDPOINT"),
    )
    return OAuthAuth(client_id, client_secret, token, authorization_server=server)


def _required(environ: Mapping[str, str], name: str, alternative: str = "") -> str:
    if value := environ.get(name):
        return value
    raise InvalidParameter(" ".join(filter(None, (f"the environment variable {name}", alternative, "is not set"))))
