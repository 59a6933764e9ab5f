"""What a bot does with its chats and with itself: exact requests, and refusals before anything is sent."""

import base64

import pytest

from bitrix_chat.enums import Background, MemberOrder, SortOrder, StatusMessage
from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.resources.imbot import ImbotResource
from bitrix_chat.rest.literal import NULL
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

OF_THE_BOT = {"botId": 456, "botToken": "canary-token"}
DONE = [({"result": True}, True), ({"result": "Y"}, True), ({"result": False}, False), (True, True)]


def a_change(method, **params):
    return Request(method, {**OF_THE_BOT, **params}, Safety.IDEMPOTENT)


class TestChat:
    def test_update_changes_what_is_given(self, bot, png):
        call = bot.chat.update("chat5", title="Night", description="", color="LIGHT_BLUE", avatar=png)
        assert call.request == a_change(
            "imbot.v2.Chat.update",
            dialogId="chat5",
            fields={
                "title": "Night",
                "description": "",
                "color": "lightBlue",
                "avatar": base64.b64encode(png).decode(),
            },
        )
        assert bot.chat.update("chat5", title="Night").request.params["fields"] == {"title": "Night"}

    def test_set_owner_names_the_user(self, bot):
        call = bot.chat.set_owner("chat5", 7)
        assert call.request == a_change("imbot.v2.Chat.setOwner", dialogId="chat5", userId=7)

    def test_leave_names_the_chat(self, bot):
        assert bot.chat.leave("chat5").request == a_change("imbot.v2.Chat.leave", dialogId="chat5")

    @pytest.mark.parametrize(("raw", "value"), DONE)
    def test_changes_answer_whether_they_were_made(self, bot, raw, value):
        calls = [
            bot.chat.update("chat5", title="Night"),
            bot.chat.set_owner("chat5", 7),
            bot.chat.leave("chat5"),
            bot.chat.user.add("chat5", [7]),
            bot.chat.user.delete("chat5", 7),
            bot.chat.manager.add("chat5", [7]),
            bot.chat.manager.delete("chat5", [7]),
            bot.chat.input_action.notify("chat5"),
            bot.chat.text_field.enabled("chat5"),
        ]
        assert [call.decode(raw) for call in calls if call.request] == [value] * 9

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({}, "nothing is given: `title`, `description`, `color`, `avatar`, at least one is needed"),
            ({"title": "x" * 256}, "`title` has 256 characters, the portal keeps 255"),
            ({"color": "orange"}, "`color` is 'orange', which the portal would ignore"),
            ({"avatar": b"text"}, "`avatar` is no image"),
        ],
    )
    def test_an_update_that_changes_nothing_or_would_be_dropped(self, bot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.update("chat5", **arguments)


class TestMembers:
    def test_users_are_added_many_and_removed_one_at_a_time(self, bot):
        added, deleted = bot.chat.user.add("chat5", iter([7, 9])), bot.chat.user.delete("chat5", 7)
        assert added.request == a_change("imbot.v2.Chat.User.add", dialogId="chat5", userIds=[7, 9])
        assert deleted.request == a_change("imbot.v2.Chat.User.delete", dialogId="chat5", userId=7)

    def test_managers_are_added_and_removed_many_at_a_time(self, bot):
        added, deleted = bot.chat.manager.add("chat5", [7, 9]), bot.chat.manager.delete("chat5", [7])
        assert added.request == a_change("imbot.v2.Chat.Manager.add", dialogId="chat5", userIds=[7, 9])
        assert deleted.request == a_change("imbot.v2.Chat.Manager.delete", dialogId="chat5", userIds=[7])

    def test_users_are_listed(self, bot):
        call = bot.chat.user.list("chat5")
        assert call.request == Request("imbot.v2.Chat.User.list", {**OF_THE_BOT, "dialogId": "chat5"}, Safety.SAFE)
        assert [user.id for user in call.decode([{"id": "7", "idle": False}, {"id": 9, "avatar": ""}])] == [7, 9]
        assert [user.id for user in call.decode({"0": {"id": 7}, "2": {"id": 9}})] == [7, 9]

    @pytest.mark.parametrize(
        ("order", "said"),
        [
            ({"id": "ASC"}, {"id": "ASC"}),
            (
                {MemberOrder.LAST_SEND_MESSAGE_ID: SortOrder.DESC, "userid": "asc"},
                {"lastSendMessageId": "DESC", "userId": "ASC"},
            ),
        ],
    )
    def test_users_are_listed_in_an_order(self, bot, order, said):
        params = bot.chat.user.list("chat5", order=order, limit=200).request.params
        assert params == {**OF_THE_BOT, "dialogId": "chat5", "order": said, "limit": 200}

    def test_no_order_is_none(self, bot):
        assert "order" not in bot.chat.user.list("chat5", order={}).request.params

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"order": "id"}, "`order` is str, not a map such as"),
            ({"order": {"name": "ASC"}}, "`order` is 'name', not one of id, lastSendMessageId, userId"),
            ({"order": {None: "ASC"}}, "`order` is '', not one of id"),
            ({"order": {"id": "up"}}, r"`order\[id\]` is 'up', not one of ASC, DESC"),
            ({"order": {"id": None}}, r"`order\[id\]` is '', not one of ASC, DESC"),
            ({"limit": 201}, "`limit` is 201, but it is a whole number from 1 to 200"),
        ],
    )
    def test_a_list_that_the_portal_would_read_otherwise(self, bot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.user.list("chat5", **arguments)

    @pytest.mark.parametrize("branch", ["user", "manager"])
    def test_nobody_to_add_is_refused(self, bot, branch):
        with pytest.raises(InvalidParameter, match="`user_ids` is empty, but at least one id is needed"):
            getattr(bot.chat, branch).add("chat5", [])


class TestActions:
    def test_a_bot_seems_to_type(self, bot):
        call = bot.chat.input_action.notify("chat5")
        assert call.request == a_change("imbot.v2.Chat.InputAction.notify", dialogId="chat5")

    @pytest.mark.parametrize("word", [StatusMessage.READING_DOCS, "imbot_agent_action_reading_docs"])
    def test_a_bot_says_what_it_does_and_for_how_long(self, bot, word):
        params = bot.chat.input_action.notify("chat5", status_message_code=word, duration=600).request.params
        assert params["statusMessageCode"] == "IMBOT_AGENT_ACTION_READING_DOCS"
        assert params["duration"] == 600

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"duration": 601}, "`duration` is 601, but it is a whole number from 1 to 600"),
            ({"duration": 0}, "`duration` is 0, but it is a whole number from 1 to 600"),
            ({"status_message_code": "asleep"}, "`status_message_code` is 'asleep', not one of IMBOT_AGENT_ACTION_"),
        ],
    )
    def test_an_action_that_there_is_not(self, bot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.input_action.notify("chat5", **arguments)

    @pytest.mark.parametrize(
        ("arguments", "said"), [({}, True), ({"enabled": True}, True), ({"enabled": False}, False)]
    )
    def test_the_input_field_is_shown_or_hidden(self, bot, arguments, said):
        call = bot.chat.text_field.enabled("5", **arguments)
        assert call.request == a_change("imbot.v2.Chat.TextField.enabled", dialogId="5", enabled=said)

    def test_the_input_field_takes_no_other_word(self, bot):
        with pytest.raises(InvalidParameter, match="`enabled` is 'N', but it is True or False"):
            bot.chat.text_field.enabled("5", enabled="N")
        with pytest.raises(InvalidParameter, match="`enabled` is needed"):
            bot.chat.text_field.enabled("5", enabled=None)


class TestAllBots:
    async def test_every_page_is_asked_for_once(self):
        pages = [{"bots": [{"id": 1}, {"id": 2}], "hasNextPage": True}, {"bots": [{"id": 3}], "hasNextPage": False}]
        script = ScriptedTransport({"imbot.v2.Bot.list": pages})
        bots = ImbotResource(script).bot.iter_bots(type="bot", limit=2, token="canary")
        assert [bot.id async for bot in bots] == [1, 2, 3]
        asked = {"filter": {"type": "bot"}, "limit": 2, "botToken": "canary"}
        assert [request.params for request in script.requests] == [asked, {**asked, "offset": 2}]

    async def test_a_portal_that_gives_fewer_than_it_was_asked_for_loses_none(self):
        pages = [{"bots": [{"id": 1}, {"id": 2}], "hasNextPage": True}, {"bots": [{"id": 3}], "hasNextPage": False}]
        script = ScriptedTransport({"imbot.v2.Bot.list": pages})
        assert [bot.id async for bot in ImbotResource(script).bot.iter_bots(limit=500)] == [1, 2, 3]
        assert [request.params for request in script.requests] == [{"limit": 500}, {"limit": 500, "offset": 2}]

    async def test_an_empty_page_is_passed_over_by_what_was_asked_for(self):
        pages = [{"bots": [], "hasNextPage": True}, {"bots": [{"id": 3}], "hasNextPage": False}]
        script = ScriptedTransport({"imbot.v2.Bot.list": pages})
        assert [bot.id async for bot in ImbotResource(script).bot.iter_bots(limit=20)] == [3]
        assert script.requests[1].params == {"limit": 20, "offset": 20}

    async def test_three_empty_pages_in_a_row_are_an_error(self):
        script = ScriptedTransport({"imbot.v2.Bot.list": [{"bots": [], "hasNextPage": True}] * 3})
        with pytest.raises(CursorStalled, match="3 empty pages in a row"):
            await anext(ImbotResource(script).bot.iter_bots())

    async def test_a_page_size_that_there_is_not(self):
        with pytest.raises(InvalidParameter, match="`limit` is 0, but it is a whole number of at least 1"):
            await anext(ImbotResource(None).bot.iter_bots(limit=0))


class TestBotUpdate:
    def test_everything_can_be_changed(self, imbot, png):
        call = imbot.bot.update(
            456,
            token="old",
            new_token="n" * 40,
            name="Night",
            last_name="Bot",
            work_position="Porter",
            color="mint",
            gender="F",
            avatar=png,
            event_mode="webhook",
            webhook_url="https://bots.example/night",
            is_hidden=True,
            is_reactions_enabled=False,
            is_support_openline=False,
            background_id=Background.SKY,
        )
        fields = {
            "properties": {
                "name": "Night",
                "lastName": "Bot",
                "workPosition": "Porter",
                "color": "mint",
                "gender": "F",
                "avatar": base64.b64encode(png).decode(),
            },
            "isHidden": True,
            "isReactionsEnabled": False,
            "isSupportOpenline": False,
            "backgroundId": "sky",
            "eventMode": "webhook",
            "webhookUrl": "https://bots.example/night",
            "botToken": "n" * 40,
        }
        params = {"botId": 456, "botToken": "old", "fields": fields}
        assert call.request == Request("imbot.v2.Bot.update", params, Safety.CREATE)
        assert call.decode({"bot": {"id": "456"}, "users": {"0": {"id": 456}}}).users[0].id == 456

    @pytest.mark.parametrize(
        ("arguments", "safety"), [({}, Safety.IDEMPOTENT), ({"new_token": "fresh"}, Safety.CREATE)]
    )
    def test_only_another_token_makes_a_repetition_unsafe_as_the_old_one_is_void(self, imbot, arguments, safety):
        assert imbot.bot.update(456, token="old", name="Night", **arguments).request.safety is safety

    @pytest.mark.parametrize(
        ("arguments", "fields"),
        [
            ({"is_hidden": False}, {"isHidden": False}),
            ({"name": "Night"}, {"properties": {"name": "Night"}}),
            ({"background_id": False}, {"backgroundId": None}),
        ],
    )
    def test_what_is_not_given_is_not_sent_and_null_removes(self, imbot, arguments, fields):
        assert imbot.bot.update(456, **arguments).request.params == {"botId": 456, "fields": fields}

    def test_a_batch_cannot_say_null(self, general, imbot):
        with pytest.raises(InvalidParameter, match=r"`fields.backgroundId` cannot be sent in a batch: it holds null"):
            general.batch([imbot.bot.update(456, background_id=False)])

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({}, "nothing is given that would be changed"),
            ({"name": ""}, "`name` is empty"),
            ({"new_token": "x" * 41}, "`token` has 41 characters, the portal keeps 40"),
            ({"is_hidden": "Y"}, "`is_hidden` is 'Y', but it is True or False"),
            ({"background_id": "grass"}, "`background_id` is 'grass', not one of azure"),
            ({"background_id": NULL}, "`background_id` is of type Null, not one of azure"),
        ],
    )
    def test_an_update_that_the_portal_would_refuse_or_drop(self, imbot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            imbot.bot.update(456, **arguments)

    @pytest.mark.parametrize("name", ["is_hidden", "is_reactions_enabled", "is_support_openline"])
    def test_a_registration_takes_booleans_alone(self, imbot, name):
        with pytest.raises(InvalidParameter, match=f"`{name}` is 1, but it is True or False"):
            imbot.bot.register("night", name="Night", **{name: 1})
