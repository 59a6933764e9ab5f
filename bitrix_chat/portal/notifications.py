"""Notifications: one list a person, which nobody else reads, in a chat of its own that is no chat to anybody."""

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, final

import attrs

_FIRST_CHAT_ID: Final = 1_000_000  # far above the chats people talk in
CONFIRMATIONS: Final = 1
"""The `LAST_TYPE` of notifications that wait for an answer; they come first."""


class NotifyType(IntEnum):
    """What a notification wants: a decision, or to be seen, from a person or from the portal itself."""

    CONFIRM = 1
    FROM = 2
    SYSTEM = 4


@final
@attrs.define(kw_only=True)
class Notification:
    """One notification; author 0 is the portal, `buttons` are values by title."""

    id: int
    recipient: int
    author: int
    type: NotifyType
    text: str
    date: float
    module: str = "rest"
    event: str = "rest_notify"
    tag: str = ""
    sub_tag: str = ""
    attach: object = None
    buttons: dict[str, str] = attrs.field(factory=dict)
    takes_answers: bool = False
    answers: list[str] = attrs.field(factory=list)
    read: bool = False

    @property
    def setting_name(self) -> str:
        """The module and the event, as users switch them off."""
        return f"{self.module}|{self.event}"

    @property
    def rank(self) -> int:
        """The group it is listed in, as `LAST_TYPE` names it."""
        return CONFIRMATIONS if self.type is NotifyType.CONFIRM else 3


@final
class Notifications:
    """All notifications of the portal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.all: dict[int, Notification] = {}
        self._clock = clock
        self._last_id = 0

    def chat_id_of(self, user_id: int) -> int:
        """Return the chat in which the person's notifications are stored."""
        return _FIRST_CHAT_ID + user_id

    def add(
        self,
        recipient: int,
        author: int,
        text: str,
        *,
        type: NotifyType = NotifyType.FROM,  # noqa: A002 (the field's name)
        tag: str = "",
        sub_tag: str = "",
        attach: object = None,
        buttons: dict[str, str] | None = None,
        takes_answers: bool = False,
    ) -> Notification:
        """Deliver a notification; one of the same tag, whosever it is, is gone then."""
        if tag:
            self.delete(self.tagged(tag=tag))
        self._last_id += 1
        added = Notification(
            id=self._last_id,
            recipient=recipient,
            author=author,
            type=type,
            text=text,
            date=self._clock(),
            tag=tag,
            sub_tag=sub_tag,
            attach=attach,
            buttons=buttons or {},
            takes_answers=takes_answers,
        )
        self.all[added.id] = added
        return added

    def of(self, user_id: int) -> list[Notification]:
        """List a person's notifications: what waits for an answer first, then the newest."""
        own = (each for each in self.all.values() if each.recipient == user_id)
        return sorted(own, key=lambda each: (each.rank, -each.id))

    def own(self, user_id: int, notification_id: int) -> Notification | None:
        """Find one of a person's notifications."""
        found = self.all.get(notification_id)
        return found if found is not None and found.recipient == user_id else None

    def unread(self, user_id: int) -> int:
        """Count what the person has not read."""
        return sum(not each.read for each in self.of(user_id))

    def tagged(self, *, tag: str = "", sub_tag: str = "") -> list[Notification]:
        """List the notifications of a tag, or else of a second tag, whosever they are."""
        if tag:
            return [each for each in self.all.values() if each.tag == tag]
        return [each for each in self.all.values() if each.sub_tag == sub_tag]

    def delete(self, notifications: Iterable[Notification]) -> None:
        """Forget notifications."""
        for each in notifications:
            self.all.pop(each.id, None)
