"""One chat a key: looked up before it is created, and again when nobody knows whether it was.

Theory of operation. The portal always inserts a chat and knows no idempotency key; what it offers is a lookup by
entity, so the key travels as the chat's entity. That something is found proves that it was created. That nothing is
found proves that it was not, but only once the portal can no longer be working on the request: an answer that got lost
may belong to a method that runs for another minute. So after an attempt of unknown outcome we look at 2, 5, 15 and 60
seconds, to learn of a success early, and only when the quiescence is over does a last look that finds nothing allow
another attempt. Whoever calls with a key that is being worked on waits for that work; whoever stops waiting takes
nothing from the others; and what was in flight when everybody had gone is remembered as a doubt.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bitrix_chat.errors import (
    BitrixError,
    ClientClosed,
    OutcomeUnknown,
    RestError,
)
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import attested, twin
from bitrix_chat.rest.keys import created_id, echoes, fetch_of, found_id, key_of
from bitrix_chat.rest.request import Exchange, Request, Response, Transport
from bitrix_chat.transport import verdicts
from bitrix_chat.transport.creations import CREATIONS, Creation, Creations, Doubt, Place
from bitrix_chat.transport.deadline import QUIESCENCE, final, within

logger: Final = logging.getLogger("bitrix_chat")

_STEP: Final = 1.0
_LOOKS: Final = (2.0, 5.0, 15.0, 60.0)
"""Seconds after the departure of a request of unknown outcome at which to look for what it made."""


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
        self._attempts = attempts
        self._timeout = timeout
        self._quiescence = quiescence
        self._creations = creations
        self._own: set[Creation] = set()
        self._closed = False

    async def send(self, exchange: Exchange) -> Response:
        """Send an exchange, one that bears a key at most once.

        Raises:
            OutcomeUnknown: whether the chat was created cannot be told, or not within the deadline.
            BitrixError: it was not created.
        """
        if exchange.request.key is None:
            return await self._inner.send(exchange)
        timeout = self._timeout if exchange.timeout == "default" else exchange.timeout
        return await within(timeout, exchange, self._keyed)

    def close(self) -> None:
        """End what is being looked after; it is remembered as long as its outcome is unknown."""
        self._closed = True
        for creation in list(self._own):
            creation.task.cancel()

    async def _keyed(self, exchange: Exchange) -> Response:
        request = exchange.request
        try:
            place = Place(await self._host(), key_of(request).value)
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
            creation = self._creations.join(place, exchange.request, self._created)
            result = await self._awaited(creation, exchange)
            if result is not None:
                return await self._as_asked(exchange, creation, result)

    async def _awaited(self, creation: Creation, exchange: Exchange) -> Response | Exception | None:
        """Wait for a creation; None if its owner has gone, so that another has to take it on."""
        if creation.given_up or creation.loop is not asyncio.get_running_loop():
            # In steps, since the other loop may stop without a word.
            await asyncio.wait([asyncio.shield(asyncio.wrap_future(creation.over))], timeout=_STEP)
            return None
        exchange.carrier = creation
        creation.waiting += 1
        try:
            await asyncio.wait([creation.task])
        finally:
            creation.leave()
            exchange.carrier = None
            _copy_evidence(creation.exchange, exchange)
        if not creation.task.cancelled():
            return creation.task.result()
        if self._closed:
            return final(exchange, ClientClosed("the client was closed", outcome=exchange.outcome))
        return None

    async def _as_asked(self, exchange: Exchange, creation: Creation, result: Response | Exception) -> Response:
        """Turn the end of a creation into what one of its callers has asked for."""
        request = exchange.request
        if isinstance(result, Exception):
            raise twin(result) if isinstance(result, BitrixError) else result
        if request is creation.request or _asks_alike(request, creation.request):
            return result
        chat_id = created_id(result.result) or (await self._look(request))
        if chat_id is None:
            raise attested(OutcomeUnknown("what was created cannot be found again", method=request.method), exchange)
        return await self._adopt(request, chat_id, result)

    # What follows runs in the creation's own task, one at a time for each key of a portal.

    async def _created(self, creation: Creation) -> Response | Exception:
        self._own.add(creation)
        try:
            return await self._create(creation)
        except Exception as error:  # noqa: BLE001  # a value, since several wait for it and perhaps nobody
            return error.with_traceback(None)
        finally:
            self._own.discard(creation)

    async def _create(self, creation: Creation) -> Response:
        found = await self._before(creation)
        attempt = 0
        while found is None:
            try:
                response = await self._attempt(creation)
            except BitrixError as error:
                if creation.outcome is not Outcome.UNKNOWN:
                    raise
                seen = error
            else:
                await self._learn(creation, response)
                return await self._readable(creation, response)
            doubt = self._creations.doubt(creation.place)
            found = None if doubt is None else await self._watch(creation, doubt, seen)
            attempt += 1
            if found is None and attempt > self._attempts:
                raise verdicts.did_not_run(creation.request, seen)
        return await self._adopt(creation.request, *found)

    async def _attempt(self, creation: Creation) -> Response:
        creation.exchange = Exchange(creation.request, None)
        self._creations.remember(creation.place, Doubt(creation.exchange, self._quiescence))
        try:
            return await self._inner.send(creation.exchange)
        finally:
            if creation.outcome is not Outcome.UNKNOWN:
                self._creations.settle(creation.place)

    async def _before(self, creation: Creation) -> tuple[int, Response] | None:
        """Look for what bears the key before anything is sent."""
        request, doubt = creation.request, self._creations.doubt(creation.place)
        if doubt is not None:
            creation.exchange = doubt.exchange
            return await self._watch(creation, doubt, None)
        if key_of(request).is_new:
            return None
        try:
            return await self._found(request)
        except BitrixError as error:
            raise verdicts.not_looked_up(request, error) from error

    async def _watch(self, creation: Creation, doubt: Doubt, seen: BitrixError | None) -> tuple[int, Response] | None:
        """Look until something is found, or nothing can come any more.

        Raises:
            OutcomeUnknown: the lookup is refused, or fails at the end, or its answer proves nothing here.
        """
        failed: BitrixError | None = None
        for at in _looks(doubt):
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            try:
                found, failed = await self._found(creation.request), None
            except BitrixError as error:
                found, failed = None, error
            if found is not None:
                return found
            if isinstance(failed, RestError | ClientClosed):
                break
        if failed is not None:
            raise verdicts.unresolved(creation.request, doubt.exchange, verdicts.lacking(failed), seen or failed)
        if self._proves_nothing(creation):
            raise verdicts.unresolved(creation.request, doubt.exchange, verdicts.NOT_SEEN, seen)
        doubt.exchange.fail(verdicts.did_not_run(creation.request, seen))
        return None

    def _proves_nothing(self, creation: Creation) -> bool:
        """Return whether a chat might be there without being found by its key."""
        key = key_of(creation.request)
        return key.fetch is not None and creation.place.host not in self._creations.kept and not key.is_new

    async def _found(self, request: Request) -> tuple[int, Response] | None:
        response = await self._inner.send(Exchange(key_of(request).lookup, None))
        chat_id = found_id(response.result)
        return None if chat_id is None else (chat_id, response)

    async def _look(self, request: Request) -> int | None:
        found = await self._found(request)
        return None if found is None else found[0]

    async def _adopt(self, request: Request, chat_id: int, lookup: Response) -> Response:
        """Turn what was found into what the creation would have answered."""
        fetch = fetch_of(key_of(request), chat_id)
        if fetch is None:
            return Response(chat_id, raw_time=lookup.raw_time)
        try:
            return await self._inner.send(Exchange(fetch, None))
        except BitrixError as error:
            failed = verdicts.not_fetched(chat_id, error)
        raise failed

    async def _learn(self, creation: Creation, response: Response) -> None:
        """Learn whether this portal keeps what a bot's chat is told of an entity, as the documentation does not say."""
        key, host = key_of(creation.request), creation.place.host
        if key.fetch is None or host in self._creations.kept:
            return
        if echoes(key, response.result) or await self._is_kept(creation, response):
            self._creations.kept.add(host)
        else:
            self._creations.dropped.add(host)
            logger.warning(
                "%s: %s keeps no entity, so that the chat just created cannot be found by its key",
                creation.request.method,
                host,
            )

    async def _is_kept(self, creation: Creation, response: Response) -> bool:
        try:
            found = await self._look(creation.request)
        except BitrixError:
            return False
        return found is not None and found == created_id(response.result)

    async def _readable(self, creation: Creation, response: Response) -> Response:
        """Look up what was created where its answer does not tell."""
        if created_id(response.result) is not None:
            return response
        try:
            found = await self._found(creation.request)
        except BitrixError:
            found = None
        return response if found is None else await self._adopt(creation.request, *found)


def _looks(doubt: Doubt) -> list[float]:
    now, left_at, ends_at = asyncio.get_running_loop().time(), doubt.left_at(), doubt.ends_at()
    return [*(left_at + after for after in _LOOKS if now < left_at + after < ends_at), ends_at]


def _asks_alike(one: Request, other: Request) -> bool:
    return one.method == other.method and key_of(one).fetch == key_of(other).fetch


def _copy_evidence(attempt: Exchange, exchange: Exchange) -> None:
    exchange.outcome = attempt.known
    exchange.host, exchange.sent_at, exchange.left_at = attempt.host, attempt.sent_at, attempt.left_at
