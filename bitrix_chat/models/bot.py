"""Bots as the portal keeps them."""

from attrs import field, frozen

from bitrix_chat.enums import Background, BotType, EventMode
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class Bot:
    """A registered bot; what only its owner may see is None for others."""

    id: int
    code: str = ""
    type: BotType | str | None = None
    is_hidden: bool = False
    is_support_openline: bool = False
    is_reactions_enabled: bool = True
    background_id: Background | str | None = None
    language: str | None = None
    module_id: str | None = None
    event_mode: EventMode | str | None = None
    count_message: int | None = None
    count_command: int | None = None
    count_chat: int | None = None
    count_user: int | None = None


@frozen(kw_only=True)
class BotInfo:
    """A bot with its user object (`imbot.v2.Bot.register`, `imbot.v2.Bot.get`)."""

    bot: Bot
    users: list[User] = field(factory=list)


@frozen(kw_only=True)
class BotPage:
    """One page of the caller's bots (`imbot.v2.Bot.list`)."""

    bots: list[Bot] = field(factory=list)
    users: list[User] = field(factory=list)
    has_next_page: bool = False


@frozen(kw_only=True)
class Revision:
    """Revisions of the chat API, for telling what a portal can do (`imbot.v2.Revision.get`)."""

    rest: int
    web: int | None = None
    mobile: int | None = None
    desktop: int | None = None
