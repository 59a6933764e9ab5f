"""Polling the emulated portal: whatever its queue does, and however much else is to be sent."""

import asyncio

import pytest

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.events.errors import ConsumerBusy
from bitrix_chat.events.types import (
    CommandAdded,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    MessageUpdated,
    ReactionChanged,
    UserMessageAdded,
)
from bitrix_chat.portal import Fault, PortalPolicy
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_scenes import handle, listening, nothing_for, now, take

POLICIES = [
    {},
    {"event_cursor": "lastEventId"},
    {"event_cursor": "none"},
    {"event_has_more": "always"},
    {"event_order": "shuffled"},
    {"event_ids": "swapped"},
    {"event_repeats": "listed"},
    {"event_repeats": "acknowledged"},
    {
        "event_cursor": "none",
        "event_has_more": "always",
        "event_order": "shuffled",
        "event_ids": "swapped",
        "event_repeats": "listed",
    },
]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@on_virtual_clock
async def test_every_message_comes_once_whatever_the_portal_does(policy):
    async with listening(policy=PortalPolicy(**policy)) as (portal, _, bot):
        user, heard = portal.user(1), []

        async def talk():
            for number in range(60):
                await user.say(bot.id, f"message {number}")
                await asyncio.sleep(0.5 if number % 10 else 3)

        talking = asyncio.create_task(talk())
        async with bot.events.stream(limit=7) as stream:
            async with asyncio.timeout(600):
                while len(heard) < 60:
                    async with await anext(stream) as delivery:
                        assert isinstance(delivery.event, MessageAdded)
                        heard.append(delivery.event.message.text)
            assert await nothing_for(stream, 120) == []
        await talking
        assert sorted(heard) == sorted(f"message {number}" for number in range(60))


@on_virtual_clock
async def test_each_deed_of_a_user_is_an_event_of_its_class():
    async with listening(policy=PortalPolicy(private_joins=False)) as (portal, _, bot):
        user = portal.user(2)
        await bot.command.register("report", title={"en": "Report"})
        async with bot.events.stream() as stream:
            message_id = await user.say(bot.id, "Hello")
            await user.edit(message_id, "Hello again")
            await user.delete(message_id)
            chat_id = await user.create_chat("Group", [bot.id])
            await user.use_command(bot.id, "/report this week")
            added, updated, deleted, joined, command = [d.event for d in await take(stream, 5)]
            assert (type(added), added.message.text, added.user.id) == (MessageAdded, "Hello", 2)
            assert (type(updated), updated.message.text) == (MessageUpdated, "Hello again")
            assert (type(deleted), deleted.message_id) == (MessageDeleted, message_id)
            assert (type(joined), joined.dialog_id) == (JoinedChat, f"chat{chat_id}")
            assert (type(command), command.command.name, command.command.params) == (
                CommandAdded,
                "report",
                "this week",
            )
            sent = await added.answer("Good morning")
            await user.react(sent.id)
            assert isinstance((await take(stream, 1))[0].event, ReactionChanged)


@on_virtual_clock
async def test_events_of_the_user_come_in_the_same_stream():
    async with listening() as (portal, b24, bot):
        await b24.im.v2.event.subscribe()
        async with bot.events.stream(with_user_events=True) as stream:
            await portal.user(1).say(bot.id, "Hello")
            first, second = [delivery.event for delivery in await take(stream, 2)]
            assert {type(first), type(second)} == {MessageAdded, UserMessageAdded}
            assert first.dialog_id != second.dialog_id  # each is named by the other of the two


@on_virtual_clock
async def test_a_second_stream_in_the_same_process_is_refused_whatever_its_store():
    async with listening() as (portal, b24, bot):
        await portal.user(1).say(bot.id, "Hello")
        async with bot.events.stream() as first:
            await take(first, 1)
            async with b24.bot(bot.id, token="token_of_the_bot").events.stream() as second:
                with pytest.raises(ConsumerBusy):
                    await anext(second)
        async with bot.events.stream() as third:
            await handle(third, 1)


@on_virtual_clock
async def test_an_outage_is_ridden_out():
    async with listening() as (portal, _, bot):
        await portal.user(1).say(bot.id, "Hello")
        portal.faults.add(*(Fault(method="imbot.v2.Event.get", nth=number, status=502) for number in range(1, 30)))
        async with bot.events.stream() as stream:
            assert len(await take(stream, 1, within=600)) == 1


@pytest.mark.parametrize("coalesce", [True, False], ids=["batches", "single calls"])
@on_virtual_clock
async def test_a_bulk_of_ten_thousand_chats_starves_no_poll(coalesce):
    async with listening(plan=PortalPlan.STANDARD, cost=0.05, client={"coalesce": coalesce}) as (portal, b24, bot):
        running = asyncio.create_task(_created(b24, 10_000))
        waits = []
        async with bot.events.stream(idle=(5, 5)) as stream:
            for number in range(6):
                await asyncio.sleep(7.3)
                said = now()
                await portal.user(1).say(bot.id, f"message {number}")
                async with (await take(stream, 1))[0]:
                    waits.append(now() - said)
            assert not running.done()
            assert max(waits) < 5 + 2  # the pause, and a turn in the queue
            running.cancel()
            await asyncio.wait([running])


async def _created(b24, count):
    job = b24.im.chat.bulk([f"Room {number}" for number in range(count)])
    try:
        await job.run()
    finally:
        await job.cancel(drain=False)


@on_virtual_clock
async def test_a_poll_leaves_within_seconds_also_where_another_client_fills_the_bucket():
    limiter = MemoryRateLimiter(Plan(50, 2))
    async with (
        listening(plan=PortalPlan.STANDARD, client={"limiter": limiter}) as (portal, _, bot),
        portal.client(limiter=limiter, coalesce=False) as other,
    ):
        crowd = [asyncio.create_task(_asked(other)) for _ in range(500)]
        await asyncio.sleep(30)
        began = now()
        await bot.event.get().alone()
        assert now() - began < 5
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def _asked(client):
    await client.server.time()
