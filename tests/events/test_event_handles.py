"""An event is answered where it came from, as the bot that it came for."""

import pytest

from bitrix_chat import StatusMessage
from bitrix_chat.events.decode import decode_polled
from bitrix_chat.events.errors import EventNotBound
from bitrix_chat.events.handles import ChatHandle
from bitrix_chat.models.chat import Chat
from bitrix_chat.testing import ScriptedTransport
from tests.events.event_bodies import ALL_DATA, CHAT, polled

ANSWERS = {
    "imbot.v2.Chat.Message.send": {"id": 900, "uuidMap": []},
    "imbot.v2.Chat.Message.read": {"chatId": 8},
    "imbot.v2.Chat.InputAction.notify": {"result": True},
    "imbot.v2.Command.answer": {"result": True},
    "imbot.v2.Chat.leave": {"result": True},
    "imbot.v2.Chat.get": {"chat": CHAT},
}


@pytest.fixture
def transport():
    return ScriptedTransport(ANSWERS)


@pytest.fixture
def bot(transport):
    return transport.client().bot(31, token="anchor")


def event_of(event_type, bot=None, **changes):
    event = decode_polled(polled(event_type, ALL_DATA[event_type] | changes))
    return event if bot is None else event.bound_to(bot)


def params_of(transport):
    (request,) = transport.requests
    return {name: value for name, value in request.params.items() if name not in {"botId", "botToken"}}


@pytest.mark.parametrize(
    "event_type",
    [
        "ONIMBOTV2MESSAGEADD",
        "ONIMBOTV2MESSAGEUPDATE",
        "ONIMBOTV2MESSAGEDELETE",
        "ONIMBOTV2JOINCHAT",
        "ONIMBOTV2CONTEXTGET",
        "ONIMBOTV2REACTIONCHANGE",
    ],
)
async def test_an_answer_is_a_message_into_the_chat_of_the_event(transport, bot, event_type):
    sent = await event_of(event_type, bot).answer("Aye", reply_to=501)
    params = params_of(transport)
    assert sent.id == 900
    assert params["dialogId"] == "chat8"
    assert (params["fields"]["message"], params["fields"]["replyId"]) == ("Aye", 501)
    assert transport.requests[0].params["botId"] == 31


async def test_a_command_is_answered_as_a_command(transport, bot):
    assert await event_of("ONIMBOTV2COMMANDADD", bot).answer("High at noon", system=True) is True
    assert transport.requests[0].method == "imbot.v2.Command.answer"
    assert params_of(transport) == {
        "commandId": 7,
        "messageId": 501,
        "dialogId": "chat8",
        "fields": {"message": "High at noon", "system": True},
    }


async def test_the_chat_of_an_event_can_be_talked_to(transport, bot):
    chat = event_of("ONIMBOTV2JOINCHAT", bot).chat
    await chat.send("Ahoy")
    await chat.typing(StatusMessage.SEARCHING, duration=30)
    await chat.read(501)
    assert (await chat.get()).chat.id == 8
    await chat.leave()
    assert [request.method for request in transport.requests] == [
        "imbot.v2.Chat.Message.send",
        "imbot.v2.Chat.InputAction.notify",
        "imbot.v2.Chat.Message.read",
        "imbot.v2.Chat.get",
        "imbot.v2.Chat.leave",
    ]
    assert {request.params["dialogId"] for request in transport.requests} == {"chat8"}


async def test_the_chat_of_a_users_event_is_talked_to_as_the_bot(transport, bot):
    await event_of("ONIMV2MESSAGEADD", bot).chat.send("Ahoy")
    assert transport.requests[0].params["botId"] == 31


@pytest.mark.parametrize("event_type", ["ONIMBOTV2MESSAGEADD", "ONIMBOTV2COMMANDADD"])
def test_an_event_that_knows_no_bot_says_so_when_it_is_answered(event_type):
    with pytest.raises(EventNotBound, match="bound_to"):
        event_of(event_type).answer("Aye")


def test_an_event_without_a_chat_may_be_bound_like_any_other(bot):
    event = event_of("ONIMBOTV2DELETE")
    assert event.bound_to(bot) is event


def test_what_an_event_is_bound_to_neither_counts_nor_shows(bot):
    free, bound = event_of("ONIMBOTV2MESSAGEADD"), event_of("ONIMBOTV2MESSAGEADD", bot)
    assert free == bound
    assert repr(free) == repr(bound)
    assert bound.chat.bot is bot


@pytest.mark.parametrize(
    ("chat", "is_private"),
    [
        (Chat(id=8, dialog_id="2"), True),
        (Chat(id=8, dialog_id="chat8", type="private"), True),
        (Chat(id=8, message_type="P"), True),
        (Chat(id=8, dialog_id="chat8", type="open"), False),
        (Chat(id=8), False),
    ],
)
def test_a_chat_of_two_is_told_from_a_group(chat, is_private):
    assert (ChatHandle(chat).is_private, ChatHandle(chat).is_group) == (is_private, not is_private)


def test_a_chat_without_a_dialog_id_is_named_by_its_number():
    assert ChatHandle(Chat(id=8)).dialog_id == "chat8"
