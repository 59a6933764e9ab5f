"""`Portals`: what a process that serves many portals keeps instead of a client."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, Self, TypeAlias, Unpack

from bitrix_chat.auth.authorization import DEFAULT_SERVER, AuthorizationServer
from bitrix_chat.auth.oauth import OAuthAuth
from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.auth.token import Token
from bitrix_chat.auth.webhook import WebhookAuth
from bitrix_chat.client import GRACE, BitrixChat, ClientOptions
from bitrix_chat.errors import InvalidParameter, ReauthorizationRequired
from bitrix_chat.events.installation import is_member_id
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import MAX_IN_FLIGHT
from bitrix_chat.portals.application import Application, Stores, awaited
from bitrix_chat.portals.clients import LentClient, OpenClients, Opened
from bitrix_chat.portals.connections import Connections, FileLimit
from bitrix_chat.portals.errors import UnknownPortal
from bitrix_chat.rest.tracebacks import discreet
from bitrix_chat.shared import sharing_of
from bitrix_chat.transport.home import Home

IDLE: Final = 300.0
"""Seconds without a user after which a client is closed."""
MOST: Final = 1000
"""Clients at a time."""

AuthOf: TypeAlias = Callable[[str], AuthStrategy | Awaitable[AuthStrategy | None] | None]
"""Gives what to act by on the portal with a `member_id`, sync or async; None for a portal that is not known."""

_ANYBODY: Final = WebhookAuth("https://portal.example/rest/1/none/")


class PortalsOptions(ClientOptions, total=False):
    """What a registry takes besides `auth`; see `Portals`."""

    idle: float
    most: int


class Portals:
    """Hands out one client a portal, by its `member_id`, over one aiohttp session: `async with portals.client(id)`.

    Portals are kept apart: the limits of each are its own, a portal that does not answer holds up nobody but those who
    asked for it, and a client that is closed takes nothing along that has to be remembered (how much of its limits was
    used, keys whose creation is in doubt). Use it in one event loop.

    Args:
        auth: gives what to act by on a portal, sync or async, and None for a portal that is not known; asked when a
            client is opened. For an application that is installed on many portals there is `Portals.of_application`.
        idle: seconds without a user after which a client is closed; `math.inf` for never.
        most: clients at a time. One more closes the client that has been idle for the longest; where all are in use,
            `TooManyPortals` is raised at once, since waiting would let the portals that do not answer stop the others.
        options: what each client takes, see `BitrixChat`; `session` and `shared` are one for all. `limiter` is a `Plan`
            or nothing, since a limiter of your own would be shared by portals that are limited apart. A session of
            your own needs a connector without a limit in all: `TCPConnector(limit=0, limit_per_host=100)`.
    """

    def __init__(self, auth: AuthOf, *, idle: float = IDLE, most: int = MOST, **options: Unpack[ClientOptions]) -> None:
        _check(auth, idle, most, options)
        self._auth = auth
        self._options = options
        self._sharing, self._owns_sharing = sharing_of(options.get("shared"))
        options["shared"] = self._sharing
        # A client that is never used, so that an option which no client takes is refused here and not with the first.
        BitrixChat(_ANYBODY, **options)
        in_flight = options.get("max_in_flight", MAX_IN_FLIGHT)
        self._connections = Connections(options.get("session"), max_in_flight=in_flight, most=most)
        self._clients = OpenClients(idle=idle, most=most)
        self._files = FileLimit()
        self._home = Home()

    @classmethod
    @discreet
    def of_application(
        cls,
        client_id: str,
        client_secret: str,
        stores: Stores | None = None,
        *,
        authorization_server: str | AuthorizationServer = DEFAULT_SERVER,
        **options: Unpack[PortalsOptions],
    ) -> Self:
        """Make the registry of an application; a portal is known once a token pair of it was installed.

        Args:
            client_id: from the application's card.
            client_secret: likewise.
            stores: gives the token store of a portal by its `member_id`, for example
                `lambda member_id: FileTokenStore(folder / f"{member_id}.json")`: the same for the same portal and no
                other's. Without it pairs are kept where `shared` keeps them.
            authorization_server: as for `OAuthAuth`.
            options: as for the constructor.

        Raises:
            InvalidParameter: there is neither `stores` nor `shared`.
        """
        if stores is None and options.get("shared") is None:
            raise InvalidParameter("Portals: `stores` or `shared` says where token pairs are kept; neither is given")
        OAuthAuth(client_id, client_secret)  # refuses what cannot be credentials
        application = Application(client_id, client_secret, stores, authorization_server)
        portals = cls(lambda member_id: portals._auth_of(application, member_id), **options)
        return portals

    def __repr__(self) -> str:
        return f"<Portals open={len(self._clients)} in_use={self._clients.in_use}>"

    def __len__(self) -> int:
        """Return how many clients are open."""
        return len(self._clients)

    def __bool__(self) -> bool:
        """Return True, however many clients are open."""
        return True

    async def __aenter__(self) -> Self:
        self._home.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def client(self, member_id: str) -> AsyncIterator[BitrixChat]:
        """Hand out a portal's client for as long as the block lasts; it is everybody's, and closing it does nothing.

        However many blocks use it at a time, a portal has one client. What still waits or flies when the last has ended
        may go on until the client is closed, which it no longer holds up: await calls inside the block.

        Args:
            member_id: the portal's own id, as events and installations tell it.

        Raises:
            UnknownPortal: `auth` does not know it, or its store holds no pair.
            TooManyPortals: the clients of `most` other portals are in use.
            ClientClosed: the registry was closed.
            WrongEventLoop: it was used in another event loop, thread or process.
            BitrixError: its tokens could not be read; what `auth` raises is raised here as well.
        """
        self._home.enter()
        _check_id(member_id)
        async with self._clients.use(member_id, partial(self._open, member_id)) as opened:
            yield opened.client

    async def install(self, token: Token) -> None:
        """Save the pair of an installation; the portal's client uses it from now on, open or not.

        An event that brings one is not proven to come from its portal: ask it first, see `Installation`.

        Args:
            token: the pair, `installation.token`; its `member_id` says which portal.

        Raises:
            InvalidParameter: it names no portal, or what the portal's client acts by takes no tokens.
            TokenStoreError: it could not be saved.
            BitrixError: as for `client`.
        """
        self._home.enter()
        _check_id(token.member_id)
        opening = partial(self._open, token.member_id, is_installed=False)
        while True:
            is_ours = token.member_id not in self._clients
            try:
                async with self._clients.use(token.member_id, opening) as opened:
                    await _install(opened.auth, token)
                    return
            except UnknownPortal:
                if is_ours:
                    raise  # else it was asked for before it was installed, a moment ago

    async def drop(self, member_id: str, grace: float = GRACE) -> None:
        """Close a portal's client although it may be in use, after an uninstallation for example.

        Whoever asks for it next gets another, for which `auth` is asked anew.
        """
        self._home.enter()
        await self._clients.retire(member_id, grace)

    async def close(self, grace: float = GRACE) -> None:
        """Close all clients at the same time: what waits is refused, what flies has `grace` seconds to land.

        Raises:
            WrongEventLoop: it was used in another event loop, thread or process.
        """
        self._home.enter()
        async with AsyncExitStack() as last:
            if self._owns_sharing:
                last.push_async_callback(self._sharing.close)
            last.push_async_callback(self._connections.close)
            await self._clients.close(grace)

    def _auth_of(self, application: Application, member_id: str) -> Awaitable[OAuthAuth]:
        return application.auth(member_id, self._connections.session(), self._sharing)

    async def _open(self, member_id: str, *, is_installed: bool = True) -> Opened:
        self._files.check(len(self._clients))
        auth = await awaited(self._auth(member_id))
        if auth is None:
            raise UnknownPortal(f"no portal is known by the id {member_id}")
        self._options["session"] = self._connections.session()
        client = LentClient(auth, **self._options)
        if is_installed:
            await _check_installed(auth, member_id)
        return Opened(auth, client)


async def _check_installed(auth: AuthStrategy, member_id: str) -> None:
    try:
        await auth.credentials()
    except ReauthorizationRequired as error:
        if error.code is not None:  # the authorization server's: there was a pair
            raise
        raise UnknownPortal(f"there is no token pair of the portal {member_id}: it has to be installed") from error


async def _install(auth: AuthStrategy, token: Token) -> None:
    if not isinstance(auth, OAuthAuth):
        raise InvalidParameter(f"the portal {token.member_id} is acted on by {type(auth).__name__}, not by OAuthAuth")
    await auth.install(token)


def _check(auth: object, idle: object, most: object, options: ClientOptions) -> None:
    if not callable(auth):
        raise InvalidParameter(f"Portals: `auth` is {type(auth).__name__}, and no function of a portal's id")
    if isinstance(idle, bool) or not isinstance(idle, int | float) or math.isnan(idle) or idle <= 0:
        raise InvalidParameter(f"Portals: `idle` is {idle!r}, but seconds are more than 0")
    if type(most) is not int or most < 1:
        raise InvalidParameter(f"Portals: `most` is {most!r}, but at least 1 client has to be open")
    if not isinstance(options.get("limiter"), Plan | None):
        raise InvalidParameter("Portals: `limiter` would be one for portals that are limited apart; give a Plan")


def _check_id(member_id: object) -> None:
    if not is_member_id(member_id):
        # Not the text: anybody may have written it into an event.
        raise UnknownPortal("this is no portal's id: up to 64 letters, digits, - and _")
