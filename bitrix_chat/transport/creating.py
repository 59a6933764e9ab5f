"""The work on one key, in a task of its own: look, send, look again until something is found or nothing can come."""

import asyncio
import logging
from typing import Final

from bitrix_chat.errors import BitrixError, ClientClosed, RestError
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.keys import created_id, echoes, fetch_of, found_id, key_of
from bitrix_chat.rest.request import Exchange, Request, Response, Transport
from bitrix_chat.transport import verdicts
from bitrix_chat.transport.creations import Creation, Creations
from bitrix_chat.transport.doubt import Doubt

logger: Final = logging.getLogger("bitrix_chat")

Found = tuple[int, Response]
"""The id of what bears a key, and the answer that tells it."""

_STEP: Final = 1.0


class Overtaken(Exception):
    """Another has gone on with it while this event loop stood still."""


class Creating:
    """Creates what a key names.

    Args:
        inner: the layer below.
        creations: the register.
        attempts: how many attempts that proved not to have run may follow the first.
        quiescence: seconds after which the portal can no longer be working on a request.
    """

    def __init__(self, inner: Transport, creations: Creations, attempts: int, quiescence: float) -> None:
        self._inner = inner
        self._creations = creations
        self._attempts = attempts
        self._quiescence = quiescence

    async def create(self, creation: Creation) -> Response:
        """Create a chat, unless it is there.

        Raises:
            OutcomeUnknown: whether it was created cannot be told.
            Overtaken: another has taken it over.
            BitrixError: it was not created.
        """
        found = await self._before(creation)
        attempt = 0
        while found is None:
            try:
                response = await self._attempt(creation)
            except BitrixError as error:
                if creation.outcome is not Outcome.UNKNOWN or creation.doubt is None:
                    raise
                seen, doubt = error, creation.doubt
            else:
                await self._learn(creation, response)
                return await self._readable(creation, response)
            found = await self._watch(creation, doubt, seen)
            attempt += 1
            if found is None and attempt > self._attempts:
                raise verdicts.did_not_run(creation.request, seen)
        return await self.adopt(creation.request, *found, creation.bound)

    def doubt(self, exchange: Exchange) -> Doubt:
        """Return what is to be remembered of an exchange that may have run."""
        return Doubt(exchange, self._quiescence)

    async def resolve(self, creation: Creation) -> Response | None:
        """Find out what became of an earlier attempt, sending nothing but lookups; None if it surely did not run.

        Raises:
            OutcomeUnknown: it cannot be told.
            BitrixError: the lookup failed.
        """
        found = await self._before(creation)
        return None if found is None else await self.adopt(creation.request, *found, creation.bound)

    async def found(self, request: Request, bound: float | None) -> Found | None:
        """Look for what bears the key of a request."""
        response = await self._inner.send(Exchange(key_of(request).lookup, None, deadline=bound))
        chat_id = found_id(response.result)
        return None if chat_id is None else (chat_id, response)

    async def adopt(self, request: Request, chat_id: int, lookup: Response, bound: float | None) -> Response:
        """Turn what was found into what the creation would have answered."""
        fetch = fetch_of(key_of(request), chat_id)
        if fetch is None:
            return Response(chat_id, raw_time=lookup.raw_time)
        try:
            return await self._inner.send(Exchange(fetch, None, deadline=bound))
        except BitrixError as error:
            failed = verdicts.not_fetched(chat_id, error)
        raise failed

    async def _before(self, creation: Creation) -> Found | None:
        """Look for what bears the key before anything is sent."""
        request, doubt = creation.request, self._creations.doubt(creation.place)
        if doubt is not None:
            creation.exchange, creation.doubt = doubt.exchange, doubt
            if doubt.is_open:
                if creation.first.announce is not None and not doubt.is_told:
                    await creation.first.announce([creation.first])  # it may be what has left already
                return await self._watch(creation, doubt, None, is_old=True)
            if (ended := await self._ended(creation, doubt)) is not None:
                return ended
        if key_of(request).is_new:
            return None
        try:
            return await self.found(request, creation.bound)
        except BitrixError as error:
            raise verdicts.not_looked_up(request, error) from error

    async def _attempt(self, creation: Creation) -> Response:
        if not self._creations.is_current(creation):
            raise Overtaken
        first = creation.first
        creation.exchange = Exchange(
            creation.request, None, deadline=creation.bound, alone=first.alone, announce=first.announce
        )
        creation.doubt = self.doubt(creation.exchange)
        self._creations.remember(creation.place, creation.doubt)
        try:
            return await self._inner.send(creation.exchange)
        finally:
            if creation.outcome not in {Outcome.UNKNOWN, Outcome.DONE}:
                self._creations.settle(creation.place, creation.doubt)

    async def _watch(
        self, creation: Creation, doubt: Doubt, seen: BitrixError | None, *, is_old: bool = False
    ) -> Found | None:
        """Look until something is found, or nothing can come any more; at once for a doubt of an earlier call.

        Raises:
            OutcomeUnknown: the lookup is refused, or fails at the end, or its answer proves nothing here.
        """
        failed: BitrixError | None = None
        at = asyncio.get_running_loop().time() if is_old else doubt.next_look()
        while at is not None:
            await self._until(at, creation, doubt)
            if not doubt.is_open:
                return await self._ended(creation, doubt)
            if (chat_id := self._creations.sighted(creation.place)) is not None:
                self._creations.kept.add(creation.place.host)
                return chat_id, Response(chat_id)
            looked_at, was_in_flight = max(at, asyncio.get_running_loop().time()), doubt.is_in_flight
            try:
                found, failed = await self.found(creation.request, creation.bound), None
            except BitrixError as error:
                found, failed = None, error
            if found is not None:
                self._learn_from_doubt(creation, doubt)
                return found
            is_over = isinstance(failed, RestError | ClientClosed)
            at = None if is_over else doubt.next_look(looked_at, was_in_flight=was_in_flight)
        if failed is not None:
            raise verdicts.unresolved(creation.request, doubt.exchange, verdicts.lacking(failed), seen or failed)
        if self._proves_nothing(creation, doubt, is_old=is_old):
            raise verdicts.unresolved(creation.request, doubt.exchange, verdicts.NOT_SEEN, seen)
        doubt.exchange.fail(verdicts.did_not_run(creation.request, seen))
        self._creations.settle(creation.place, doubt)
        return None

    async def _until(self, at: float, creation: Creation, doubt: Doubt) -> None:
        loop = asyncio.get_running_loop()
        # What it waits for announces nothing: an answer, or the event of a bot's chat.
        while (wait := at - loop.time()) > 0 and doubt.is_open and not self._creations.sighted(creation.place):  # noqa: ASYNC110
            await asyncio.sleep(min(wait, _STEP) if doubt.is_in_flight or doubt.of_bot else wait)

    def _learn_from_doubt(self, creation: Creation, doubt: Doubt) -> None:
        # Nothing bore the key before it was sent, so this attempt has left the entity that was found.
        if doubt.of_bot and not key_of(creation.request).is_new:
            self._creations.kept.add(creation.place.host)

    def _proves_nothing(self, creation: Creation, doubt: Doubt, *, is_old: bool) -> bool:
        """Return whether a chat might be there without being found by its key."""
        has_looked = is_old and key_of(creation.request).is_new  # the caller, for what an earlier call has left open
        return doubt.of_bot and creation.place.host not in self._creations.kept and not has_looked

    async def _ended(self, creation: Creation, doubt: Doubt) -> Found | None:
        """Return what an attempt has made whose caller had gone before its end; None if it made nothing."""
        response = doubt.exchange.response
        if response is None:
            self._creations.settle(creation.place, doubt)
            return None
        chat_id = created_id(response.result)
        return (chat_id, response) if chat_id is not None else await self.found(creation.request, creation.bound)

    async def _learn(self, creation: Creation, response: Response) -> None:
        """Learn whether this portal keeps what a bot's chat is told of an entity, as the documentation does not say."""
        key, host = key_of(creation.request), creation.place.host
        if key.fetch is None or host in self._creations.kept:
            return
        if echoes(key, response.result):
            self._creations.kept.add(host)
            return
        try:
            found = await self.found(creation.request, creation.bound)
        except BitrixError:
            return
        if found is None:
            self._creations.dropped.add(host)
            method = creation.request.method
            logger.warning("%s: %s keeps no entity: the chat just created cannot be found by its key", method, host)
        elif found[0] == created_id(response.result):
            self._creations.kept.add(host)

    async def _readable(self, creation: Creation, response: Response) -> Response:
        """Look up what was created where its answer does not tell."""
        if created_id(response.result) is not None:
            return response
        try:
            found = await self.found(creation.request, creation.bound)
        except BitrixError:
            found = None
        return response if found is None else await self.adopt(creation.request, *found, creation.bound)
