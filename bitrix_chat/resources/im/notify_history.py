"""Searching the caller's notifications: `im.notify.history.*`."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Final

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.notification import Notification, NotificationSearchPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_MAX_PAGE: Final = 50
_SHORTEST: Final = 3

_page = decoder(SNAKE_ANSWERS, NotificationSearchPage, "im.notify.history.search")


def _following(page: NotificationSearchPage) -> int | None:
    return page.notifications[-1].id if page.notifications else None


class NotifyHistoryResource(Resource):
    """`b24.im.notify.history`: searches in the notifications of the caller."""

    def search(
        self,
        text: str | None = None,
        *,
        type: str | None = None,  # noqa: A002  # the portal's word
        types: Iterable[str] | None = None,
        date: datetime | None = None,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        author_ids: Iterable[Id] | None = None,
        group_tag: str | None = None,
        last_id: Id | None = None,
        limit: int | None = None,
        convert_text: bool | None = None,
    ) -> Call[NotificationSearchPage]:
        """Search the caller's notifications, the newest first, by at least one of the first eight criteria.

        Args:
            text: at least 3 characters.
            type: a kind, such as `im.notify.schema.get` lists: `module|event`.
            types: several kinds.
            date: on this day.
            date_from: from this moment, together with
            date_to: until this one.
            author_ids: sent by one of these users.
            group_tag: with this second tag.
            last_id: the last notification of the page before.
            limit: at most 50, the default.
            convert_text: with HTML in place of BB code.

        Raises:
            InvalidParameter: no criterion is given, or one of `date_from` and `date_to` alone.

        Source: `im.notify.history.search` (scope `im`).
        """
        if (date_from is None) is not (date_to is None):
            raise InvalidParameter("`date_from` and `date_to` are needed together")
        criteria = {
            "SEARCH_TEXT": arguments.search_text("text", text, _SHORTEST),
            "SEARCH_TYPE": None if type is None else arguments.required_text("type", type),
            "SEARCH_TYPES": arguments.texts("types", types),
            "SEARCH_DATE": arguments.moment("date", date),
            "SEARCH_DATE_FROM": arguments.moment("date_from", date_from),
            "SEARCH_DATE_TO": arguments.moment("date_to", date_to),
            "SEARCH_AUTHORS": arguments.positive_ids("author_ids", author_ids),
            "GROUP_TAG": None if group_tag is None else arguments.required_text("group_tag", group_tag),
        }
        if all(value is None for value in criteria.values()):
            raise InvalidParameter(
                "nothing to search by is given, `text` for example", method="im.notify.history.search"
            )
        page = {
            "LAST_ID": None if last_id is None else arguments.positive_id("last_id", last_id),
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
            "CONVERT_TEXT": arguments.flag("convert_text", convert_text),
        }
        return self._upper("im.notify.history.search", {**criteria, **page}, _page)

    async def iter_notifications(
        self,
        text: str | None = None,
        *,
        type: str | None = None,  # noqa: A002  # the portal's word
        types: Iterable[str] | None = None,
        date: datetime | None = None,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        author_ids: Iterable[Id] | None = None,
        group_tag: str | None = None,
        limit: int = _MAX_PAGE,
        convert_text: bool | None = None,
    ) -> AsyncGenerator[Notification, None]:
        """Yield all notifications found, the newest first, reading pages of `limit` until an empty one.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `im.notify.history.search` (scope `im`).
        """
        kinds = arguments.texts("types", types)
        authors = arguments.positive_ids("author_ids", author_ids)

        def make(last_id: int | None) -> Call[NotificationSearchPage]:
            return self.search(
                text,
                type=type,
                types=kinds,
                date=date,
                date_from=date_from,
                date_to=date_to,
                author_ids=authors,
                group_tag=group_tag,
                last_id=last_id,
                limit=limit,
                convert_text=convert_text,
            )

        async for page in pages_by_cursor(make, _following):
            for notification in page.notifications:
                yield notification
