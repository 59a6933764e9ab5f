"""The client: builds the transport stack and hands out the portal's methods."""

import functools
import math
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, Unpack

import aiohttp

from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import MAX_IN_FLIGHT, RateLimiter
from bitrix_chat.limits.operating import CLOUD_LIMIT
from bitrix_chat.rest.call import Call, seconds
from bitrix_chat.rest.request import Safety, Transport
from bitrix_chat.rest.tracebacks import discreet, discreet_coroutine
from bitrix_chat.transport.deadline import QUIESCENCE
from bitrix_chat.transport.retrying import NO_RETRIES, RetryPolicy

if TYPE_CHECKING:
    from bitrix_chat.events.bot import BotClient
    from bitrix_chat.events.desired import DesiredBot
    from bitrix_chat.events.registration import Ensured
    from bitrix_chat.models.user import Profile
    from bitrix_chat.resources.app import AppResource
    from bitrix_chat.resources.arguments import Id
    from bitrix_chat.resources.event import EventResource
    from bitrix_chat.resources.general import MethodResource, ServerResource
    from bitrix_chat.resources.im import ImResource
    from bitrix_chat.resources.imbot import ImbotResource
    from bitrix_chat.resources.user import UserResource
    from bitrix_chat.rest.batch_result import BatchResult
    from bitrix_chat.shared import Shared
    from bitrix_chat.transport.announcing import Departing
    from bitrix_chat.transport.flights import OnOrphan
    from bitrix_chat.transport.moving import AcceptMove, OnMove

GRACE: Final = 10.0
"""Seconds that `close` gives to what is in flight."""


class ClientOptions(TypedDict, total=False):
    """What a client takes besides `auth`; see `BitrixChat`."""

    session: aiohttp.ClientSession | None
    limiter: RateLimiter | Plan | None
    shared: "Shared | None"
    egress: str
    retry: RetryPolicy | None
    timeout: float | None
    operating_limit: float | None
    max_in_flight: int
    coalesce: bool
    departing: "Departing | None"
    on_orphan: "OnOrphan | None"
    download_hosts: Collection[str]
    quiescence: float
    accept_move: "AcceptMove | None"
    on_move: "OnMove | None"
    allow_insecure_loopback: bool


