"""Group chats that a user creates and changes: `im.chat.*`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from bitrix_chat.converters import SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.enums import ChatType, Color
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.chat import Entity
from bitrix_chat.outcomes import Outcome
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.im.chat_user import ChatUserResource
from bitrix_chat.resources.many_chats import ManyChats
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.keys import KEY_ENTITY_TYPE, chat_key
from bitrix_chat.rest.request import Transport

if TYPE_CHECKING:
    from bitrix_chat.bulk.creator import Creator

_number = decoder(SNAKE_ANSWERS, int, "im.chat.add")
_title_updated = done("im.chat.updateTitle")
_color_updated = done("im.chat.updateColor")
_avatar_updated = done("im.chat.updateAvatar")
_owner_set = done("im.chat.setOwner")
_left = done("im.chat.leave")
_muted = done("im.chat.mute")


@frozen
class _Found:
    id: int


_found = decoder(UPPER_ANSWERS, _Found, "im.chat.get")


def _found_id(raw: Any) -> int | None:
    return _found(raw).id or None if raw else None


def _chat_id(raw: Any) -> int:
    if (chat_id := _number(raw)) > 0:
        return chat_id
    unexpected = UnexpectedAnswer("done, but the answer is no chat id", method="im.chat.add", outcome=Outcome.DONE)
    unexpected.result = raw
    raise unexpected


class ChatResource(Resource, ManyChats[int]):
    """`b24.im.chat`: chats of the user whom the webhook or token belongs to.

    Where both are taken, a chat is named by its `chat_id` or by its `dialog_id` (`chat5`).
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.user = ChatUserResource(transport)

    def add(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        color: Color | str | None = None,
        avatar: Avatar | None = None,
        user_ids: Iterable[Id] | None = None,
        type: ChatType | str | None = None,  # noqa: A002  # the portal's word
        message: str | None = None,
        entity: Entity | None = None,
        copilot_main_role: str | None = None,
        key: str | None = None,
        key_is_new: bool = False,
    ) -> Call[int]:
        """Create a group chat and return its id; its dialog id is `chat<id>`.

        The portal creates a chat on every call, whatever the entity says: see `OutcomeUnknown` before a repetition.

        With `key` there is one chat a key. The key is looked up first, and a chat that bears it is returned as it is,
        whatever else is given. Calls with one key in a process share one creation. Where an answer is lost, the key is
        looked up at 2, 5, 15 and 60 seconds, and nothing is sent again before the portal can no longer be working on it
        (the client's `quiescence`, 120 s); if the call's bound ends before, `OutcomeUnknown` names the key, and a later
        call with it goes on from there. Two processes that use a key at the same time may still create two chats, and
        so may a process that begins within the quiescence after another was killed: share a lock, or wait. A chat with
        a key has no greeting message, and `imbot.v2.Chat.update` is refused for it. Databases compare without regard to
        case, so let keys differ in more.

        Args:
            title: at most 255 characters; the portal makes one up where it is missing.
            description: also posted as a message.
            color: chosen by the portal where it is missing.
            avatar: image bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.
            user_ids: members besides the caller; the portal drops unknown and dismissed users silently.
            type: closed (`CHAT`, the default) or `OPEN`.
            message: the first message, posted by the caller.
            entity: what the chat belongs to; `get` finds it again.
            copilot_main_role: the role of a CoPilot chat.
            key: a name of your own for this chat, unique in the portal, at most 255 characters; not together with
                `entity`, whose place it takes.
            key_is_new: the key was surely never used, so that it need not be looked up first (one request less).

        Raises:
            InvalidParameter: a value that the portal would drop or cut; nothing was sent.
            RequestError: the portal could not create the chat (`WRONG_REQUEST`).
            OutcomeUnknown: the chat may have been created.

        Source: `im.chat.add` (scope `im`).
        """
        name = arguments.key(key, entity, is_new=key_is_new)
        entity_type, entity_id = arguments.entity(entity) if name is None else (KEY_ENTITY_TYPE, name)
        params = {
            "USERS": arguments.positive_ids("user_ids", user_ids),
            "TYPE": arguments.choice("type", ChatType, type),
            "TITLE": arguments.text("title", title, arguments.MAX_TITLE),
            "DESCRIPTION": arguments.text("description", description),
            "COLOR": arguments.color("color", color),
            "MESSAGE": arguments.text("message", message),
            "AVATAR": None if avatar is None else encode_avatar(avatar),
            "ENTITY_TYPE": entity_type,
            "ENTITY_ID": entity_id,
            "COPILOT_MAIN_ROLE": arguments.text("copilot_main_role", copilot_main_role),
        }
        return self._upper(
            "im.chat.add", params, _chat_id, key=None if name is None else chat_key(name, is_new=key_is_new)
        )

    def _creator(self) -> "Creator[int]":
        from bitrix_chat.bulk.creator import Creator  # noqa: PLC0415

        return Creator("im.chat.add", self._transport, self.add, int)

    def get(self, entity: Entity) -> Call[int | None]:
        """Find the id of a chat by its entity; None if there is none, any of them if there are several.

        Source: `im.chat.get` (scope `im`).
        """
        entity_type, entity_id = arguments.required_entity(entity)
        params = {"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}
        return self._upper("im.chat.get", params, _found_id)

    def update_title(self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None, title: str) -> Call[bool]:
        """Rename a chat; a title has at most 255 characters.

        Raises:
            AccessDenied: the caller is no member, or may not rename it.

        Source: `im.chat.updateTitle` (scope `im`).
        """
        params = {
            **arguments.chat_or_dialog(chat_id, dialog_id),
            "TITLE": arguments.required_text("title", title, arguments.MAX_TITLE),
        }
        return self._upper("im.chat.updateTitle", params, _title_updated)

    def update_color(
        self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None, color: Color | str
    ) -> Call[bool]:
        """Give a chat another of the 16 colours.

        Raises:
            RequestError: it has that colour already (`WRONG_REQUEST`).
            AccessDenied: the caller is no member, or may not change it.

        Source: `im.chat.updateColor` (scope `im`).
        """
        params = {
            **arguments.chat_or_dialog(chat_id, dialog_id),
            "COLOR": arguments.required("color", arguments.color("color", color)),
        }
        return self._upper("im.chat.updateColor", params, _color_updated)

    def update_avatar(
        self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None, avatar: Avatar
    ) -> Call[bool]:
        """Give a chat another picture: bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.

        Raises:
            AccessDenied: the caller is no member, or may not change it.

        Source: `im.chat.updateAvatar` (scope `im`).
        """
        params = {**arguments.chat_or_dialog(chat_id, dialog_id), "AVATAR": encode_avatar(avatar)}
        return self._upper("im.chat.updateAvatar", params, _avatar_updated)

    def set_owner(self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None, user_id: Id) -> Call[bool]:
        """Hand a chat over to another member; only its owner can.

        Raises:
            RequestError: the caller is not the owner, or the user no member (`WRONG_REQUEST`).

        Source: `im.chat.setOwner` (scope `im`).
        """
        params = {
            **arguments.chat_or_dialog(chat_id, dialog_id),
            "USER_ID": arguments.positive_id("user_id", user_id),
        }
        return self._upper("im.chat.setOwner", params, _owner_set)

    def leave(self, chat_id: Id) -> Call[bool]:
        """Leave a chat. Source: `im.chat.leave` (scope `im`)."""
        return self._upper("im.chat.leave", {"CHAT_ID": arguments.positive_id("chat_id", chat_id)}, _left)

    def mute(
        self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None, mute: bool | None = None
    ) -> Call[bool]:
        """Stop a chat's notifications to the caller, or with `mute=False` begin them again.

        Source: `im.chat.mute` (scope `im`).
        """
        params = {**arguments.chat_or_dialog(chat_id, dialog_id), "MUTE": arguments.flag("mute", mute)}
        return self._upper("im.chat.mute", params, _muted)
