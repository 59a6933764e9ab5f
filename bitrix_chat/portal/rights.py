"""Who may do what in a chat: every action asks for a role, and some kinds of chats know no role for it."""

from enum import Enum, IntEnum
from typing import Final, final

from bitrix_chat.portal.state import GENERAL_CHAT_ID, Chat


@final
class Role(IntEnum):
    """What a user is in a chat, the weakest first; answers carry the name in lower case."""

    NONE = 0
    MEMBER = 1
    MANAGER = 2
    OWNER = 3


@final
class Action(Enum):
    """What members do to a chat, with the role it takes."""

    UPDATE = ("update", Role.OWNER)
    CHANGE_OWNER = ("change owner", Role.OWNER)
    CHANGE_MANAGERS = ("change managers", Role.OWNER)
    RENAME = ("rename", Role.MEMBER)
    CHANGE_COLOR = ("change color", Role.MEMBER)
    CHANGE_AVATAR = ("change avatar", Role.MEMBER)
    EXTEND = ("extend", Role.MEMBER)
    KICK = ("kick", Role.MANAGER)
    LEAVE = ("leave", Role.MEMBER)
    MUTE = ("mute", Role.MEMBER)

    @property
    def role(self) -> Role:
        """The least role that may."""
        return self.value[1]


_LOOKS: Final = frozenset({Action.RENAME, Action.CHANGE_COLOR, Action.CHANGE_AVATAR})
_GOVERNED_ENTITIES: Final = frozenset({"CRM", "SONET_GROUP"})  # their chats look as the entity does
_ALLOWED_IN_PRIVATE: Final = frozenset({Action.MUTE})
_FORBIDDEN_IN_GENERAL: Final = frozenset({Action.KICK, Action.LEAVE, Action.CHANGE_OWNER})


def role_of(chat: Chat, user_id: int) -> Role:
    """Return what the user is in the chat; an owner need not be a member."""
    if chat.type == "private":
        return Role.MEMBER if user_id in chat.members else Role.NONE
    if user_id == chat.owner:
        return Role.OWNER
    if user_id not in chat.members:
        return Role.NONE
    return Role.MANAGER if user_id in chat.managers else Role.MEMBER


def known(chat: Chat, action: Action) -> bool:
    """Tell whether anybody at all may do this in chats of this kind."""
    if chat.type == "private":
        return action in _ALLOWED_IN_PRIVATE
    if chat.id == GENERAL_CHAT_ID:
        return action not in _FORBIDDEN_IN_GENERAL
    if action is Action.UPDATE:
        return not chat.entity_type  # an entity of one's own has no default for this right
    return not (action in _LOOKS and chat.entity_type in _GOVERNED_ENTITIES)


def may(chat: Chat, user_id: int, action: Action) -> bool:
    """Tell whether the user may do this to the chat; an owner who has left it is no member who changes its looks."""
    if action in _LOOKS and user_id not in chat.members:
        return False
    return known(chat, action) and role_of(chat, user_id) >= action.role
