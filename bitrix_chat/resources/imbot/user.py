"""Who is in a bot's chat: `imbot.v2.Chat.User.*`."""

from collections.abc import Iterable, Mapping
from typing import Final

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.enums import MemberOrder, SortOrder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call

_added = wrapped_done("imbot.v2.Chat.User.add")
_deleted = wrapped_done("imbot.v2.Chat.User.delete")
_users = decoder(CAMEL_ANSWERS, list[User], "imbot.v2.Chat.User.list")

_MAX_PAGE: Final = 200


class UserResource(BotScopedResource):
    """`bot.chat.user`: members of a bot's chats."""

    def add(self, dialog_id: DialogId, user_ids: Iterable[Id]) -> Call[bool]:
        """Add members; True also where they are in already or are nobody, whom the portal drops silently.

        Raises:
            AccessDenied: the bot may not add members.

        Source: `imbot.v2.Chat.User.add` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "userIds": arguments.required_ids("user_ids", user_ids),
        }
        return self._camel("imbot.v2.Chat.User.add", params, _added)

    def delete(self, dialog_id: DialogId, user_id: Id) -> Call[bool]:
        """Remove one member; True also for a user who is not in the chat.

        Raises:
            AccessDenied: the bot may not remove members.

        Source: `imbot.v2.Chat.User.delete` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "userId": arguments.positive_id("user_id", user_id),
        }
        return self._camel("imbot.v2.Chat.User.delete", params, _deleted)

    def list(
        self,
        dialog_id: DialogId,
        *,
        order: Mapping[MemberOrder | str, SortOrder | str] | None = None,
        limit: int | None = None,
    ) -> Call[list[User]]:
        """List members; the portal has no next page, so the first 200 are all that a bot can read.

        Args:
            dialog_id: the chat.
            order: what to sort by and which way, `{MemberOrder.USER_ID: "asc"}`.
            limit: how many, 200 at most; the portal's default is 50.

        Raises:
            AccessDenied: the bot is no member.

        Source: `imbot.v2.Chat.User.list` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "order": _order(order),
            "limit": arguments.limit(limit, _MAX_PAGE),
        }
        return self._camel("imbot.v2.Chat.User.list", params, _users)


def _order(order: Mapping[MemberOrder | str, SortOrder | str] | None) -> dict[str, SortOrder | None] | None:
    if order is None:
        return None
    if not isinstance(order, Mapping):
        raise InvalidParameter(f"`order` is {type(order).__name__}, not a map such as {{'userId': 'ASC'}}")
    # Nothing stands for None here, which `choice` takes for what was not given.
    chosen = {arguments.choice("order", MemberOrder, by or ""): way for by, way in order.items()}
    return {str(by): arguments.choice(f"order[{by}]", SortOrder, way or "") for by, way in chosen.items()} or None
