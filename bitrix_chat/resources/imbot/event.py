"""Events that a bot fetches by itself: `imbot.v2.Event.*`."""

from collections.abc import AsyncGenerator

from bitrix_chat.models.event import EventPage, EventRecord
from bitrix_chat.resources import arguments
from bitrix_chat.resources.event_log import MAX_PAGE, event_page, event_pages, page_params
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call

_page = event_page("imbot.v2.Event.get")


class EventResource(BotScopedResource):
    """`bot.event`: for bots registered with the event mode `fetch`; the portal keeps events for 24 hours."""

    def get(
        self, *, offset: int | None = None, limit: int | None = None, with_user_events: bool | None = None
    ) -> Call[EventPage]:
        """Fetch the events from `offset` on, at once and without waiting for new ones.

        Args:
            offset: the `next_offset` of the page before, which makes the portal forget all events below it. Without
                it the same first page comes again and again.
            limit: how many, 1000 at most; the portal's default is 100.
            with_user_events: also those of the caller, after `b24.im.v2.event.subscribe()`; an offset then makes
                the portal forget these too.

        Raises:
            NotSubscribed: the caller's events are wanted, and there is no subscription.
            PermissionDeniedError: the caller's events are wanted without the scope `im`.

        Source: `imbot.v2.Event.get` (scope `imbot`).
        """
        wanted = arguments.flag("with_user_events", with_user_events)
        params = {**self._bot, **page_params(offset, limit), "withUserEvents": wanted}
        return self._camel("imbot.v2.Event.get", params, _page)

    async def iter_events(
        self, *, offset: int | None = None, limit: int = MAX_PAGE, with_user_events: bool | None = None
    ) -> AsyncGenerator[EventRecord, None]:
        """Yield every event that waits, page by page, and end where there are none now.

        Asking for the next page acknowledges the one before: the portal forgets its events as soon as you ask for the
        first event of the next. Those of the last page stay until `get(offset=last.event_id + 1)`, so they come
        again otherwise: tell them by `event_id`.

        Args:
            offset: where to begin; the portal forgets all events below it.
            limit: how many a page holds, 1000 at most.
            with_user_events: also those of the caller, as in `get`.

        Raises:
            CursorStalled: a page led back to one that was read.

        Source: `imbot.v2.Event.get` (scope `imbot`).
        """
        pages = event_pages(
            lambda cursor: self.get(offset=cursor, limit=limit, with_user_events=with_user_events), offset
        )
        async for page in pages:
            for event in page.events:
                yield event
