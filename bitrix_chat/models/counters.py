"""How much is unread, counted by the portal, under the upper-case keys of its counter."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from bitrix_chat.models.json_text import ids_of


@frozen(kw_only=True)
class CounterTotals:
    """Unread messages and notifications, summed up by kind."""

    all: int = 0
    notify: int = 0
    chat: int = 0
    lines: int = 0
    dialog: int = 0
    messenger: int = 0


def _ids(raw: Any) -> list[int]:
    # A list of ids, or the ids as keys: {"1317": 1}.
    return ids_of(raw) if isinstance(raw, list | Mapping) else []


@frozen(kw_only=True)
class Counters:
    """What the user has not read (`im.counters.get`); what is not listed is read.

    Attributes:
        type: the sums.
        chat: unread messages by chat id.
        chat_muted: the same of muted chats, which count in no sum.
        chat_unread: ids of chats that were marked as unread by hand.
        lines: unread messages of open lines by chat id.
        dialog: unread messages of private chats by the other user's id.
        dialog_unread: ids of users whose private chats were marked as unread by hand.
    """

    type: CounterTotals = field(factory=CounterTotals)
    chat: dict[int, int] = field(factory=dict)
    chat_muted: dict[int, int] = field(factory=dict)
    chat_unread: list[int] = field(factory=list, metadata={"read": _ids})
    lines: dict[int, int] = field(factory=dict)
    dialog: dict[int, int] = field(factory=dict)
    dialog_unread: list[int] = field(factory=list, metadata={"read": _ids})
