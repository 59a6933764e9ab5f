"""Who is in a group chat: `im.chat.user.*`."""

from collections.abc import Iterable

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_added = done("im.chat.user.add")
_deleted = done("im.chat.user.delete")
_ids = decoder(SNAKE_ANSWERS, list[int], "im.chat.user.list")


class ChatUserResource(Resource):
    """`b24.im.chat.user`: members of group chats."""

    def add(self, chat_id: Id, user_ids: Iterable[Id], *, hide_history: bool | None = None) -> Call[bool]:
        """Invite users to a chat.

        Args:
            chat_id: a chat that the caller may extend.
            user_ids: whom to invite.
            hide_history: hide what was written before from them; the portal's default is to hide it.

        Raises:
            AccessDenied: the caller may not invite, or all of them are members already.

        Source: `im.chat.user.add` (scope `im`).
        """
        params = {
            "CHAT_ID": arguments.positive_id("chat_id", chat_id),
            "USERS": arguments.required_ids("user_ids", user_ids),
            "HIDE_HISTORY": arguments.flag("hide_history", hide_history),
        }
        return self._upper("im.chat.user.add", params, _added)

    def delete(self, chat_id: Id, user_id: Id) -> Call[bool]:
        """Take a user out of a chat.

        Raises:
            RestError: the user is no member (`USER_NOT_FOUND`), or the caller may not remove them.

        Source: `im.chat.user.delete` (scope `im`).
        """
        params = {
            "CHAT_ID": arguments.positive_id("chat_id", chat_id),
            "USER_ID": arguments.positive_id("user_id", user_id),
        }
        return self._upper("im.chat.user.delete", params, _deleted)

    def list(self, chat_id: Id) -> Call[list[int]]:
        """List the ids of all members of a chat, in one answer. Source: `im.chat.user.list` (scope `im`)."""
        params = {"CHAT_ID": arguments.positive_id("chat_id", chat_id)}
        return self._upper("im.chat.user.list", params, _ids)
