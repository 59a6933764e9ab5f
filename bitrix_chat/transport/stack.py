"""The way of one call, written down once: each layer wraps the next, outermost last in this file."""

from collections.abc import Collection
from functools import partial

import aiohttp

from bitrix_chat.auth.oauth import OAuthAuth
from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import RateLimiter
from bitrix_chat.transport.announcing import Announcing, Departing
from bitrix_chat.transport.creations import CREATIONS
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.downloading import Downloading
from bitrix_chat.transport.flights import OnOrphan
from bitrix_chat.transport.home import Home
from bitrix_chat.transport.moving import AcceptMove, Moves, OnMove
from bitrix_chat.transport.portal import PortalTransport
from bitrix_chat.transport.reconciling import Reconciling
from bitrix_chat.transport.retrying import Retrying, RetryPolicy
from bitrix_chat.transport.sharing import Sharing
from bitrix_chat.transport.signing import Signing, insecure
from bitrix_chat.transport.wire import Wire


class Stack:
    """The layers of one client; what they take is said by `BitrixChat`.

    Raises:
        InvalidParameter: one of the options is not what it should be.
        InsecureUrl: the strategy's address is plain http, and that is not allowed.
    """

    def __init__(
        self,
        auth: AuthStrategy,
        *,
        session: aiohttp.ClientSession | None,
        limiter: RateLimiter | Plan | None,
        sharing: Sharing,
        owns_sharing: bool,
        egress: str,
        policy: RetryPolicy,
        timeout: float | None,
        operating_limit: float | None,
        max_in_flight: int,
        coalesce: bool,
        departing: Departing | None,
        on_orphan: OnOrphan | None,
        download_hosts: Collection[str],
        quiescence: float,
        accept_move: AcceptMove | None,
        on_move: OnMove | None,
        allow_insecure_loopback: bool,
    ) -> None:
        if getattr(auth, "is_insecure", False) and not allow_insecure_loopback:
            raise insecure()
        if type(max_in_flight) is not int or max_in_flight < 1:
            raise InvalidParameter(f"`max_in_flight` is {max_in_flight!r}, but at least 1 request has to fly")
        if not isinstance(coalesce, bool):
            raise InvalidParameter(f"`coalesce` is {type(coalesce).__name__}, but it is True or False")
        if isinstance(auth, OAuthAuth):
            auth.keep_in(sharing.tokens)
        self._sharing = sharing if owns_sharing else None
        self._home = Home()
        wire = Wire(session)
        moves = Moves(accept_move, partial(_moved, on_move), allow_insecure_loopback=allow_insecure_loopback)
        self._signing = Signing(auth, wire, moves, allow_insecure_loopback=allow_insecure_loopback)
        self._dispatch = Dispatch(
            self._signing,
            limiter=limiter,
            sharing=sharing,
            egress=egress,
            operating_limit=operating_limit,
            max_in_flight=max_in_flight,
            coalesce=coalesce,
            announcing=Announcing(departing, quiescence),
            on_orphan=on_orphan,
        )
        retrying = Retrying(self._dispatch, policy, timeout)
        self._reconciling = Reconciling(
            retrying, self._signing.host, attempts=policy.unknown, timeout=timeout, quiescence=quiescence
        )
        files = Downloading(wire, self._signing, self._dispatch, download_hosts)
        self.transport = PortalTransport(
            self._reconciling, retrying, self._dispatch, files, policy=policy, home=self._home, host=self._signing.host
        )

    async def close(self, grace: float) -> None:
        """Close all layers: what waits is refused, what flies has `grace` seconds to land, the rest is unknown."""
        self._home.enter()
        self._reconciling.refuse()
        try:
            await self._dispatch.close(grace)
        finally:
            self._reconciling.close()
            await self._signing.close()
            if self._sharing is not None:
                await self._sharing.close()


def _moved(report: OnMove | None, old: str, new: str) -> None:
    CREATIONS.moved(old, new)
    if report is not None:
        report(old, new)
