"""The user's list of recent dialogs: `im.recent.*`."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final, TypedDict, Unpack

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.recent import RecentItem, RecentPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_items = decoder(SNAKE_ANSWERS, list[RecentItem], "im.recent.get")
_page = decoder(SNAKE_ANSWERS, RecentPage, "im.recent.list")
_pinned = done("im.recent.pin")
_marked = done("im.recent.unread")
_hidden = done("im.recent.hide")

_PAGE: Final = 200


class RecentFilter(TypedDict, total=False):
    """What `list` and `iter_recent` choose by; `list` explains each."""

    skip_openlines: bool | None
    skip_dialog: bool | None
    skip_chat: bool | None
    last_message_date: datetime | None
    unread_only: bool | None
    parse_text: bool | None
    get_original_text: bool | None
    skip_undistributed_openlines: bool | None
    only_copilot: bool | None
    only_channel: bool | None
    can_manage_messages: bool | None


class RecentResource(Resource):
    """`b24.im.recent`: dialogs of the user by their last message, pinned ones first."""

    def get(
        self,
        *,
        skip_openlines: bool | None = None,
        skip_chat: bool | None = None,
        skip_dialog: bool | None = None,
        last_update: datetime | None = None,
        only_openlines: bool | None = None,
        last_sync_date: datetime | None = None,
    ) -> Call["list[RecentItem]"]:
        """Get the recent dialogs in one short list, without pages.

        Args:
            skip_openlines: leave out open lines.
            skip_chat: leave out group chats.
            skip_dialog: leave out private chats.
            last_update: only what changed since.
            only_openlines: open lines alone.
            last_sync_date: only what changed since, for catching up after a pause.

        Source: `im.recent.get` (scope `im`).
        """
        params = {
            "SKIP_OPENLINES": arguments.flag("skip_openlines", skip_openlines),
            "SKIP_CHAT": arguments.flag("skip_chat", skip_chat),
            "SKIP_DIALOG": arguments.flag("skip_dialog", skip_dialog),
            "LAST_UPDATE": arguments.moment("last_update", last_update),
            "ONLY_OPENLINES": arguments.flag("only_openlines", only_openlines),
            "LAST_SYNC_DATE": arguments.moment("last_sync_date", last_sync_date),
        }
        return self._upper("im.recent.get", params, _items)

    def pin(self, dialog_id: DialogId, *, pin: bool | None = None) -> Call[bool]:
        """Pin a dialog to the top, or with `pin=False` let it go. Source: `im.recent.pin` (scope `im`)."""
        params = {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id), "PIN": arguments.flag("pin", pin)}
        return self._upper("im.recent.pin", params, _pinned)

    def unread(self, dialog_id: DialogId, *, unread: bool | None = None) -> Call[bool]:
        """Mark a dialog as unread, or with `unread=False` take the mark off; its messages stay as they are.

        Source: `im.recent.unread` (scope `im`).
        """
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "ACTION": arguments.flag("unread", unread),
        }
        return self._upper("im.recent.unread", params, _marked)

    def hide(self, dialog_id: DialogId) -> Call[bool]:
        """Take a dialog off the list until somebody writes; never repeated, as it would hide the new message.

        Source: `im.recent.hide` (scope `im`).
        """
        return self._upper("im.recent.hide", {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id)}, _hidden)

    async def iter_recent(
        self, *, limit: int = _PAGE, **chosen: Unpack[RecentFilter]
    ) -> AsyncGenerator[RecentItem, None]:
        """Iterate over the recent dialogs, `limit` a request; the other arguments are those of `list`.

        A dialog in which somebody writes meanwhile moves to the top, and may push another onto the next page too.

        Raises:
            CursorStalled: three pages in a row are empty, and each announces another one.

        Source: `im.recent.list` (scope `im`).
        """
        offset = 0

        def page_at(cursor: int | None) -> Call[RecentPage]:
            return self.list(limit=limit, offset=cursor or 0, **chosen)

        def following(page: RecentPage) -> int | None:
            nonlocal offset
            # By what was asked for: the portal leaves out of a page what it may not show.
            offset += limit
            return offset if page.has_more or page.has_more_pages else None

        async for page in pages_by_cursor(page_at, following, count=lambda page: len(page.items)):
            for item in page.items:
                yield item

    def list(
        self,
        *,
        skip_openlines: bool | None = None,
        skip_dialog: bool | None = None,
        skip_chat: bool | None = None,
        last_message_date: datetime | None = None,
        unread_only: bool | None = None,
        parse_text: bool | None = None,
        get_original_text: bool | None = None,
        skip_undistributed_openlines: bool | None = None,
        only_copilot: bool | None = None,
        only_channel: bool | None = None,
        can_manage_messages: bool | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> Call[RecentPage]:
        """List one page of the recent dialogs.

        Args:
            skip_openlines: leave out open lines.
            skip_dialog: leave out private chats.
            skip_chat: leave out group chats.
            last_message_date: dialogs whose last message is not younger.
            unread_only: dialogs with something unread.
            parse_text: messages without their formatting codes.
            get_original_text: messages as they were written.
            skip_undistributed_openlines: leave out open lines that nobody has taken yet.
            only_copilot: CoPilot chats alone.
            only_channel: channels alone.
            can_manage_messages: dialogs in which the user may manage messages.
            offset: how many to pass over.
            limit: at most 200; 50 by default.

        Source: `im.recent.list` (scope `im`).
        """
        params = {
            "SKIP_OPENLINES": arguments.flag("skip_openlines", skip_openlines),
            "SKIP_DIALOG": arguments.flag("skip_dialog", skip_dialog),
            "SKIP_CHAT": arguments.flag("skip_chat", skip_chat),
            "LAST_MESSAGE_DATE": arguments.moment("last_message_date", last_message_date),
            "UNREAD_ONLY": arguments.flag("unread_only", unread_only),
            "PARSE_TEXT": arguments.flag("parse_text", parse_text),
            "GET_ORIGINAL_TEXT": arguments.flag("get_original_text", get_original_text),
            "SKIP_UNDISTRIBUTED_OPENLINES": arguments.flag(
                "skip_undistributed_openlines", skip_undistributed_openlines
            ),
            "ONLY_COPILOT": arguments.flag("only_copilot", only_copilot),
            "ONLY_CHANNEL": arguments.flag("only_channel", only_channel),
            "CAN_MANAGE_MESSAGES": arguments.flag("can_manage_messages", can_manage_messages),
            "OFFSET": arguments.offset(offset),
            "LIMIT": arguments.limit(limit, _PAGE),
        }
        return self._upper("im.recent.list", params, _page)
