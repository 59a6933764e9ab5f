"""Counters in PHP's forms: chats are keys, and a map of nothing is a list."""

import pytest

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.models.counters import Counters, CounterTotals

read = decoder(UPPER_ANSWERS, Counters, "im.counters.get")


def test_chats_are_keys():
    raw = {
        "TYPE": {"ALL": 9, "NOTIFY": "2", "CHAT": 4, "LINES": 1, "DIALOG": 2, "MESSENGER": 7},
        "CHAT": {"12": 3, "13": "1"},
        "CHAT_MUTED": {"14": 8},
        "CHAT_UNREAD": [15, "16"],
        "LINES": {"17": 1},
        "DIALOG": {"31": 2},
        "DIALOG_UNREAD": {"32": 1},
        "COPILOT": [],
    }
    assert read(raw) == Counters(
        type=CounterTotals(all=9, notify=2, chat=4, lines=1, dialog=2, messenger=7),
        chat={12: 3, 13: 1},
        chat_muted={14: 8},
        chat_unread=[15, 16],
        lines={17: 1},
        dialog={31: 2},
        dialog_unread=[32],
    )


@pytest.mark.parametrize("nothing", [[], {}, None, False])
def test_where_everything_is_read_nothing_is_listed(nothing):
    maps = ("CHAT", "CHAT_MUTED", "CHAT_UNREAD", "LINES", "DIALOG", "DIALOG_UNREAD")
    assert read(dict.fromkeys(maps, nothing)) == Counters()
