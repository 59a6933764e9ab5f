"""The template id: a message sent again under it is one message, whatever became of the first answer."""

import aiohttp
import pytest

from bitrix_chat.portal import Cut, Fault

KEY = "4b7d2f90-1c3e-4a68-8e05-d92c6b17f3a4"


@pytest.fixture
async def ask(serve, clock):
    return await serve(clock=clock, sleep=clock.sleep)


@pytest.fixture
def send(ask):
    async def send(key=KEY, text="Hi", **params):
        return await ask("im.message.add", {"DIALOG_ID": 2, "MESSAGE": text, "TEMPLATE_ID": key} | params)

    return send


def texts(portal):
    return [message.text for chat in portal.chats.values() for message in chat.messages]


async def test_an_attempt_whose_answer_was_lost_is_found_again(portal, send):
    portal.faults.add(Fault(method="im.message.add", cut=Cut.AFTER))
    with pytest.raises(aiohttp.ClientError):
        await send()
    assert (await send()).result == (await send()).result
    assert texts(portal) == ["Hi"]


async def test_while_the_first_attempt_lingers_the_next_one_is_refused(portal, send, clock):
    """Afterwards it learns the id of the first."""
    portal.faults.add(Fault(method="im.message.add", cut=Cut.AFTER, lingers=20))
    with pytest.raises(aiohttp.ClientError):
        await send()
    assert (await send()).error == (400, "MESSAGE_DUPLICATED_BY_UUID")
    clock.advance(19)
    assert (await send()).error == (400, "MESSAGE_DUPLICATED_BY_UUID")
    clock.advance(1)
    assert isinstance((await send()).result, int)
    assert texts(portal) == ["Hi"]


async def test_an_attempt_that_lingers_for_an_hour_counts_as_dead(portal, send, clock):
    portal.faults.add(Fault(lingers=1e9))
    first = (await send()).result
    clock.advance(3599)
    assert (await send()).error == (400, "MESSAGE_DUPLICATED_BY_UUID")
    clock.advance(1)
    assert (await send()).result > first


async def test_a_command_of_a_batch_lingers_too(ask, portal):
    bot = await ask.bot()
    command = f"imbot.v2.Chat.Message.send?botId={bot['botId']}&botToken={bot['botToken']}&dialogId=2"
    command += f"&fields[message]=Hi&fields[templateId]={KEY}"
    portal.faults.add(Fault(method="batch", lingers=5))
    assert (await ask.batch([command]))["result"]
    assert (await ask.batch([command]))["result_error"][0]["error"] == "MESSAGE_DUPLICATED_BY_UUID"


async def test_a_template_id_is_forgotten_after_a_month(send, clock):
    first = (await send()).result
    clock.advance(31 * 24 * 3600 - 1)
    assert (await send()).result == first
    clock.advance(1)
    assert (await send()).result > first


async def test_a_message_that_was_deleted_is_sent_anew(ask, send):
    first = (await send()).result
    await ask("im.message.delete", {"MESSAGE_ID": first})
    assert (await send()).result > first


@pytest.mark.parametrize("params", [{"key": KEY.upper()}, {"key": "7"}, {"SYSTEM": "Y"}])
async def test_only_a_lower_case_uuid_of_an_ordinary_message_counts(send, params):
    assert (await send(**params)).result < (await send(**params)).result


async def test_the_template_id_is_the_uuid_of_the_message(ask, send):
    await send()
    shown = (await ask("im.dialog.messages.get", {"DIALOG_ID": 2})).result["messages"]
    assert [message["uuid"] for message in shown] == [KEY]
