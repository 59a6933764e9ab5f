"""A bot that listens: what `b24.bot(id, token=...)` returns, with its events and what is done about them."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.delivery import Source
from bitrix_chat.events.desired import DesiredBot
from bitrix_chat.events.intake import Intake
from bitrix_chat.events.polling import BUSY, IDLE, PAGE, EventStream, Pace
from bitrix_chat.events.registration import Ensured, ensure_bot
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.run_options import OnDeadLetter, OnJoined, RunCounts, RunOptions
from bitrix_chat.events.running import Running
from bitrix_chat.events.sightings import Sightings
from bitrix_chat.events.store import EventStore
from bitrix_chat.events.stores import Keeping, opened_store
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.request import Transport
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet, discreet_coroutine

_DEFAULTS: Final = RunOptions()


class BotEvents:
    """`bot.events`: what happens to one bot, as it happens."""

    def __init__(self, bot: BotHandle, transport: Transport) -> None:
        self._bot = bot
        self._transport = transport

    def stream(
        self,
        store: Keeping | None = None,
        *,
        with_user_events: bool = False,
        limit: int = PAGE,
        idle: tuple[float, float] = IDLE,
        busy: float = BUSY,
    ) -> EventStream:
        """Return the bot's events as deliveries, each at least once, for a bot of the event mode `fetch`.

        What is not acknowledged comes again: after `nack`, to the next stream, or to the next process. The portal keeps
        events for 24 hours.

        Args:
            store: where finished events are written down, a path or a store of your own: by it a new process tells
                what it need not handle again. Without one that is forgotten with the process.
            with_user_events: also those of the caller, after `b24.im.v2.event.subscribe()`.
            limit: events to ask for at a time, 1000 at most.
            idle: seconds between requests while nothing happens: after an event, and growing to at most.
            busy: seconds between requests while there is more.

        Source: `imbot.v2.Event.get` (scope `imbot`).
        """
        pace = Pace(limit=limit, idle=idle, busy=busy)
        return EventStream(self._bot, self._transport, store, pace=pace, with_user_events=with_user_events)


class BotClient(BotHandle):
    """One bot: what it does, on the paths of `imbot.v2`, and what happens to it.

    Args:
        bot_id: the bot's id.
        token: the token it was registered with; needed with a webhook, not with OAuth.
    """

    @discreet
    def __init__(self, transport: Transport, bot_id: Id, token: str | None) -> None:
        super().__init__(transport, bot_id, token)
        self._transport = transport
        self._secrets = () if token is None else (concealed(token),)
        self.events = BotEvents(self, transport)

    def __repr__(self) -> str:
        return f"<BotClient {self.id}>"

    @discreet_coroutine
    async def ensure(
        self, desired: DesiredBot, *, remove_others: bool = False, rewrite: bool = True, dry_run: bool = False
    ) -> Ensured:
        """Make this bot as it is declared: change what differs, its commands included, and tell which.

        It reads first and writes only what differs, so that it can be called at every start, by several processes at
        once. What is not declared stays as it is. `b24.ensure_bot` also registers a bot that is not there.

        Args:
            desired: the declaration; the bot's own token where it names none.
            remove_others: unregister the bot's commands that are not declared.
            rewrite: write again what the portal does not tell (see `Ensured.rewritten`).
            dry_run: tell, and write nothing.

        Raises:
            InvalidParameter: the declaration is one that the portal would refuse; nothing was written.
            BotNotFound: there is no bot with this id.
            BotNotOwned: the bot is another's, or the token is wrong; nothing was written.

        Source: `imbot.v2.Bot.update`, `imbot.v2.Command.*` (scope `imbot`).
        """
        if desired.token is None and self._secrets:
            desired = evolve(desired, token=self._secrets[0])
        return await ensure_bot(
            self._transport, desired, bot_id=self.id, remove_others=remove_others, rewrite=rewrite, dry_run=dry_run
        )

    async def run(
        self,
        router: EventRouter,
        *,
        store: Keeping | None = None,
        source: Source | Sequence[Source] | None = None,
        with_user_events: bool = False,
        concurrency: int = _DEFAULTS.concurrency,
        attempts: int = _DEFAULTS.attempts,
        backoff: float = _DEFAULTS.backoff,
        drain: float = _DEFAULTS.drain,
        on_dead_letter: OnDeadLetter | None = None,
        on_joined: OnJoined | None = None,
        counts: RunCounts | None = None,
    ) -> RunCounts:
        """Handle the bot's events until the run is cancelled, each at least once; one dialog's events in their order.

        A handler that fails is called again after a pause, while its dialog waits and others go on; an event that fails
        every time becomes a dead letter in the store. Cancelled, the run fetches nothing more, waits for handlers that
        work, and acknowledges what they have finished; cancelled once more, it stops them. A killed process leaves
        unfinished events to the next one.

        Args:
            router: finds the handler of each event.
            store: where finished events and dead letters are written down, a path or a store of your own; that of the
                first source by default.
            source: where events come from instead of polling: an `Inbox` of what was posted, a stream of
                `bot.events`, or several. They are closed in the end.
            with_user_events: for polling, also those of the caller, after `b24.im.v2.event.subscribe()`.
            concurrency: handlers that work at a time.
            attempts: how often a handler is called for an event that it fails on.
            backoff: seconds before the second attempt; they double from one to the next, up to a minute.
            drain: seconds that handlers have to end once the run is cancelled.
            on_dead_letter: told of an event that was given up, and of the error; it may be async.
            on_joined: told of a chat that the bot came into by its own deed, before any handler; it may be async.
            counts: where to count, to look at while the run goes on.

        Raises:
            ConsumerBusy: another consumer takes this bot's events.
            EventStoreError: the store failed; what it does not know comes again.
            BitrixError: the portal refuses to hand out events, by more than a limit or an outage.

        Source: `imbot.v2.Event.get` (scope `imbot`).
        """
        if not isinstance(router, EventRouter):
            raise InvalidParameter(f"`router` is {type(router).__name__}, not an EventRouter")
        options = RunOptions(
            concurrency=concurrency,
            attempts=attempts,
            backoff=backoff,
            drain=drain,
            on_dead_letter=on_dead_letter,
            on_joined=on_joined,
        )
        if source is not None and with_user_events:
            raise InvalidParameter("`with_user_events` is for polling; give it to the stream that is among the sources")
        kept, is_ours = opened_store(_store_of(source) if store is None else store)
        try:
            if source is None:
                # Without a store of the caller's, the stream takes care of what nobody will remember.
                source = self.events.stream(None if store is None else kept, with_user_events=with_user_events)
            sources = _listed(source)
            running = Running(
                router,
                sources,
                kept,
                options,
                bot=self,
                secrets=self._secrets,
                sightings=Sightings(self._transport, self),
                counts=counts,
            )
            return await running.run()
        finally:
            if is_ours:
                await kept.close()


def _store_of(source: Source | Sequence[Source] | None) -> EventStore | None:
    """Return the store of the first source that has one: dead letters are kept where the events were."""
    sources = source if isinstance(source, Sequence) else (source,)
    return next((each.store for each in sources if isinstance(each, Intake) and each.store is not None), None)


def _listed(source: Source | Sequence[Source]) -> list[Source]:
    sources = list(source) if isinstance(source, Sequence) else [source]
    if not sources or not all(isinstance(each, Source) for each in sources):
        raise InvalidParameter("`source` is a stream of `bot.events`, an Inbox, or a list of such")
    return [each for each in sources if isinstance(each, Source)]
