"""Messages as they are kept: one record for both APIs, found by its id alone."""

from typing import Any, Final, final

import attrs

LIKE: Final = "LIKE"
DELETED: Final = "This message was deleted"
"""What is left of a message that somebody had read before it was deleted."""


@final
@attrs.frozen
class Forward:
    """Where a forwarded message comes from; its id in answers is `chatN/message`."""

    message_id: int
    author: int
    chat_id: int
    date: float


@final
@attrs.frozen(kw_only=True)
class Extras:
    """What a message carries besides its text.

    Attributes:
        uuid: The template id it was sent with.
        params: Under the portal's upper-case names: ATTACH, KEYBOARD, MENU, REPLY_ID and so on.
        forward: Where it was forwarded from.
    """

    uuid: str | None = None
    params: dict[str, Any] = attrs.field(factory=dict)
    forward: Forward | None = None


PLAIN: Final = Extras()


@final
@attrs.define(kw_only=True)
class Message:
    """One message; author 0 is the portal itself.

    Attributes:
        params: What it carries, under the portal's upper-case names; reactions and files are not among them.
        reactions: By name in upper case, who reacted, in the order in which they did.
    """

    id: int
    chat_id: int
    author: int
    text: str
    system: bool
    created_at: float
    uuid: str | None = None
    params: dict[str, Any] = attrs.field(factory=dict)
    forward: Forward | None = None
    reactions: dict[str, list[int]] = attrs.field(factory=dict)

    @property
    def byline(self) -> int:
        """Whose name it bears: a system message is the portal's, whoever sent it."""
        return 0 if self.system else self.author

    @property
    def is_deleted(self) -> bool:
        """Whether it is only the trace of a message."""
        return "IS_DELETED" in self.params
