"""What waits for a bot, taken as deliveries until there is no more."""

import pytest

from bitrix_chat.enums import EventMode
from bitrix_chat.events.bot import BotClient
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.waiting import waiting_events
from bitrix_chat.portal import Fault, Plan, Portal, PortalPolicy

TOKEN = "canary-of-the-bot"


async def listener(b24):
    registered = await b24.imbot.bot.register("listener", name="L", token=TOKEN, event_mode=EventMode.FETCH)
    return BotClient(b24._transport, registered.bot.id, TOKEN)


@pytest.fixture
async def bot(b24):
    return await listener(b24)


async def taken(stream):
    async with stream:
        return [await handled(delivery) async for delivery in stream]


async def handled(delivery):
    async with delivery:
        return delivery.event.message.text


async def test_it_ends_where_nothing_waits(bot):
    assert await taken(waiting_events(bot)) == []


async def test_it_takes_what_waits_and_acknowledges_it(portal, bot):
    for text in ("one", "two"):
        await portal.user().say(bot.id, text)
    assert await taken(waiting_events(bot)) == ["one", "two"]
    assert not portal.pending_events.get(bot.id)


async def test_it_ends_although_the_portal_promises_more_for_ever(unlimited):
    policy = PortalPolicy(event_has_more="always")
    async with Portal(plan=Plan.UNLIMITED, policy=policy) as portal, portal.client(limiter=unlimited) as b24:
        bot = await listener(b24)
        await portal.user().say(bot.id, "one")
        assert await taken(waiting_events(bot, busy=0.01)) == ["one"]


async def test_what_is_given_back_is_taken_again_before_it_ends(portal, bot):
    await portal.user().say(bot.id, "one")
    attempts = []
    async with waiting_events(bot) as stream:
        async for delivery in stream:
            attempts.append(delivery.attempt)
            await (delivery.ack() if delivery.attempt == 2 else delivery.nack())
    assert attempts == [1, 2]


async def test_what_is_not_finished_waits_on(portal, bot):
    await portal.user().say(bot.id, "one")
    async with waiting_events(bot) as stream:
        assert [delivery.event.message.text async for delivery in stream] == ["one"]
    assert await taken(waiting_events(bot)) == ["one"]


async def test_an_outage_is_waited_out_and_is_no_end(portal, bot):
    await portal.user().say(bot.id, "one")
    portal.faults.add(Fault.html_502(method="imbot.v2.Event.get", times=6))
    assert await taken(waiting_events(bot, busy=0.01)) == ["one"]


async def test_a_store_tells_what_was_taken_before(portal, bot):
    store = MemoryEventStore()
    await portal.user().say(bot.id, "one")
    # What acknowledges is refused: the portal still has the event.
    portal.faults.add(Fault(method="imbot.v2.Event.get", nth=2, status=403, body={"error": "ACCESS_DENIED"}))
    assert await taken(waiting_events(bot, store)) == ["one"]
    assert portal.pending_events[bot.id]
    assert await taken(waiting_events(bot, store)) == []
