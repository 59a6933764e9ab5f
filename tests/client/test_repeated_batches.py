"""A batch whose first answer was lost is repeated, and what the repetition refuses may be done all the same."""

import asyncio

from bitrix_chat import (
    BatchHalted,
    BitrixChat,
    BitrixError,
    MemoryRateLimiter,
    Outcome,
    OutcomeUnknown,
    Plan,
)
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock

LOST = {"method": "batch", "cut": Cut.AFTER}


def client(portal: Portal, **options) -> BitrixChat:
    return portal.client(limiter=MemoryRateLimiter(Plan(1e9, 1e8)), **options)


async def chat_of(b24: BitrixChat) -> int:
    return await b24.im.chat.add(title="Harbour", user_ids=[2])


@on_virtual_clock
async def test_what_a_repeated_batch_refuses_has_an_unknown_outcome():
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, client(portal) as b24:
        chat_id = await chat_of(b24)
        portal.faults.add(Fault(**LOST))
        owner, reading = b24.im.chat.set_owner(chat_id, user_id=2), b24.im.dialog.get("chat999")
        result = await b24.batch([owner, reading])
        assert portal.chats[chat_id].owner == 2
    assert isinstance(result[owner].error, OutcomeUnknown)
    assert (result[owner].outcome, owner.outcome) == (Outcome.UNKNOWN, Outcome.UNKNOWN)
    assert result[reading].outcome is Outcome.REFUSED


@on_virtual_clock
async def test_a_command_behind_the_one_that_halts_a_repeated_batch_is_not_said_to_have_not_run():
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, client(portal) as b24:
        chat_id = await chat_of(b24)
        portal.faults.add(Fault(**LOST))
        owner, message = b24.im.chat.set_owner(chat_id, user_id=2), b24.im.message.add(f"chat{chat_id}", "bye")
        result = await b24.batch([owner, message], halt=True)
        assert [said.text for said in portal.chats[chat_id].messages].count("bye") == 1
    assert isinstance(result[message].error, OutcomeUnknown)
    assert isinstance(result[message].error.__cause__, BatchHalted)


@on_virtual_clock
async def test_messages_that_a_lost_batch_is_still_sending_are_waited_for():
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, client(portal) as b24:
        chat_id = await chat_of(b24)
        portal.faults.add(Fault(**LOST, lingers=5))
        sent = (await b24.batch([b24.im.message.add(f"chat{chat_id}", f"Wave {n}") for n in range(3)])).values()
        texts = [message.text for message in portal.chats[chat_id].messages if message.text.startswith("Wave")]
    assert len(set(sent)) == 3
    assert texts == ["Wave 0", "Wave 1", "Wave 2"]


@on_virtual_clock
async def test_messages_of_a_batch_that_linger_for_too_long_are_unknown():
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, client(portal) as b24:
        chat_id = await chat_of(b24)
        portal.faults.add(Fault(**LOST, lingers=600))
        (result,) = await b24.batch([b24.im.message.add(f"chat{chat_id}", "Wave")])
    assert isinstance(result.error, OutcomeUnknown)


@on_virtual_clock
async def test_a_cancelled_repetition_stays_unknown_and_its_orphan_is_told():
    told = []
    async with Portal(plan=PortalPlan.UNLIMITED) as portal:
        b24 = client(portal, on_orphan=lambda request, result: told.append((request.method, result)))
        async with b24:
            chat_id = await chat_of(b24)
            portal.faults.add(Fault(method="im.message.add", cut=Cut.AFTER, lingers=600))
            call = b24.im.message.add(f"chat{chat_id}", "Ahoy")
            task = asyncio.create_task(call)
            await asyncio.sleep(20)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(20)
    assert call.outcome is Outcome.UNKNOWN
    assert all(isinstance(result, BitrixError) and result.outcome is Outcome.UNKNOWN for _, result in told)