class BitrixChat:
    """An async client of one portal; `async with BitrixChat(auth) as b24`.

    Args:
        auth: who is calling: `WebhookAuth`, `OAuthAuth`, or a strategy of your own.
        session: an aiohttp session whose connections to use; it is neither closed nor changed.
        limiter: the portal's request limit: a `Plan` (`STANDARD`, `ENTERPRISE`) or a `RateLimiter` of your own.
            A limiter of your own is not shared by `shared`.
        shared: with whom the limits, and the tokens of an `OAuthAuth` without a store, are shared: `"host"` with the
            processes of this machine, `"redis://..."` with all machines that name the same Redis or Valkey server
            (extra `redis`), or a `Sharing` of your own. By default with all clients of this event loop.
        egress: names the address that requests leave from, where there are several (machines, proxies): the portal
            counts each on its own, and so do we. Machines behind one address give the same name.
        retry: how often to repeat what may be repeated; None for never.
        timeout: seconds for a whole call, waiting included; none by default, since waiting is what the limits ask for.
        operating_limit: seconds that one method may work in ten minutes: 480 in the cloud, 420 or None elsewhere.
        max_in_flight: HTTP requests at a time.
        coalesce: whether calls that wait may travel together in one `batch`, as far as nothing is lost by it; a call is
            kept out by `call.alone()`.
        departing: awaited with the requests of a group before its first byte; if it raises, nothing is sent. Where that
            byte does not follow within a quarter of the quiescence, it is awaited anew.
        on_orphan: told what became of a request whose caller was cancelled after it had left.
        download_hosts: hosts besides the portal's own that the links of files may lead to: `host` or `host:port`.
        quiescence: seconds after which the portal can no longer be working on a request, so that a key that is not
            found may be sent again: twice the 60 of the cloud unless told otherwise; more where a self-hosted one takes
            longer.
        accept_move: asked with the old and the new host when the portal answers from another address (it was renamed):
            whether requests, and the secrets in them, may go there. From one host of Bitrix24's cloud to another they
            may without asking.
        on_move: told the old and the new host once a call has succeeded there; use that address from then on.
        allow_insecure_loopback: whether a portal on this very machine may be talked to by `http://`; no other may.
    """

    def __init__(
        self,
        auth: AuthStrategy,
        *,
        session: aiohttp.ClientSession | None = None,
        limiter: RateLimiter | Plan | None = None,
        shared: "Shared | None" = None,
        egress: str = "",
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008  # frozen
        timeout: float | None = None,
        operating_limit: float | None = CLOUD_LIMIT,
        max_in_flight: int = MAX_IN_FLIGHT,
        coalesce: bool = True,
        departing: "Departing | None" = None,
        on_orphan: "OnOrphan | None" = None,
        download_hosts: Collection[str] = (),
        quiescence: float = QUIESCENCE,
        accept_move: "AcceptMove | None" = None,
        on_move: "OnMove | None" = None,
        allow_insecure_loopback: bool = False,
    ) -> None:
        _check(auth, session, limiter, operating_limit)
        if not isinstance(egress, str):
            raise InvalidParameter(f"`egress` is {_kind(egress)}, but it is a name")
        _check_seconds("quiescence", quiescence)
        # The layers are imported with the first client.
        from bitrix_chat.shared import sharing_of  # noqa: PLC0415
        from bitrix_chat.transport.stack import Stack  # noqa: PLC0415

        sharing, owns_sharing = sharing_of(shared)

        self._stack: Stack | None = Stack(
            auth,
            session=session,
            limiter=limiter,
            sharing=sharing,
            owns_sharing=owns_sharing,
            egress=egress,
            policy=retry or NO_RETRIES,
            timeout=seconds(timeout),
            operating_limit=operating_limit,
            max_in_flight=max_in_flight,
            coalesce=coalesce,
            departing=departing,
            on_orphan=on_orphan,
            download_hosts=download_hosts,
            quiescence=quiescence,
            accept_move=accept_move,
            on_move=on_move,
            allow_insecure_loopback=allow_insecure_loopback,
        )
        self._hand_out(self._stack.transport)

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
    @discreet
    def from_env(cls, environ: Mapping[str, str] = os.environ, **options: Unpack[ClientOptions]) -> Self:
        """Make a client from the environment.

        `BITRIX24_WEBHOOK_URL`, or `BITRIX24_CLIENT_ID` and `BITRIX24_CLIENT_SECRET` with `BITRIX24_TOKEN_FILE` (kept
        up to date) or with `BITRIX24_ACCESS_TOKEN`, `BITRIX24_REFRESH_TOKEN` and `BITRIX24_CLIENT_ENDPOINT`. Where
        tokens come from another server than Bitrix24's, `BITRIX24_AUTHORIZATION_SERVER` names it. `BITRIX24_SHARED` and
        `BITRIX24_EGRESS` say `shared` and `egress`, unless those are given.

        Args:
            environ: where to look.
            options: what the constructor takes besides `auth`.

        Raises:
            InvalidParameter: a variable is missing; the message names it.
        """
        from bitrix_chat.environment import auth_from  # noqa: PLC0415  # only where it is asked for

        options.setdefault("shared", environ.get("BITRIX24_SHARED") or None)
        options.setdefault("egress", environ.get("BITRIX24_EGRESS", ""))
        return cls(auth_from(environ), **options)

    @classmethod
    def over(cls, transport: Transport) -> Self:
        """Make a client whose calls go to a transport of your own, for tests; `close` leaves that alone."""
        client = cls.__new__(cls)
        client._stack = None  # noqa: SLF001  # its own
        client._hand_out(transport)  # noqa: SLF001
        return client

    def __repr__(self) -> str:
        return "<BitrixChat>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float = GRACE) -> None:
        """Close the client: what waits is refused, what flies has `grace` seconds to land, the rest is unknown.

        Raises:
            WrongEventLoop: it was used in another event loop, thread or process.
        """
        if self._stack is not None:
            await self._stack.close(grace)

    @discreet
    def bot(self, bot_id: "Id", *, token: str | None = None) -> "BotClient":
        """Return what one bot can do, and what happens to it.

        Args:
            bot_id: the bot's id.
            token: the token it was registered with; needed with a webhook, not with OAuth.
        """
        from bitrix_chat.events.bot import BotClient  # noqa: PLC0415

        return BotClient(self._transport, bot_id, token)

    @discreet_coroutine
    async def ensure_bot(
        self, desired: "DesiredBot", *, remove_others: bool = False, rewrite: bool = True, dry_run: bool = False
    ) -> "Ensured":
        """Find a bot by its code or register it, and make it as it is declared; see `BotClient.ensure`.

        Raises:
            InvalidParameter: the declaration is one that the portal would refuse, or contradicts what the bot is for
                ever, its type and code; nothing was written.
            BotNotOwned: the bot is another's, or the token is wrong; nothing was written.
            BotNotRegistered: the portal refuses the registration; there are 100 bots already, for example.

        Source: `imbot.v2.Bot.register`, `imbot.v2.Bot.update`, `imbot.v2.Command.*` (scope `imbot`).
        """
        from bitrix_chat.events.registration import ensure_bot  # noqa: PLC0415

        return await ensure_bot(self._transport, desired, remove_others=remove_others, rewrite=rewrite, dry_run=dry_run)

    def profile(self) -> "Call[Profile]":
        """Get whoever the webhook or token acts for. Source: `profile`."""
        return self._general.profile()

    def scope(self, *, full: bool | None = None) -> "Call[list[str]]":
        """Get the scopes of the webhook or token, or with `full` all there are. Source: `scope`."""
        return self._general.scope(full=full)

    @discreet
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


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidParameter(f"`{name}` is {value!r}, but seconds are more than 0")


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
