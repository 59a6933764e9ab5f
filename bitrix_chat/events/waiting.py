"""What waits for a bot now, and then an end: for whoever looks in from time to time instead of staying."""

from bitrix_chat.events.bot import BotClient
from bitrix_chat.events.polling import BUSY, IDLE, PAGE, EventStream, Pace
from bitrix_chat.events.stores import Keeping
from bitrix_chat.models.event import EventPage


class WaitingEvents(EventStream):
    """An `EventStream` that ends where the portal has no more, once all that was given back was taken again."""

    _is_over = False

    def _pause(self, page: EventPage, *, is_fresh: bool) -> float:
        # A page may promise more for ever.
        self._is_over = not (page.has_more and page.events)
        return super()._pause(page, is_fresh=is_fresh)

    async def _is_due(self) -> bool:
        if self._is_over and not self._later:
            raise StopAsyncIteration
        return await super()._is_due()


def waiting_events(
    bot: BotClient,
    store: Keeping | None = None,
    *,
    with_user_events: bool = False,
    limit: int = PAGE,
    busy: float = BUSY,
) -> WaitingEvents:
    """Return what waits for a bot; see `bot.events.stream`."""
    pace = Pace(limit=limit, idle=(busy, max(busy, IDLE[1])), busy=busy)
    return WaitingEvents(bot, bot._transport, store, pace=pace, with_user_events=with_user_events)  # noqa: SLF001  # its own
