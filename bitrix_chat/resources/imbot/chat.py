"""Group chats that a bot creates and reads: `imbot.v2.Chat.*`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.enums import ChatType, Color
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.chat import ChatInfo, Entity
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.imbot.input_action import InputActionResource
from bitrix_chat.resources.imbot.manager import ManagerResource
from bitrix_chat.resources.imbot.message import MessageResource
from bitrix_chat.resources.imbot.text_field import TextFieldResource
from bitrix_chat.resources.imbot.user import UserResource
from bitrix_chat.resources.many_chats import ManyChats
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.keys import KEY_ENTITY_TYPE, chat_key
from bitrix_chat.rest.request import Request, Safety, Transport

if TYPE_CHECKING:
    from bitrix_chat.bulk.creator import Creator

_added = decoder(CAMEL_ANSWERS, ChatInfo, "imbot.v2.Chat.add")
_got = decoder(CAMEL_ANSWERS, ChatInfo, "imbot.v2.Chat.get")
_updated = wrapped_done("imbot.v2.Chat.update")
_owner_set = wrapped_done("imbot.v2.Chat.setOwner")
_left = wrapped_done("imbot.v2.Chat.leave")


def _chat_id(info: ChatInfo) -> int:
    return info.chat.id


class ChatResource(BotScopedResource, ManyChats[ChatInfo]):
    """`bot.chat`: chats of one bot."""

    def __init__(self, transport: Transport, bot: Mapping[str, Any]) -> None:
        super().__init__(transport, bot)
        self.user = UserResource(transport, bot)
        self.manager = ManagerResource(transport, bot)
        self.message = MessageResource(transport, bot)
        self.input_action = InputActionResource(transport, bot)
        self.text_field = TextFieldResource(transport, bot)

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
        key: str | None = None,
        key_is_new: bool = False,
    ) -> Call[ChatInfo]:
        """Create a group chat with the bot as a member, and as its owner unless another is named.

        The portal creates a chat on every call: see `OutcomeUnknown` before a repetition.

        With `key` there is one chat a key, as `b24.im.chat.add` says at length; one name space holds for both. The
        lookup needs the scope `im` beside `imbot`. That this method keeps the key is undocumented: only once an answer
        of the portal has shown it does a lookup that finds nothing prove that nothing was created. Until then a lost
        answer ends as `OutcomeUnknown`; and on a portal that does not keep it, a further key is refused. A chat that
        is found and that the bot is no member of cannot be returned (`AccessDenied`).

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
            key: a name of your own for this chat, unique in the portal; it has the cost of an entity, whose place it
                takes.
            key_is_new: the key was surely never used, so that it need not be looked up first (one request less).

        Raises:
            InvalidParameter: a value that the portal would drop or cut; nothing was sent.
            BotError: the bot is unknown, belongs to another application, or its token is wrong.
            AccessDenied: the user of the webhook or token may not create chats.
            OutcomeUnknown: the chat may have been created.

        Source: `imbot.v2.Chat.add` (scope `imbot`).
        """
        name = arguments.key(key, entity, is_new=key_is_new)
        entity_type, entity_id = arguments.entity(entity) if name is None else (KEY_ENTITY_TYPE, name)
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
        fetch = Request("imbot.v2.Chat.get", self._bot, Safety.SAFE)
        return self._camel(
            "imbot.v2.Chat.add",
            params,
            _added,
            key=None if name is None else chat_key(name, is_new=key_is_new, fetch=fetch),
        )

    def _creator(self) -> "Creator[ChatInfo]":
        from bitrix_chat.bulk.creator import Creator  # noqa: PLC0415

        return Creator("imbot.v2.Chat.add", self._transport, self.add, _chat_id, str(self._bot["botId"]))

    def get(self, dialog_id: DialogId) -> Call[ChatInfo]:
        """Get a chat that the bot is a member of; asking by a user's id creates the private chat.

        Raises:
            AccessDenied: the bot is no member.
            NotFound: there is no such chat.

        Source: `imbot.v2.Chat.get` (scope `imbot`).
        """
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id)}
        return self._camel("imbot.v2.Chat.get", params, _got)

    def update(
        self,
        dialog_id: DialogId,
        *,
        title: str | None = None,
        description: str | None = None,
        color: Color | str | None = None,
        avatar: Avatar | None = None,
    ) -> Call[bool]:
        """Change a chat; what is not given stays as it is.

        Args:
            dialog_id: the chat.
            title: at most 255 characters.
            description: what it is about.
            color: one of the 16.
            avatar: image bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.

        Raises:
            InvalidParameter: nothing is given, or a value that the portal would drop or cut.
            AccessDenied: the bot may not change the chat. In a chat with an entity of an unknown type nobody may.

        Source: `imbot.v2.Chat.update` (scope `imbot`).
        """
        arguments.at_least_one(title=title, description=description, color=color, avatar=avatar)
        fields = {
            "title": arguments.text("title", title, arguments.MAX_TITLE),
            "description": arguments.text("description", description),
            "color": arguments.color("color", color),
            "avatar": None if avatar is None else encode_avatar(avatar),
        }
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id), "fields": fields}
        return self._camel("imbot.v2.Chat.update", params, _updated)

    def set_owner(self, dialog_id: DialogId, user_id: Id) -> Call[bool]:
        """Make a user the owner; the portal does not ask whether they are a member.

        Raises:
            AccessDenied: the bot does not own the chat.

        Source: `imbot.v2.Chat.setOwner` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "userId": arguments.positive_id("user_id", user_id),
        }
        return self._camel("imbot.v2.Chat.setOwner", params, _owner_set)

    def leave(self, dialog_id: DialogId) -> Call[bool]:
        """Leave a chat; one that the bot owns goes over to another member.

        Raises:
            AccessDenied: the bot is no member.

        Source: `imbot.v2.Chat.leave` (scope `imbot`).
        """
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id)}
        return self._camel("imbot.v2.Chat.leave", params, _left)
