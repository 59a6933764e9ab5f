"""Group chats that a bot creates and reads: `imbot.v2.Chat.*`."""

from collections.abc import Iterable, Mapping
from typing import Any

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.enums import ChatType, Color
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.chat import ChatInfo, Entity
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety, Transport

_added = decoder(CAMEL_ANSWERS, ChatInfo, "imbot.v2.Chat.add")
_got = decoder(CAMEL_ANSWERS, ChatInfo, "imbot.v2.Chat.get")


class ChatResource(Resource):
    """`bot.chat`: chats of one bot."""

    def __init__(self, transport: Transport, bot: Mapping[str, Any]) -> None:
        super().__init__(transport)
        self._bot = bot

    def add(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        color: Color | str | None = None,
        avatar: Avatar | None = None,
        user_ids: Iterable[Id] | None = None,
        owner_id: Id | None = None,
        message: str | None = None,
        type: ChatType | str | None = None,  # noqa: A002  # the portal's word
        entity: Entity | None = None,
    ) -> Call[ChatInfo]:
        """Create a group chat with the bot as a member, and as its owner unless another is named.

        The portal creates a chat on every call: see `OutcomeUnknown` before a repetition.

        Args:
            title: at most 255 characters; the portal makes one up where it is missing.
            description: also posted as a message.
            color: chosen by the portal where it is missing.
            avatar: image bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.
            user_ids: members besides the bot; the portal drops unknown and dismissed users silently.
            owner_id: the owner, the bot by default.
            message: the first message, as documented; portals are known not to post it. To be sure, send the
                message in the same batch.
            type: closed (the default) or `open`; undocumented, and read by today's portals.
            entity: what the chat belongs to; undocumented, and kept by today's portals. It takes the chat its
                greeting message, and even its owner may then not update it by `imbot.v2`.

        Raises:
            InvalidParameter: a value that the portal would drop or cut; nothing was sent.
            BotError: the bot is unknown, belongs to another application, or its token is wrong.
            AccessDenied: the user of the webhook or token may not create chats.

        Source: `imbot.v2.Chat.add` (scope `imbot`).
        """
        entity_type, entity_id = arguments.entity(entity)
        fields = {
            "title": arguments.text("title", title, arguments.MAX_TITLE),
            "description": arguments.text("description", description),
            "color": arguments.color("color", color),
            "avatar": None if avatar is None else encode_avatar(avatar),
            "userIds": arguments.positive_ids("user_ids", user_ids),
            "ownerId": None if owner_id is None else arguments.positive_id("owner_id", owner_id),
            "message": arguments.text("message", message),
            "type": arguments.choice("type", ChatType, type),
            "entityType": entity_type,
            "entityId": entity_id,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        params = {**self._bot, "fields": given or None}  # a batch cannot say an empty map
        return self._camel("imbot.v2.Chat.add", params, _added, Safety.CREATE)

    def get(self, dialog_id: DialogId) -> Call[ChatInfo]:
        """Get a chat that the bot is a member of; asking by a user's id creates the private chat.

        Raises:
            AccessDenied: the bot is no member.
            NotFound: there is no such chat.

        Source: `imbot.v2.Chat.get` (scope `imbot`).
        """
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id)}
        return self._camel("imbot.v2.Chat.get", params, _got, Safety.SAFE)
