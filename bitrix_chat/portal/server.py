"""`Portal`: the emulated Bitrix24 account, its addresses, and what can be seen and done from outside."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, final

from aiohttp import web

from bitrix_chat.portal.auth import SCOPES, Gate
from bitrix_chat.portal.certificates import ThrowawayAuthority
from bitrix_chat.portal.deliveries import DeliveryQueue
from bitrix_chat.portal.event_posts import EventPosts
from bitrix_chat.portal.faults import FaultScript
from bitrix_chat.portal.front import Front
from bitrix_chat.portal.limits import BanningOperatingLimit, LeakyBucket, OperatingLimit, SlidingOperatingLimit
from bitrix_chat.portal.oauth import AuthorizationServer, Grant
from bitrix_chat.portal.oauth_endpoint import AUTHORIZE_PATHS, TOKEN_PATHS, OAuthEndpoint
from bitrix_chat.portal.observed import Observed
from bitrix_chat.portal.policy import Plan, PortalPolicy
from bitrix_chat.portal.rest import RestServer
from bitrix_chat.portal.scripts import Scripts
from bitrix_chat.portal.staged import Staged
from bitrix_chat.portal.state import ADMIN_ID, PortalState
from bitrix_chat.portal.thread import PortalThread

if TYPE_CHECKING:
    from bitrix_chat.auth.strategy import AuthStrategy
    from bitrix_chat.client import BitrixChat

_SHUTDOWN: Final = 0.001  # as good as none; 0 would wait for ever
_TURNS_TO_CLOSE: Final = 10
_NO_COSTS: Final[Mapping[str, float]] = MappingProxyType({})


@final
class Portal(Observed, Staged):
    """A small Bitrix24 on loopback, with an administrator (user 1), a webhook of theirs and one application.

    Users 2..users+1 are active employees; `inactive_user_ids` and `extranet_user_id` name the others.

    Args:
        plan: Request intensity.
        cost: Seconds each method call works, slept and counted as operating time.
        costs: The same for single methods, by name.
        operating_limit: Seconds each method may work within ten minutes; 480 in the cloud's documentation. None
            switches the limit off, and with it the `operating` keys of `time`.
        execution_limit: Seconds after which the proxy gives up on a request (60 in the cloud); what has not been done
            by then is never done, unless `PortalPolicy.overtime_completes`. None for patience without end.
        clock: Unix seconds; by default the wall clock at start plus the time of the running loop.
        sleep: What passes the time of `cost` and of delays; give one with a clock that is driven by hand.
        host: The address to listen on.
        port: 0 takes a free one.
        tls: Serve https with a throwaway certificate; needs the extra `bitrix-chat[tls]`.
        users: How many active employees there are besides the administrator.
        policy: The open questions.
        chat_colors: Whether the portal's option for chat colours is on.
        seed: Of the colours chosen for chats that name none.
        redirect_uri: Where the application wants its authorization codes.
        keep_requests: How many requests `requests` remembers, and how many webhooks `deliveries`.
    """

    def __init__(
        self,
        *,
        plan: Plan = Plan.STANDARD,
        cost: float = 0.0,
        costs: Mapping[str, float] = _NO_COSTS,
        operating_limit: float | None = None,
        execution_limit: float | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        users: int = 20,
        policy: PortalPolicy | None = None,
        chat_colors: bool = True,
        seed: int = 0,
        redirect_uri: str = "https://app.example/oauth/callback",
        keep_requests: int = 10_000,
    ) -> None:
        policy = PortalPolicy() if policy is None else policy
        self._clock = clock
        self._policy = policy
        self._host, self._port = host, port
        self._certificates = ThrowawayAuthority(host) if tls else None
        self._runner: web.ServerRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._epoch = 0.0
        self._bucket = LeakyBucket(plan, self.now, refused_count=policy.refused_hits_count)
        self._state = PortalState(
            users=users, policy=policy, clock=self.now, address=self._address, chat_colors=chat_colors, seed=seed
        )
        self._authorization = AuthorizationServer(
            policy=policy,
            clock=self.now,
            address=lambda: self.url,
            portal_address=self._address,
            scopes=SCOPES,
        )
        self._gate = Gate(self._authorization, policy, secure=tls)
        self._webhook_secret = self._gate.add_webhook(ADMIN_ID, SCOPES)
        self._rest = RestServer(self._state, operating=self._operating(operating_limit), cost=cost, costs=costs)
        self._scripts = Scripts(limit=execution_limit, finish=policy.overtime_completes, sleep=sleep)
        self._front = Front(
            rest=self._rest,
            gate=self._gate,
            bucket=self._bucket,
            policy=policy,
            scripts=self._scripts,
            keep=keep_requests,
        )
        self._queue = DeliveryQueue(policy=policy, faults=self.faults, clock=self.now, sleep=sleep, keep=keep_requests)
        self._posts = EventPosts(self._state, self._authorization, self._queue)
        self._endpoint = OAuthEndpoint(
            self._authorization, faults=self.faults, policy=policy, sleep=sleep, redirect_uri=redirect_uri
        )

    def _operating(self, limit: float | None) -> OperatingLimit | None:
        if limit is None:
            return None
        kind = SlidingOperatingLimit if self._policy.operating == "nested" else BanningOperatingLimit
        return kind(limit, self.now)

    def _address(self) -> str:
        """Return the address under which the portal knows itself."""
        return self._front.moved_to or self.url

    def __repr__(self) -> str:
        return f"<Portal {'at ' + self.url if self._runner else 'not started'}>"

    async def start(self) -> None:
        """Open the socket; the clock runs from here."""
        self._loop = asyncio.get_running_loop()
        self._epoch = time.time() - self._loop.time()
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN)
        await self._runner.setup()
        tls = None if self._certificates is None else self._certificates.server_context()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=tls).start()
        except OSError:
            await self.stop()
            raise
        self._port = self._runner.addresses[0][1]
        self._queue.start()

    async def stop(self) -> None:
        """Close the socket and end what is still running."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        await self._queue.stop()
        server = runner.server
        transports = [connection.transport for connection in server.connections] if server else []
        await runner.cleanup()
        await self._scripts.stop()
        for transport in transports:
            # Python 3.11.2 fails to abort a TLS transport that has already let go of its protocol.
            with contextlib.suppress(AttributeError):
                if transport is not None:
                    transport.abort()
        # A TLS connection takes some turns of the loop to let go of its socket.
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def in_thread(self) -> AbstractContextManager["Portal"]:
        """Run the portal in a thread with its own loop, for callers that have none or block it."""
        return PortalThread(self)

    run_in_thread = in_thread

    def now(self) -> float:
        """Return the portal's time in unix seconds."""
        if self._clock is not None:
            return self._clock()
        return time.time() if self._loop is None else self._epoch + self._loop.time()

    @property
    def url(self) -> str:
        """The portal's address, without a slash at its end."""
        scheme = "http" if self._certificates is None else "https"
        return f"{scheme}://{self._host}:{self._port}"

    @property
    def webhook_url(self) -> str:
        """The administrator's incoming webhook."""
        return f"{self.url}/rest/{ADMIN_ID}/{self._webhook_secret}/"

    def add_webhook(self, user_id: int = ADMIN_ID, scopes: Iterable[str] = SCOPES) -> str:
        """Issue one more incoming webhook and return its address."""
        return f"{self.url}/rest/{user_id}/{self._gate.add_webhook(user_id, frozenset(scopes))}/"

    def client(self, auth: "AuthStrategy | None" = None, **options: Any) -> "BitrixChat":
        """Return a client of this portal: by its webhook or by `auth`, over plain http on loopback.

        Args:
            auth: Who is calling.
            options: What `BitrixChat` takes besides.
        """
        from bitrix_chat.portal.connecting import client_of  # noqa: PLC0415  # the emulator runs without the client

        return client_of(self.webhook_url, auth, options)

    @property
    def oauth(self) -> Grant:
        """What the application holds: the pair of tokens issued last, and where they belong."""
        return self._authorization.grant

    @property
    def authorization_server(self) -> str:
        """The authorization server's address; tokens are at `/oauth/token/` of it."""
        return self.url

    def authorize(self, state: str = "", *, user_id: int = ADMIN_ID) -> str:
        """Return an authorization code, as if `user_id` had agreed in the browser; `state` stays in the browser."""
        del state
        return self._authorization.code(user_id)

    def ssl_context(self) -> ssl.SSLContext:
        """Return a client's context that trusts the throwaway certificate."""
        return self._tls().client_context()

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the throwaway authority."""
        return self._tls().pem

    def ca_file(self, path: Path) -> Path:
        """Write the authority's certificate to a file, for REQUESTS_CA_BUNDLE and its like."""
        path.write_bytes(self.ca_pem)
        return path

    def _tls(self) -> ThrowawayAuthority:
        if self._certificates is None:
            raise RuntimeError("the portal was made without tls=True")
        return self._certificates

    @property
    def faults(self) -> FaultScript:
        """What will go wrong, in order."""
        return self._front.faults

    def expire_tokens(self) -> None:
        """Expire every access token issued so far."""
        self._authorization.expire_access_tokens()

    def revoke_refresh_tokens(self) -> None:
        """Make the next renewal fail with `invalid_grant`."""
        self._authorization.revoke_refresh_tokens()

    def rename(self, new_portal_url: str | None) -> None:
        """Answer every REST request with 302 to the same path at another address; None switches this off.

        Requests that already name the new address as their host are served, so that a second name of this
        very socket (`localhost`) will do.
        """
        self._front.moved_to = new_portal_url

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._scripts.kept():
            return await self._dispatch(request)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/rest/"):
            return await self._front.handle(request)
        if request.path in TOKEN_PATHS:
            return await self._endpoint.tokens(request)
        if request.path in AUTHORIZE_PATHS:
            return self._endpoint.consent(request)
        return web.Response(status=404, text="<html><body>Not found</body></html>", content_type="text/html")
