"""What bots are answered, in the forms that PHP gives it."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.resources.im.v2 import V2Resource
from bitrix_chat.resources.imbot import BotHandle


@pytest.fixture
def bot():
    return BotHandle(None, 456, None)


def decoded(call, raw):
    assert call.request
    return call.decode(raw)


class TestMessages:
    def test_a_message_of_the_portal_itself_has_no_author(self, bot):
        raw = {
            "message": {
                "id": "77",
                "chatId": 5,
                "chat_id": 5,
                "authorId": 0,
                "author_id": 0,
                "date": "2031-02-03T04:05:06+00:00",
                "text": "Nadia joined",
                "isSystem": True,
                "uuid": None,
                "forward": None,
                "params": [],
                "viewedByOthers": False,
            },
            "user": None,
        }
        info = decoded(bot.chat.message.get(77), raw)
        assert info.user is None
        assert (info.message.id, info.message.author_id, info.message.params) == (77, None, {})
        assert info.message.date == datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)

    def test_a_forwarded_message_tells_where_it_comes_from(self, bot):
        forward = {"id": "chat9/70", "userId": "7", "chatId": 9, "date": "2031-02-03T04:05:06+00:00"}
        raw = {"messages": {"0": {"id": 77, "forward": forward}, "2": {"id": 79, "forward": []}}, "users": []}
        context = decoded(bot.chat.message.get_context(77), raw)
        assert [message.id for message in context.messages] == [77, 79]
        assert (context.messages[0].forward.id, context.messages[0].forward.user_id) == ("chat9/70", 7)
        assert context.messages[1].forward is None
        assert (context.users, context.has_prev_page, context.has_next_page) == ([], False, False)

    def test_nothing_read_is_an_empty_list(self, bot):
        receipt = decoded(bot.chat.message.read("chat5"), {"chatId": "5", "lastId": None, "counter": "3"})
        assert (receipt.chat_id, receipt.last_id, receipt.counter, receipt.viewed_messages) == (5, None, 3, [])


class TestCommands:
    def test_booleans_and_texts_come_in_several_forms(self, bot):
        raw = {
            "commands": [
                {
                    "id": "42",
                    "botId": "456",
                    "command": "/rain",
                    "common": "Y",
                    "extranet": "N",
                    "title": "Rain",
                    "params": None,
                    "category": "Porter",
                    "context": False,
                }
            ]
        }
        (command,) = decoded(bot.command.list(), raw).commands
        assert (command.id, command.bot_id, command.common, command.hidden) == (42, 456, True, False)
        assert (command.title, command.params, command.category, command.context) == ("Rain", "", "Porter", "")

    @pytest.mark.parametrize("raw", [None, False, "", True])
    def test_a_command_of_the_portal_may_have_no_id(self, bot, raw):
        (command,) = decoded(bot.command.list(), {"commands": {"5": {"id": raw, "command": "/me"}}}).commands
        assert (command.id, command.command) == (None, "/me")


class TestEvents:
    def test_an_event_is_kept_as_the_portal_wrote_it(self, bot):
        data = {"message": {"id": 77, "params": []}, "user": {"idle": False}}
        raw = {
            "events": [
                {"eventId": "9", "type": "ONIMBOTV2MESSAGEADD", "date": "2031-02-03T04:05:06+00:00", "data": data},
                {"eventId": 11, "type": "SOMETHINGNEW", "date": None, "data": []},
            ],
            "nextOffset": "12",
            "hasMore": "Y",
        }
        page = decoded(bot.event.get(), raw)
        first, second = page.events
        assert (first.event_id, first.type, first.data) == (9, "ONIMBOTV2MESSAGEADD", data)
        assert first.date == datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert (second.event_id, second.date, second.data) == (11, None, {})
        assert (page.next_offset, page.has_more) == (12, True)

    @pytest.mark.parametrize(
        ("raw", "following"),
        [
            ({"lastEventId": 11}, 12),
            ({"lastEventId": "11"}, 12),
            ({"lastEventId": 0}, None),
            ({"lastEventId": None}, None),
            ({}, None),
            ({"lastEventId": 11, "nextOffset": 30}, 30),
        ],
    )
    def test_an_older_portal_names_the_last_event_instead(self, bot, raw, following):
        for call in (bot.event.get(), V2Resource(None).event.get()):
            assert decoded(call, {"events": [], "hasMore": False, **raw}).next_offset == following


class TestFiles:
    def test_a_picture_tells_its_size_and_how_it_is_viewed(self):
        raw = {
            "file": {
                "id": 138,
                "chatId": 5,
                "date": "2031-02-03T04:05:06+00:00",
                "type": "image",
                "name": "roof.png",
                "extension": "png",
                "size": "35341",
                "image": {"width": "640", "height": 480},
                "viewerAttrs": {"objectId": "9817", "actions": '[{"type": "copyToMe"}]'},
                "mediaUrl": {"preview": {"250": "https://portal.example/preview"}},
                "urlPreview": "",
            },
            "messageId": "77",
            "chatId": 5,
            "dialogId": "chat5",
        }
        uploaded = decoded(V2Resource(None).file.upload("chat5", name="roof.png", content=b"x"), raw)
        file = uploaded.file
        assert (file.size, file.image.width, file.image.height, file.url_preview) == (35341, 640, 480, None)
        assert (file.viewer_attrs.object_id, file.viewer_attrs.actions) == (9817, [{"type": "copyToMe"}])
        assert file.media_url.preview == {"250": "https://portal.example/preview"}
        assert uploaded.message_id == 77

    @pytest.mark.parametrize("absent", [False, [], "", None])
    def test_a_file_that_is_no_picture_has_no_image(self, bot, absent):
        raw = {"file": {"id": 138, "image": absent}, "messageId": 77, "chatId": 5, "dialogId": "5"}
        assert decoded(bot.file.upload("5", name="x", content=b"x"), raw).file.image is None


def test_members_are_users_with_absent_dates(bot):
    raw = [{"id": 7, "name": "Nadia", "idle": False, "lastActivityDate": False, "phones": False, "departments": []}]
    (user,) = decoded(bot.chat.user.list("chat5"), raw)
    assert (user.name, user.idle, user.last_activity_date, user.phones) == ("Nadia", None, None, None)
