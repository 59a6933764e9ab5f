"""What a bot says: the exact requests, the keys that are drawn as they start, and what cannot be said."""

import re
import uuid

import pytest

from bitrix_chat.enums import Reaction
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import Attachment, MessageBlock
from bitrix_chat.models.keyboard import Button, Keyboard
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.resources.template_id import drawn_at, in_turn
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

OF_THE_BOT = {"botId": 456, "botToken": "canary-token"}
KEY = "5b1e7a52-6b0e-4f59-9d51-0c3e8f1a7d20"
OTHER_KEY = "c8d4f3a0-1d2b-4e6f-8a9b-7f6e5d4c3b2a"
SEND = "imbot.v2.Chat.Message.send"


@pytest.fixture
def script():
    return ScriptedTransport({SEND: {"id": 77, "uuidMap": []}})


@pytest.fixture
def speaker(script):
    return BotHandle(script, 456, "canary-token")


def fields_of(call):
    return call.request.params["fields"]


def is_key(text):
    return uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text


class TestSend:
    def test_a_text_is_sent_with_the_bot_and_the_chat_named(self, bot):
        call = bot.chat.message.send("chat5", "Good evening")
        params = {**OF_THE_BOT, "dialogId": "chat5", "fields": {"message": "Good evening"}}
        assert call.request == Request(SEND, params, Safety.KEYED)

    def test_everything_can_be_said(self, bot):
        call = bot.chat.message.send(
            "5",
            "ж" * 20_000,
            attach=[{"MESSAGE": "block"}],
            keyboard=[{"TEXT": "Open", "LINK": "https://bots.example/"}],
            system=False,
            url_preview=False,
            reply_to=76,
            template_id=KEY,
            forward_ids={OTHER_KEY: 75},
        )
        assert fields_of(call) == {
            "message": "ж" * 20_000,
            "attach": [{"MESSAGE": "block"}],
            "keyboard": [{"TEXT": "Open", "LINK": "https://bots.example/"}],
            "system": False,
            "urlPreview": False,
            "replyId": 76,
            "templateId": KEY,
            "forwardIds": {OTHER_KEY: 75},
        }

    def test_builders_are_written_out_and_buttons_with_commands_are_the_bots(self, bot):
        call = bot.chat.message.send(
            "chat5", attach=Attachment([MessageBlock("block")]), keyboard=Keyboard([Button("?", command="help")])
        )
        assert fields_of(call) == {
            "attach": {"BLOCKS": [{"MESSAGE": "block"}]},
            "keyboard": {"BOT_ID": 456, "BUTTONS": [{"TEXT": "?", "COMMAND": "help"}]},
        }

    def test_a_bot_that_a_batch_registers_cannot_be_named_in_a_keyboard(self, imbot):
        registered = imbot.bot.register("night", name="Night")
        assert registered.request
        coming = BotHandle(None, ref(registered)["bot"]["id"], None)
        with pytest.raises(InvalidParameter, match="`keyboard` has a button with a command"):
            coming.chat.message.send("chat5", "?", keyboard=Keyboard([Button("?", command="help")]))

    def test_a_system_message_is_never_repeated(self, bot):
        assert bot.chat.message.send("chat5", "Ready", system=True).request.safety is Safety.CREATE

    @pytest.mark.parametrize(
        ("arguments", "safety"),
        [
            ({}, Safety.CREATE),
            ({"template_id": KEY}, Safety.CREATE),
            ({"message": " "}, Safety.CREATE),
            ({"message": "See below"}, Safety.KEYED),
            ({"attach": [{"MESSAGE": "block"}]}, Safety.KEYED),
        ],
    )
    def test_only_a_text_or_attachment_makes_forwarding_safe_to_repeat(self, bot, arguments, safety):
        assert bot.chat.message.send("chat5", forward_ids=[75], **arguments).request.safety is safety

    @pytest.mark.parametrize(
        ("raw", "number", "keys"),
        [
            ({"id": "77", "uuidMap": []}, 77, {}),
            ({"id": None, "uuidMap": {KEY: "78"}}, None, {KEY: 78}),
            ({"id": 77}, 77, {}),
        ],
    )
    def test_the_answer_has_the_ids_of_what_was_posted(self, bot, raw, number, keys):
        call = bot.chat.message.send("chat5", "x")
        sent = call.decode(raw)
        assert call.request
        assert (sent.id, sent.uuid_map) == (number, keys)

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({}, "there is no message: `message`, `attach` or `forward_ids` is needed"),
            ({"message": " \n"}, "there is no message"),
            ({"attach": [], "keyboard": [{"TEXT": "?"}], "forward_ids": []}, "there is no message"),
            ({"message": "x" * 20_001}, "`message` has 20001 characters, the portal keeps 20000"),
            ({"message": 5}, "`message` is int, not text"),
            ({"message": "x", "url_preview": "N"}, "`url_preview` is 'N', but it is True or False"),
            ({"message": "x", "system": 1}, "`system` is 1, but it is True or False"),
            ({"message": "x", "reply_to": "5"}, "`reply_to` is '5', but an id"),
            ({"message": "x", "template_id": KEY.upper()}, "`template_id` is no lower-case UUIDv4"),
            ({"message": "x", "template_id": KEY, "system": True}, "`template_id` is given with system=True"),
            ({"forward_ids": {"mine": 5}}, "`a key of forward_ids` is no lower-case UUIDv4"),
            ({"forward_ids": {None: 5}}, "`a key of forward_ids` is no lower-case UUIDv4"),
            ({"forward_ids": {KEY: "5"}}, r"`forward_ids\[5b1e7a52[-\w]+\]` is '5', but an id"),
            ({"forward_ids": [5, 0]}, r"`forward_ids\[1\]` is 0, but an id"),
            ({"forward_ids": range(1, 102)}, "`forward_ids` has 101 messages, the portal forwards 100 at a time"),
        ],
    )
    def test_what_cannot_be_sent(self, bot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.message.send("chat5", **arguments)


class TestKeys:
    async def test_a_message_gets_a_key_as_its_call_starts(self, speaker, script):
        call = speaker.chat.message.send("chat5", "x")
        assert fields_of(call) == {"message": "x"}
        await call
        await speaker.chat.message.send("chat5", "x")
        first, second = (request.params["fields"]["templateId"] for request in script.requests)
        assert is_key(first)
        assert first != second
        assert fields_of(call) == {"message": "x"}

    async def test_a_key_of_ones_own_is_kept(self, speaker, script):
        await speaker.chat.message.send("chat5", "x", template_id=KEY)
        assert script.requests[0].params["fields"] == {"message": "x", "templateId": KEY}

    async def test_a_system_message_gets_none(self, speaker, script):
        await speaker.chat.message.send("chat5", "x", system=True)
        assert script.requests[0].params["fields"] == {"message": "x", "system": True}

    async def test_each_forwarded_message_gets_a_key_as_the_call_starts(self, speaker, script):
        call = speaker.chat.message.send("chat5", forward_ids=iter([5, 6]), template_id=KEY)
        assert fields_of(call)["forwardIds"] == [5, 6]
        await call
        forwarded = script.requests[0].params["fields"]["forwardIds"]
        assert list(forwarded.values()) == [5, 6]
        assert all(map(is_key, forwarded))
        assert script.requests[0].params["fields"]["templateId"] == KEY

    def test_a_batch_carries_the_keys(self, general, bot):
        batch = general.batch([bot.chat.message.send("chat5", "x", forward_ids=[5])])
        command = batch.claim().request.params["cmd"]["c0"]
        assert re.search(r"&fields\[templateId\]=[-0-9a-f]{36}\b", command)
        assert re.search(r"&fields\[forwardIds\]\[[-0-9a-f]{36}\]=5\b", command)

    def test_a_key_is_put_where_nothing_was(self):
        request = in_turn(drawn_at("a", "b"), drawn_at("TEMPLATE_ID"))(Request("x.y", {"c": 1}))
        assert list(request.params) == ["c", "a", "TEMPLATE_ID"]
        assert is_key(request.params["a"]["b"])


class TestUpdate:
    def test_everything_can_be_changed(self, bot):
        call = bot.chat.message.update(
            77,
            "Good night",
            attach=[{"MESSAGE": "block"}],
            keyboard=Keyboard([Button("?", command="x")]),
            url_preview=True,
        )
        fields = {
            "message": "Good night",
            "attach": [{"MESSAGE": "block"}],
            "keyboard": {"BOT_ID": 456, "BUTTONS": [{"TEXT": "?", "COMMAND": "x"}]},
            "urlPreview": "Y",
        }
        params = {**OF_THE_BOT, "messageId": 77, "fields": fields}
        assert call.request == Request("imbot.v2.Chat.Message.update", params, Safety.IDEMPOTENT)
        assert call.decode({"result": True}) is True

    @pytest.mark.parametrize(
        ("arguments", "fields"),
        [
            ({"keyboard": False}, {"keyboard": "N"}),
            ({"url_preview": False}, {"urlPreview": "N"}),
            ({"message": "x"}, {"message": "x"}),
            ({"attach": "N"}, {"attach": "N"}),
        ],
    )
    def test_what_is_not_given_is_not_sent(self, bot, arguments, fields):
        assert fields_of(bot.chat.message.update(77, **arguments)) == fields

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({}, "nothing is given: `message`, `attach`, `keyboard`, `url_preview`, at least one is needed"),
            ({"message": " "}, "`message` is empty; use `delete` to remove a message"),
            ({"message": "x" * 20_001}, "`message` has 20001 characters"),
            ({"message": 5}, "`message` is int, not text"),
            ({"url_preview": "Y"}, "`url_preview` is 'Y', but it is True or False"),
            ({"keyboard": True}, "`keyboard` is bool, not a builder"),
        ],
    )
    def test_what_cannot_be_changed(self, bot, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.message.update(77, **arguments)


class TestReading:
    @pytest.mark.parametrize(("arguments", "params"), [({}, {}), ({"complete": False}, {"complete": False})])
    def test_delete_names_the_message(self, bot, arguments, params):
        call = bot.chat.message.delete(77, **arguments)
        wanted = {**OF_THE_BOT, "messageId": 77, **params}
        assert call.request == Request("imbot.v2.Chat.Message.delete", wanted, Safety.IDEMPOTENT)
        assert call.decode({"result": False}) is False

    def test_get_names_the_message(self, bot):
        call = bot.chat.message.get(77)
        assert call.request == Request("imbot.v2.Chat.Message.get", {**OF_THE_BOT, "messageId": 77}, Safety.SAFE)
        assert call.decode({"message": {"id": 77}, "user": {"id": 7}}).user.id == 7

    @pytest.mark.parametrize(("arguments", "params"), [({}, {}), ({"range": 50}, {"range": 50})])
    def test_get_context_names_the_message(self, bot, arguments, params):
        call = bot.chat.message.get_context(77, **arguments)
        wanted = {**OF_THE_BOT, "messageId": 77, **params}
        assert call.request == Request("imbot.v2.Chat.Message.getContext", wanted, Safety.SAFE)
        assert call.decode({"messages": [{"id": 77}], "hasNextPage": True}).has_next_page is True

    @pytest.mark.parametrize("number", [0, 51])
    def test_a_context_that_the_portal_would_cut(self, bot, number):
        with pytest.raises(InvalidParameter, match="but it is a whole number from 1 to 50"):
            bot.chat.message.get_context(77, range=number)

    @pytest.mark.parametrize(
        ("arguments", "params", "safety"),
        [([], {}, Safety.CREATE), ([77], {"messageId": 77}, Safety.IDEMPOTENT)],
    )
    def test_read_names_the_chat_and_how_far(self, bot, arguments, params, safety):
        """Up to now is later at the second time, so that only a known message makes a repetition safe."""
        call = bot.chat.message.read("chat5", *arguments)
        wanted = {**OF_THE_BOT, "dialogId": "chat5", **params}
        assert call.request == Request("imbot.v2.Chat.Message.read", wanted, safety)
        assert call.decode({"chatId": 5, "lastId": 77, "counter": 0, "viewedMessages": ["77"]}).viewed_messages == [77]


class TestReactions:
    @pytest.mark.parametrize("word", [Reaction.RED_HEART, "redHeart", "REDHEART"])
    @pytest.mark.parametrize("verb", ["add", "delete"])
    def test_a_reaction_is_named_in_the_portals_word(self, bot, verb, word):
        call = getattr(bot.chat.message.reaction, verb)(77, word)
        params = {**OF_THE_BOT, "messageId": 77, "reaction": "redHeart"}
        assert call.request == Request(f"imbot.v2.Chat.Message.Reaction.{verb}", params, Safety.IDEMPOTENT)
        assert call.decode({"result": True}) is True

    def test_a_reaction_that_is_not_known_here_is_passed_as_it_is(self, bot):
        assert bot.chat.message.reaction.add(77, "blueWhale").request.params["reaction"] == "blueWhale"

    @pytest.mark.parametrize(("word", "fault"), [("", "`reaction` is empty"), (5, "`reaction` is int, not text")])
    def test_no_reaction_is_refused(self, bot, word, fault):
        with pytest.raises(InvalidParameter, match=fault):
            bot.chat.message.reaction.add(77, word)
