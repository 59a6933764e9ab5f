"""What was written in a dialog, read in either direction or searched: `im.dialog.messages.*`."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Final, TypeVar

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, decoder
from bitrix_chat.enums import SortOrder
from bitrix_chat.models.dialog import DialogMessages, FoundMessages
from bitrix_chat.models.message import Message
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_got = decoder(SNAKE_ANSWERS, DialogMessages, "im.dialog.messages.get")
_found = decoder(CAMEL_ANSWERS, FoundMessages, "im.dialog.messages.search")

_PAGE: Final = 50
_SEARCH_PAGE: Final = 200
_SHORTEST_SEARCH: Final = 3

PageT = TypeVar("PageT", DialogMessages, FoundMessages)


class DialogMessagesResource(Resource):
    """`b24.im.dialog.messages`: messages of any dialog that the user may read."""

    def get(
        self,
        dialog_id: DialogId,
        *,
        last_id: Id | None = None,
        first_id: Id | None = None,
        limit: int | None = None,
    ) -> Call[DialogMessages]:
        """Get one page of a dialog's messages, the newest without a cursor.

        Args:
            dialog_id: the dialog.
            last_id: messages before this one.
            first_id: messages after this one; 0 is the beginning of the dialog.
            limit: at most 50; 20 by default.

        Raises:
            InvalidParameter: `last_id` and `first_id` are both given.
            AccessDenied: the caller may not read the dialog.

        Source: `im.dialog.messages.get` (scope `im`).
        """
        arguments.not_both(last_id=last_id, first_id=first_id)
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "LAST_ID": arguments.cursor("last_id", last_id),
            "FIRST_ID": arguments.cursor("first_id", first_id),
            "LIMIT": arguments.limit(limit, _PAGE),
        }
        return self._upper("im.dialog.messages.get", params, _got)

    def iter_messages(
        self, dialog_id: DialogId, *, oldest_first: bool = False, limit: int = _PAGE
    ) -> AsyncGenerator[Message, None]:
        """Iterate over all messages of a dialog, the newest first unless told otherwise, `limit` a request.

        Raises:
            CursorStalled: the portal leads back to a page that was read.

        Source: `im.dialog.messages.get` (scope `im`).
        """

        def page_at(cursor: int | None) -> Call[DialogMessages]:
            if oldest_first:
                return self.get(dialog_id, first_id=cursor or 0, limit=limit)
            return self.get(dialog_id, last_id=cursor, limit=limit)

        return _by_id(page_at, limit, ascending=oldest_first)

    def search(
        self,
        chat_id: Id,
        *,
        text: str | None = None,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        date: datetime | None = None,
        order: SortOrder | str | None = None,
        limit: int | None = None,
        last_id: Id | None = None,
    ) -> Call[FoundMessages]:
        """Search one page of a chat's messages.

        Args:
            chat_id: the number of the chat.
            text: what they contain, at least 3 characters.
            date_from: not older than this.
            date_to: not younger than this.
            date: of the day of this moment.
            order: by id, `DESC` (the newest first) by default.
            limit: at most 200; 50 by default.
            last_id: the last message of the page before.

        Raises:
            AccessDenied: the caller may not read the chat.

        Source: `im.dialog.messages.search` (scope `im`).
        """
        direction = arguments.choice("order", SortOrder, order)
        params = {
            "CHAT_ID": arguments.positive_id("chat_id", chat_id),
            "SEARCH_MESSAGE": arguments.search_text("text", text, _SHORTEST_SEARCH),
            "DATE_FROM": arguments.moment("date_from", date_from),
            "DATE_TO": arguments.moment("date_to", date_to),
            "DATE": arguments.moment("date", date),
            "ORDER": None if direction is None else {"ID": direction},
            "LIMIT": arguments.limit(limit, _SEARCH_PAGE),
            "LAST_ID": arguments.cursor("last_id", last_id),
        }
        return self._upper("im.dialog.messages.search", params, _found)

    def iter_search(
        self,
        chat_id: Id,
        *,
        text: str | None = None,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        date: datetime | None = None,
        order: SortOrder | str = SortOrder.DESC,
        limit: int = _SEARCH_PAGE,
    ) -> AsyncGenerator[Message, None]:
        """Iterate over all messages that a search finds, `limit` a request; the arguments are those of `search`.

        Raises:
            CursorStalled: the portal leads back to a page that was read.

        Source: `im.dialog.messages.search` (scope `im`).
        """
        direction = arguments.required("order", arguments.choice("order", SortOrder, order))

        def page_at(cursor: int | None) -> Call[FoundMessages]:
            return self.search(
                chat_id,
                text=text,
                date_from=date_from,
                date_to=date_to,
                date=date,
                order=direction,
                limit=limit,
                last_id=cursor,
            )

        return _by_id(page_at, limit, ascending=direction is SortOrder.ASC)


async def _by_id(
    page_at: Callable[[int | None], Call[PageT]], limit: int, *, ascending: bool
) -> AsyncGenerator[Message, None]:
    sign = 1 if ascending else -1
    asked: int | None = None

    def remembered(cursor: int | None) -> Call[PageT]:
        nonlocal asked
        asked = cursor
        return page_at(cursor)

    def following(page: PageT) -> int | None:
        furthest = max((sign * message.id for message in page.messages), default=None)
        cursor = None if furthest is None else sign * furthest
        # Some portals show the message of the cursor again: alone on a page, it is the last.
        return None if cursor == asked and len(page.messages) < limit else cursor

    async for page in pages_by_cursor(remembered, following):
        for message in sorted(page.messages, key=lambda message: sign * message.id):
            if asked is None or sign * message.id > sign * asked:
                yield message
