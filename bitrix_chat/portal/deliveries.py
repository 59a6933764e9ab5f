"""The queue that posts events: a server of its own, which tries once and does not care what is answered.

Bitrix24's handlers are called by a queue server behind the portal. It keeps no order, repeats nothing and reads no
answer. This one has the same manners, and remembers what it did.
"""

import asyncio
import ipaddress
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, final
from urllib.parse import urlsplit

import aiohttp
import attrs

from bitrix_chat.portal.faults import FaultScript
from bitrix_chat.portal.php import PhpValue, parse_str
from bitrix_chat.portal.policy import PortalPolicy

_KEPT_ALIVE: Final = 1.0  # less than any server does, which must not end a connection just when it is used again
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Bitrix24 Webhook Engine"}


@final
class DeliveryState(Enum):
    """How far a webhook has come.

    FAILED has met no handler that answered in time. LOST was never sent: its handler is not on this machine,
    or a fault took it.
    """

    WAITING = "waiting"
    SENDING = "sending"
    ANSWERED = "answered"
    FAILED = "failed"
    LOST = "lost"


@final
@attrs.define(kw_only=True, eq=False)
class Delivery:
    """One webhook.

    Attributes:
        event: The event's type, `ONIMBOTV2MESSAGEADD`.
        bot_id: Whom it concerns; 0 for an event of the application.
        status: The HTTP status of the handler's answer; 0 without one.
        error: What kind of error kept it from being answered.
    """

    event: str
    bot_id: int
    url: str = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    created_at: float
    state: DeliveryState = DeliveryState.WAITING
    status: int = 0
    error: str = ""

    @property
    def form(self) -> dict[str, PhpValue]:
        """The body, read as PHP would."""
        return parse_str(self.body.decode(), max_vars=self.body.count(b"&") + 1)


@final
class DeliveryQueue:
    """Posts webhooks, some at a time, in the order in which they came."""

    def __init__(
        self,
        *,
        policy: PortalPolicy,
        faults: FaultScript,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        keep: int,
    ) -> None:
        self.deliveries: deque[Delivery] = deque(maxlen=keep)
        self._policy = policy
        self._faults = faults
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[Delivery] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._running = False

    def add(self, event: str, url: str, body: bytes, *, bot_id: int = 0) -> Delivery:
        """Queue a webhook; it leaves while the portal runs."""
        delivery = Delivery(event=event, bot_id=bot_id, url=url, body=body, created_at=self._clock())
        self.deliveries.append(delivery)
        self._waiting.append(delivery)
        self._hire()
        return delivery

    @property
    def running(self) -> bool:
        """Whether anything is delivered at all."""
        return self._running

    def start(self) -> None:
        """Begin to deliver, in the running loop."""
        self._running = True
        for _ in range(len(self._waiting)):
            self._hire()

    async def stop(self) -> None:
        """Deliver nothing more and drop what is on its way; what waits keeps waiting."""
        self._running = False
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def settle(self) -> None:
        """Wait until nothing is waiting or on its way."""
        while self._workers:
            await asyncio.wait(self._workers)

    def _hire(self) -> None:
        if self._running and len(self._workers) < self._policy.delivery_connections:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        while self._waiting:
            await self._deliver(self._waiting.popleft())

    async def _deliver(self, delivery: Delivery) -> None:
        fault = self._faults.take(delivery.event, rest=False)
        delay = self._policy.delivery_delay + (0.0 if fault is None else fault.delay)
        if delay:
            await self._sleep(delay)
        lost = fault is not None and not fault.executes
        if lost or not (self._policy.delivery_beyond_loopback or _is_loopback(delivery.url)):
            delivery.state = DeliveryState.LOST
            return
        delivery.state = DeliveryState.SENDING
        try:
            await self._post(delivery)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            delivery.state, delivery.error = DeliveryState.FAILED, type(error).__name__

    async def _post(self, delivery: Delivery) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._policy.delivery_timeout),
            )
        sending = self._session.post(delivery.url, data=delivery.body, headers=_HEADERS, allow_redirects=False)
        async with sending as response:
            delivery.status = response.status
        delivery.state = DeliveryState.ANSWERED


def _is_loopback(url: str) -> bool:
    """Tell whether an address stays on this machine, without asking anybody for the meaning of a name."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
