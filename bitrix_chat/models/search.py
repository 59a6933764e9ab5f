"""What the caller has found and opened lately."""

from attrs import frozen

from bitrix_chat.models.chat import Chat
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class SearchAvatar:
    """The picture of a found dialog, or the colour that stands for it (HEX)."""

    url: str | None = None
    color: str | None = None


@frozen(kw_only=True)
class SearchHistoryItem:
    """A dialog that was found (`im.search.last.get`); `id` is its dialog id: `chat5`, or `5` for a user."""

    id: str
    type: str | None = None
    """`chat` or `user`, and the attribute of that name is set."""
    avatar: SearchAvatar | None = None
    title: str = ""
    user: User | None = None
    chat: Chat | None = None
