"""Who helps the owner of a bot's chat: `imbot.v2.Chat.Manager.*`."""

from collections.abc import Iterable

from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import BotScopedResource, Decode
from bitrix_chat.rest.call import Call

_added = wrapped_done("imbot.v2.Chat.Manager.add")
_deleted = wrapped_done("imbot.v2.Chat.Manager.delete")


class ManagerResource(BotScopedResource):
    """`bot.chat.manager`: managers of a bot's chats."""

    def add(self, dialog_id: DialogId, user_ids: Iterable[Id]) -> Call[bool]:
        """Make members managers; who is no member is ignored.

        Raises:
            AccessDenied: the bot does not own the chat.

        Source: `imbot.v2.Chat.Manager.add` (scope `imbot`).
        """
        return self._of("imbot.v2.Chat.Manager.add", dialog_id, user_ids, _added)

    def delete(self, dialog_id: DialogId, user_ids: Iterable[Id]) -> Call[bool]:
        """Make managers plain members; who is no manager is ignored.

        Raises:
            AccessDenied: the bot does not own the chat.

        Source: `imbot.v2.Chat.Manager.delete` (scope `imbot`).
        """
        return self._of("imbot.v2.Chat.Manager.delete", dialog_id, user_ids, _deleted)

    def _of(self, method: str, dialog_id: DialogId, user_ids: Iterable[Id], decode: Decode[bool]) -> Call[bool]:
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "userIds": arguments.required_ids("user_ids", user_ids),
        }
        return self._camel(method, params, decode)
