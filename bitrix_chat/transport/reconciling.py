"""One chat a key: looked up before it is created, and again when nobody knows whether it was.

Theory of operation. The portal always inserts a chat and knows no idempotency key; what it offers is a lookup by
entity, so the key travels as the chat's entity. That something is found proves that it was created. That nothing is
found proves that it was not, but only once the portal can no longer be working on the request: an answer that got lost
may belong to a method that runs for another minute. So after an attempt of unknown outcome we look at 2, 5, 15 and 60
seconds, to learn of a success early, and only when the quiescence is over does a last look that finds nothing allow
another attempt. Whoever calls with a key that is being worked on waits for that work; whoever stops waiting takes
nothing from the others; a failure is the caller's whose client and method it met, and the others go on; and what was
in flight when everybody had gone is remembered as a doubt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from bitrix_chat.errors import BitrixError, ClientClosed, ConnectionLost, DeadlineExceeded, OutcomeUnknown
from bitrix_chat.rest.evidence import attested, twin
from bitrix_chat.rest.keys import created_id, key_of
from bitrix_chat.rest.request import Exchange, Request, Response, Transport
from bitrix_chat.transport import verdicts
from bitrix_chat.transport.creating import Creating, Overtaken
from bitrix_chat.transport.creations import CREATIONS, Creation, Creations, Place
from bitrix_chat.transport.deadline import QUIESCENCE, final, within

_STEP: Final = 0.05


class Reconciling:
    """Sends requests that bear a key so that each key is created once; all others go through.

    Args:
        inner: the layer below.
        host: tells the portal's host.
        attempts: how many attempts that proved not to have run may follow the first.
        timeout: the client's bound of a whole call.
        quiescence: seconds after which the portal can no longer be working on a request.
        creations: the register to share with others in the process.
    """

    def __init__(
        self,
        inner: Transport,
        host: Callable[[], Awaitable[str]],
        *,
        attempts: int,
        timeout: float | None,
        quiescence: float = QUIESCENCE,
        creations: Creations = CREATIONS,
    ) -> None:
        self._inner = inner
        self._host = host
        self._timeout = timeout
        self._creations = creations
        self._creating = Creating(inner, creations, attempts, quiescence)
        self._own: set[Creation] = set()
        self._closed = False

    def send(self, exchange: Exchange) -> Coroutine[Any, Any, Response]:
        """Send an exchange, one that bears a key at most once.

        Raises:
            OutcomeUnknown: whether the chat was created cannot be told, or not within the deadline.
            BitrixError: it was not created.
        """
        if exchange.request.key is None:
            return self._inner.send(exchange)  # no coroutine more for each of thousands that wait
        timeout = self._timeout if exchange.timeout == "default" else exchange.timeout
        return within(timeout, exchange, self._keyed)

    async def recall(self, request: Request, sent_at: datetime, seconds_ago: float) -> None:
        """Remember what an earlier run has sent under a key without having heard of its end."""
        place = await self._place(request)
        if self._creations.is_running(place):
            return
        doubt = self._creations.doubt(place)
        if doubt is None:
            exchange = Exchange(request, None, sent_at=sent_at, host=place.host)
            exchange.left_at = asyncio.get_running_loop().time() - seconds_ago
            exchange.fail(ConnectionLost("the process ended before the answer", method=request.method))
            doubt = self._creating.doubt(exchange)
            self._creations.remember(place, doubt)
        doubt.is_told = True

    async def resolve(self, request: Request) -> Response | None:
        """Find out what became of a request of unknown outcome, sending nothing but lookups; None if it did not run.

        Raises:
            OutcomeUnknown: it cannot be told.
            BitrixError: the lookup failed.
        """
        loop = asyncio.get_running_loop()
        creation = Creation(await self._place(request), Exchange(request, None), self, None, loop)
        return await self._creating.resolve(creation)

    async def keeps_entities(self) -> bool:
        """Return whether the portal was seen to keep the entity of a bot's chat."""
        return self._creations.place(await self._host(), "").host in self._creations.kept

    async def drops_entities(self) -> bool:
        """Return whether the portal was seen to drop the entity of a bot's chat."""
        return self._creations.place(await self._host(), "").host in self._creations.dropped

    async def learn_that_entities_are_kept(self) -> None:
        """Take it from an earlier process that the portal keeps the entity of a bot's chat."""
        self._creations.kept.add(self._creations.place(await self._host(), "").host)

    async def has_lost(self) -> bool:
        """Return whether the answer to a creation that bears a key was lost on this portal."""
        return self._creations.has_lost(await self._host())

    async def sight(self, key: str, chat_id: int) -> None:
        """Learn that a chat bears a key, from the event of its creation."""
        self._creations.sight(self._creations.place(await self._host(), key), chat_id)

    async def _place(self, request: Request) -> Place:
        return self._creations.place(await self._host(), key_of(request).value)

    def refuse(self) -> None:
        """Begin nothing more: the client is being closed."""
        self._closed = True

    def close(self) -> None:
        """End what is being looked after; it is remembered as long as its outcome is unknown."""
        self.refuse()
        for creation in list(self._own):
            creation.task.cancel()

    async def _keyed(self, exchange: Exchange) -> Response:
        request = exchange.request
        try:
            if self._closed:
                raise ClientClosed("the client is closed")
            place = await self._place(request)
            if key_of(request).fetch is not None and place.host in self._creations.dropped:
                raise verdicts.unsupported(request)
            response = await self._joined(place, exchange)
        except BitrixError as error:
            error.method = error.method or request.method
            exchange.fail(error)
            raise
        exchange.succeed(response)
        return response

    async def _joined(self, place: Place, exchange: Exchange) -> Response:
        while True:
            creation = self._creations.join(place, exchange, self, exchange.deadline, self._created)
            if creation.first is not exchange and exchange.announce is not None:
                await exchange.announce([exchange])  # what it waits for may have left
            result = await self._awaited(creation, exchange)
            if isinstance(result, Response):
                self._creations.settle(creation.place, creation.doubt)
                return await self._as_asked(exchange, creation, result)
            if result is not None and self._is_for(creation, exchange, result):
                raise twin(result) if isinstance(result, BitrixError) else result
            if self._closed:
                raise final(exchange, ClientClosed("the client was closed", outcome=exchange.outcome))

    async def _awaited(self, creation: Creation, exchange: Exchange) -> Response | Exception | None:
        """Wait for a creation; None if it was stopped, so that another has to take it on."""
        exchange.carrier = creation
        try:
            if creation.loop is not asyncio.get_running_loop():
                # An event of another loop would not wake this one.
                while self._creations.is_current(creation) and not creation.is_stranded:  # noqa: ASYNC110
                    await asyncio.sleep(_STEP)
                return None
            await _waited_for(creation)
        finally:
            exchange.carrier = None
            _copy_evidence(creation.exchange, exchange)
        return None if creation.task.cancelled() else creation.task.result()

    def _is_for(self, creation: Creation, exchange: Exchange, failure: Exception) -> bool:
        """Return whether a failure is the caller's too, and not of another client, method or deadline."""
        if creation.owner is not self or not _asks_alike(exchange.request, creation.request):
            return False
        if isinstance(failure, DeadlineExceeded) and creation.bound is not None:
            return exchange.deadline is not None and exchange.deadline <= creation.bound
        # What the one who began it was told as it left, a journal of theirs for example, is nobody else's.
        is_ours = isinstance(failure, BitrixError) or exchange.announce == creation.first.announce
        return is_ours and not isinstance(failure, Overtaken)

    async def _as_asked(self, exchange: Exchange, creation: Creation, result: Response) -> Response:
        """Turn the answer of a creation into what one of its callers has asked for."""
        request = exchange.request
        if _asks_alike(request, creation.request):
            return result
        chat_id = created_id(result.result)
        if chat_id is None:
            found = await self._creating.found(request, exchange.deadline)
            if found is None:
                unknown = OutcomeUnknown("what was created cannot be found again", method=request.method)
                raise attested(unknown, exchange)
            chat_id, result = found
        return await self._creating.adopt(request, chat_id, result, exchange.deadline)

    async def _created(self, creation: Creation) -> Response | Exception:
        self._own.add(creation)
        try:
            return await self._creating.create(creation)
        except Exception as error:  # noqa: BLE001  # a value, since several wait for it and perhaps nobody
            return error.with_traceback(None)
        finally:
            self._own.discard(creation)
            if creation.doubt is not None:
                creation.doubt.shed_when_landed()


async def _waited_for(creation: Creation) -> None:
    if creation.given_up:
        await asyncio.wait([creation.task])
        return
    creation.waiting += 1
    try:
        await asyncio.wait([creation.task])
    except asyncio.CancelledError:
        creation.leave()
        while creation.given_up and not creation.task.done():
            # Until it has stopped it may yet leave, and then it would be told that it did not.
            with suppress(asyncio.CancelledError):
                await asyncio.wait([creation.task])
        raise
    except BaseException:
        creation.leave()
        raise
    creation.leave()


def _asks_alike(one: Request, other: Request) -> bool:
    return one.method == other.method and key_of(one).fetch == key_of(other).fetch


def _copy_evidence(attempt: Exchange, exchange: Exchange) -> None:
    exchange.outcome = attempt.known
    exchange.host, exchange.sent_at, exchange.left_at = attempt.host, attempt.sent_at, attempt.left_at
