"""Group chats that a user creates: `im.chat.*`."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from bitrix_chat.converters import SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.enums import ChatType, Color
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.chat import Entity
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety

_chat_id = decoder(SNAKE_ANSWERS, int, "im.chat.add")


@frozen
class _Found:
    id: int


_found = decoder(UPPER_ANSWERS, _Found, "im.chat.get")


def _found_id(raw: Any) -> int | None:
    return _found(raw).id if raw else None


class ChatResource(Resource):
    """`b24.im.chat`: chats of the user whom the webhook or token belongs to."""

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
    ) -> Call[int]:
        """Create a group chat and return its id; its dialog id is `chat<id>`.

        The portal creates a chat on every call, whatever the entity says: see `OutcomeUnknown` before a repetition.

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

        Raises:
            InvalidParameter: a value that the portal would drop or cut; nothing was sent.
            RequestError: the portal could not create the chat (`WRONG_REQUEST`).

        Source: `im.chat.add` (scope `im`).
        """
        entity_type, entity_id = arguments.entity(entity)
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
        return self._upper("im.chat.add", params, _chat_id, Safety.CREATE)

    def get(self, entity: Entity) -> Call[int | None]:
        """Find the id of a chat by its entity; None if there is none, any of them if there are several.

        Source: `im.chat.get` (scope `im`).
        """
        entity_type, entity_id = arguments.required_entity(entity)
        params = {"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}
        return self._upper("im.chat.get", params, _found_id, Safety.SAFE)
