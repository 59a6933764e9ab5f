"""Pages of messages in the two spellings of the portal, with what PHP leaves out."""

import pytest

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, decoder
from bitrix_chat.enums import Reaction
from bitrix_chat.models.dialog import DialogMessages, FoundMessages, FoundReactions, TariffRestrictions

read_page = decoder(SNAKE_ANSWERS, DialogMessages, "im.dialog.messages.get")
read_found = decoder(CAMEL_ANSWERS, FoundMessages, "im.dialog.messages.search")


def test_a_page_has_messages_users_and_files_each_in_its_spelling():
    raw = {
        "chat_id": "12",
        "messages": [
            {"id": 700, "chat_id": 12, "author_id": 0, "text": "Ada came", "params": {"CODE": ["CHAT_JOIN"]},
             "uuid": None, "disappearing_date": None, "replaces": []},
            {"id": 701, "chat_id": 12, "author_id": 31, "text": "Hello", "params": [], "unread": "N"},
        ],
        "users": [{"id": 31, "first_name": "Ada", "phones": False, "idle": False, "bot_data": None}],
        "files": [
            {"id": 5, "chatId": 12, "authorId": 31, "name": "rota.png", "image": {"height": 3, "width": 4},
             "viewerAttrs": {"objectId": "6", "actions": '[{"type": "download"}]'}, "urlPreview": "",
             "mediaUrl": {"preview": {"250": "https://portal.example/p"}}},
            {"id": 6, "chatId": 12, "image": False, "viewerAttrs": None},
        ],
    }  # fmt: skip
    page = read_page(raw)
    assert (page.chat_id, [message.author_id for message in page.messages]) == (12, [None, 31])
    assert [message.params for message in page.messages] == [{"CODE": ["CHAT_JOIN"]}, {}]
    assert (page.users[0].first_name, page.users[0].phones) == ("Ada", None)
    picture, other = page.files
    assert (picture.author_id, picture.image.width, picture.viewer_attrs.object_id) == (31, 4, 6)
    assert (other.image, other.viewer_attrs) == (None, None)


@pytest.mark.parametrize("nothing", [[], None, False, {}])
def test_a_page_of_nothing_is_empty(nothing):
    assert read_page({"messages": nothing, "users": nothing, "files": nothing}) == DialogMessages()
    assert read_found({"messages": nothing, "usersShort": nothing, "reactions": nothing}) == FoundMessages()


def test_a_search_finds_messages_with_their_reactions():
    raw = {
        "messages": [{"id": 700, "chatId": 12, "chat_id": 12, "authorId": 31, "author_id": 31, "forward": None,
                      "params": [], "isSystem": False, "viewedCount": 2, "block": None}],
        "additionalMessages": [{"id": 699, "chatId": 12}],
        "users": [{"id": 31, "lastName": "King", "phones": {"inner_phone": "7"}}],
        "usersShort": [{"id": 32, "name": "Grace"}],
        "files": [{"id": 5, "authorId": 31}],
        "reactions": [
            {"messageId": "700", "reactionCounters": {"like": "2"}, "reactionUsers": {"like": [31, "32"]},
             "ownReactions": ["like", "salute"]},
            {"messageId": 699, "reactionCounters": [], "reactionUsers": [], "ownReactions": []},
        ],
        "stickers": [{"id": 4, "packId": 1}],
        "copilot": None,
        "tariffRestrictions": {"isHistoryLimitExceeded": True},
    }  # fmt: skip
    found = read_found(raw)
    assert (found.messages[0].author_id, found.messages[0].viewed_count) == (31, 2)
    assert (found.additional_messages[0].id, found.users[0].last_name) == (699, "King")
    assert (found.users_short[0].name, found.files[0].author_id) == ("Grace", 31)
    assert found.reactions == [
        FoundReactions(
            message_id=700,
            reaction_counters={"like": 2},
            reaction_users={"like": [31, 32]},
            own_reactions=[Reaction.LIKE, "salute"],
        ),
        FoundReactions(message_id=699),
    ]
    assert (found.stickers, found.copilot) == ([{"id": 4, "packId": 1}], None)
    assert found.tariff_restrictions == TariffRestrictions(is_history_limit_exceeded=True)
