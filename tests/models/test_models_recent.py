"""Recent dialogs in PHP's forms: ids of two kinds, objects that are not there, flags that are texts."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.enums import ChatRole
from bitrix_chat.models.chat import ChatPermissions, EntityLink
from bitrix_chat.models.recent import RecentAvatar, RecentCopilot, RecentItem, RecentLines, RecentMessage, RecentPage

read_item = decoder(SNAKE_ANSWERS, RecentItem, "im.recent.get")
read_page = decoder(SNAKE_ANSWERS, RecentPage, "im.recent.list")
NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)


def a_group(**keys):
    """Say a group chat as the portal does."""
    chat = {
        "id": 12, "name": "Night shift", "owner": 31, "entity_type": "ROTA", "entity_id": "4", "entity_data_1": "a",
        "entity_data_2": "", "mute_list": {"31": True, "32": False}, "manager_list": [31], "role": "OWNER",
        "restrictions": {"avatar": True, "send": False, "user_list": True}, "parent_chat_id": 0, "public": "",
        "entity_link": {"type": "ROTA", "url": "/rota/4/", "id": "4"}, "permissions": {"manage_ui": "manager"},
        "background_id": None, "date_create": "2031-03-04T12:00:00+00:00",
    }  # fmt: skip
    return {"id": "chat12", "chat_id": 12, "type": "chat", "chat": chat, "user": {"id": 0}, "options": [], **keys}


def test_a_group_has_a_chat_and_no_user():
    item = read_item(a_group(title="Night shift", avatar={"url": "", "color": "#4ba984"}, pinned="Y", counter="2"))
    assert (item.id, item.chat_id, item.title, item.pinned, item.counter) == ("chat12", 12, "Night shift", True, 2)
    assert item.avatar == RecentAvatar(color="#4ba984")
    assert (item.user, item.lines, item.message, item.options) == (None, None, None, {})
    chat = item.chat
    assert (chat.entity_data1, chat.mute_list, chat.role, chat.public) == ("a", [31], ChatRole.OWNER, None)
    assert chat.entity_link == EntityLink(type="ROTA", url="/rota/4/", id="4")
    assert chat.permissions == ChatPermissions(manage_ui=ChatRole.MANAGER)
    assert (chat.restrictions.send, chat.restrictions.user_list) == (False, True)


def test_a_private_chat_has_the_number_of_the_other_as_its_id():
    raw = {"id": 31, "type": "user", "user": {"id": 31, "name": "Ada", "idle": False}, "chat": [], "options": {"a": 1}}
    item = read_item(raw)
    assert (item.id, item.user.name, item.user.idle, item.chat, item.options) == ("31", "Ada", None, None, {"a": 1})


@pytest.mark.parametrize("user", [None, False, []])
def test_no_user_at_all_is_none_too(user):
    assert read_item(a_group(user=user)).user is None


@pytest.mark.parametrize(
    ("raw", "is_there"),
    [(True, True), ("Rota", True), ("Y", True), ({"id": 5, "type": "image"}, True), (1, True),
     (False, False), (None, False), ("", False), ("N", False), ("0", False), (0, False), ([], False), ({}, False)],
)  # fmt: skip
def test_a_file_or_an_attachment_is_there_or_not(raw, is_there):
    message = read_item(a_group(message={"id": 700, "file": raw, "attach": raw})).message
    assert (message.file, message.attach) == (is_there, is_there)


def test_a_message_of_the_portal_has_no_author():
    raw = {"id": "700", "text": "Welcome", "author_id": 0, "date": "2031-03-04T12:00:00+00:00", "status": "received",
           "sticker": None, "uuid": None, "file": False, "attach": False}  # fmt: skip
    assert read_item(a_group(message=raw)).message == RecentMessage(
        id=700, text="Welcome", date=NOON, status="received"
    )


def test_an_open_line_has_a_session():
    lines = {"id": "4", "status": "10", "date_create": "2031-03-04T12:00:00+00:00"}
    assert read_item(a_group(lines=lines)).lines == RecentLines(id=4, status=10, date_create=NOON)


def test_a_page_mixes_two_spellings():
    raw = {
        "items": {"0": a_group(), "2": {"id": 31, "date_last_activity": "2031-03-04T12:00:00+00:00"}},
        "hasMorePages": True,
        "hasMore": "N",
        "copilot": {"chats": None, "messages": [], "roles": {"a": {"code": "a"}}, "recommendedRoles": ["a"]},
        "messagesAutoDeleteConfigs": [{"chatId": 12, "delay": 24}],
        "birthdayList": [],
    }
    page = read_page(raw)
    assert [item.id for item in page.items] == ["chat12", "31"]
    assert page.items[1].date_last_activity == NOON
    assert (page.has_more_pages, page.has_more) == (True, False)
    assert page.copilot == RecentCopilot(roles={"a": {"code": "a"}}, recommended_roles=["a"])
    assert page.messages_auto_delete_configs == [{"chatId": 12, "delay": 24}]


@pytest.mark.parametrize("nothing", [[], None, False])
def test_a_page_of_nothing_is_empty(nothing):
    assert read_page({"items": nothing, "copilot": nothing, "messagesAutoDeleteConfigs": nothing}) == RecentPage()
