"""What the caller found and opened lately, a list that the portal no longer shows: `im.search.last.*`."""

from typing_extensions import deprecated

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.search import SearchHistoryItem
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_items = decoder(SNAKE_ANSWERS, list[SearchHistoryItem], "im.search.last.get")
_added = done("im.search.last.add")
_deleted = done("im.search.last.delete")


class SearchLastResource(Resource):
    """`b24.im.search.last`: deprecated by the portal, without a successor."""

    @deprecated("the portal gives up im.search.last.get; there is no successor")
    def get(
        self, *, skip_openlines: bool | None = None, skip_chat: bool | None = None, skip_dialog: bool | None = None
    ) -> Call[list[SearchHistoryItem]]:
        """Get what was found lately, the latest first. Deprecated, without a successor.

        Args:
            skip_openlines: without open lines.
            skip_chat: without other group chats.
            skip_dialog: without private chats.

        Source: `im.search.last.get` (scope `im`).
        """
        params = {
            "SKIP_OPENLINES": arguments.flag("skip_openlines", skip_openlines),
            "SKIP_CHAT": arguments.flag("skip_chat", skip_chat),
            "SKIP_DIALOG": arguments.flag("skip_dialog", skip_dialog),
        }
        return self._upper("im.search.last.get", params, _items)

    @deprecated("the portal gives up im.search.last.add; there is no successor")
    def add(self, dialog_id: DialogId) -> Call[bool]:
        """Put a dialog on top of the list. Deprecated, without a successor.

        Source: `im.search.last.add` (scope `im`).
        """
        params = {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id)}
        return self._upper("im.search.last.add", params, _added)

    @deprecated("the portal gives up im.search.last.delete; there is no successor")
    def delete(self, dialog_id: DialogId) -> Call[bool]:
        """Take a dialog from the list. Deprecated, without a successor.

        Source: `im.search.last.delete` (scope `im`).
        """
        params = {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id)}
        return self._upper("im.search.last.delete", params, _deleted)
