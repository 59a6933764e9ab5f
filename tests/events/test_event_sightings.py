"""The bot's own arrivals in chats resolve creations whose answers got lost."""

import asyncio

import pytest

from bitrix_chat import EventRouter, Inbox, JoinedChat, MemoryEventStore, OutcomeUnknown, decode_posted
from bitrix_chat.events.sightings import Sightings
from bitrix_chat.portal import Cut, Fault
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_scenes import listening

ADD = "imbot.v2.Chat.add"
LOST = Fault(method=ADD, cut=Cut.AFTER)
NO_LOOKUPS = Fault(method="im.chat.get", status=400, body={"error": "ACCESS_DENIED"}, times=1000)


async def drained(stream) -> None:
    async for delivery in stream:
        await delivery.ack()


def made(portal, key: str) -> list[int]:
    return [chat.id for chat in portal.chats.values() if chat.entity_id == key]


def arrival(bot, chat_id: int, *, user_id: int | None = None, entity: tuple[str, str] | None = None) -> JoinedChat:
    """The event as it is posted; most portals show no entity in it."""
    chat = {"id": str(chat_id), "dialogId": f"chat{chat_id}", "type": "chat", "name": "Harbour", "owner": str(bot.id)}
    if entity is not None:
        chat |= {"entityType": entity[0], "entityId": entity[1]}
    data = {"bot": {"id": str(bot.id)}, "dialogId": f"chat{chat_id}", "chat": chat, "language": "en"}
    event = decode_posted(
        {"event": "ONIMBOTV2JOINCHAT", "data": data | {"user": {"id": str(user_id or bot.id), "name": "Listener"}}}
    )
    assert isinstance(event, JoinedChat)
    return event


@on_virtual_clock
async def test_a_chat_whose_answer_got_lost_is_found_by_its_event_where_lookups_are_refused():
    async with listening() as (portal, _, bot):
        portal.faults.add(LOST)
        portal.faults.add(NO_LOOKUPS)
        async with bot.events.stream(idle=(0.5, 0.5), busy=0.5) as stream:
            reading = asyncio.create_task(drained(stream))
            created = await bot.chat.add(title="Harbour", key="harbour", key_is_new=True)
            reading.cancel()

        assert made(portal, "harbour") == [created.chat.id]


@on_virtual_clock
async def test_without_the_event_the_same_stays_unknown():
    async with listening() as (portal, _, bot):
        portal.faults.add(LOST)
        portal.faults.add(NO_LOOKUPS)

        with pytest.raises(OutcomeUnknown):
            await bot.chat.add(title="Harbour", key="harbour-2", key_is_new=True)


@on_virtual_clock
async def test_an_event_that_shows_no_entity_has_the_chat_asked_for_it():
    async with listening() as (portal, b24, bot):
        portal.faults.add(LOST)
        creating = asyncio.ensure_future(bot.chat.add(title="Harbour", key="harbour-3", key_is_new=True))
        await asyncio.sleep(0.5)
        began, (chat_id,) = asyncio.get_running_loop().time(), made(portal, "harbour-3")

        await Sightings(b24._transport, bot).see(arrival(bot, chat_id))
        created = await creating

        assert created.chat.id == chat_id
        assert asyncio.get_running_loop().time() - began < 1.5  # the first lookup is due two seconds after departure
        assert not [each for each in portal.requests if each.method == "im.chat.get"]


@on_virtual_clock
async def test_nothing_is_asked_about_arrivals_while_no_answer_was_lost():
    async with listening() as (portal, b24, bot):
        created = await bot.chat.add(title="Harbour", key="harbour-4", key_is_new=True)
        before = len(portal.requests)

        await Sightings(b24._transport, bot).see(arrival(bot, created.chat.id))

        assert len(portal.requests) == before


@on_virtual_clock
async def test_that_somebody_else_took_the_bot_into_a_chat_proves_nothing():
    async with listening() as (portal, b24, bot):
        portal.faults.add(LOST)
        portal.faults.add(NO_LOOKUPS)
        creating = asyncio.ensure_future(bot.chat.add(title="Harbour", key="harbour-5", key_is_new=True))
        await asyncio.sleep(0.5)
        (chat_id,) = made(portal, "harbour-5")
        stranger = arrival(bot, chat_id, user_id=1, entity=("BITRIX_CHAT_KEY", "harbour-5"))

        await Sightings(b24._transport, bot).see(stranger)

        with pytest.raises(OutcomeUnknown):
            await creating


@on_virtual_clock
async def test_posted_events_resolve_what_got_lost_as_well():
    async with listening() as (portal, _, bot):
        portal.faults.add(LOST)
        portal.faults.add(NO_LOOKUPS)
        creating = asyncio.ensure_future(bot.chat.add(title="Harbour", key="harbour-6", key_is_new=True))
        await asyncio.sleep(0.5)
        (chat_id,) = made(portal, "harbour-6")
        store = MemoryEventStore()
        event = arrival(bot, chat_id, entity=("BITRIX_CHAT_KEY", "harbour-6"))
        body = {"event": event.type, "ts": "1", "data": dict(event.raw), "auth": {}}
        await store.keep("post:1", body, ttl=60.0)

        running = asyncio.ensure_future(bot.run(EventRouter(), store=store, source=Inbox(store)))
        created = await creating
        running.cancel()

        assert created.chat.id == chat_id
