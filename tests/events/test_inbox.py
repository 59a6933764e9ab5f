"""Posted events at work: kept by a receiver, handled later, in this process or another, at least once."""

import asyncio

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.events.errors import ConsumerBusy
from bitrix_chat.events.inbox import Inbox
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.run_options import RunCounts
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.events.types import BotEvent, MessageAdded, UnknownEvent
from bitrix_chat.portal.php import build_query
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_scenes import BOT_ID, Queue, now, take, until

FORM = "application/x-www-form-urlencoded"
APPLICATION_TOKEN = "emulated" + "0c" * 12


def body(number, bot_id=BOT_ID, dialog="chat5", event="ONIMBOTV2MESSAGEADD"):
    data = {
        "bot": {"id": bot_id, "code": "fake"},
        "message": {"id": number, "text": f"posted {number}"},
        "chat": {"id": 5, "dialogId": dialog, "type": "chat"},
        "user": {"id": 1, "name": "Vera"},
    }
    auth = {"application_token": APPLICATION_TOKEN, "member_id": "a" * 32, "domain": "portal.example"}
    return build_query({"event": event, "data": data, "ts": 1_900_000_000, "auth": auth}).encode()


def received(store):
    return WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)


async def post(store, *numbers, **options):
    for number in numbers:
        assert (await received(store).handle(body(number, **options), FORM)).status == 200


def texts(deliveries):
    return [delivery.event.message.text for delivery in deliveries]


@on_virtual_clock
async def test_what_a_receiver_has_kept_is_delivered_in_its_order():
    store = MemoryEventStore()
    await post(store, 1, 2, 3)
    async with Inbox(store) as inbox:
        deliveries = await take(inbox, 3)
        assert texts(deliveries) == ["posted 1", "posted 2", "posted 3"]
        assert all(isinstance(delivery.event, MessageAdded) for delivery in deliveries)
        assert {delivery.event.id for delivery in deliveries} == {None}
        assert {delivery.bot for delivery in deliveries} == {None}


@on_virtual_clock
async def test_what_is_acknowledged_is_finished_in_the_store_and_nothing_else():
    store = MemoryEventStore()
    await post(store, 1, 2)
    async with Inbox(store) as inbox:
        _, second = await take(inbox, 2)
        await second.ack()
    assert [event.body["data"]["message"]["text"] for event in await store.pending()] == ["posted 1"]
    async with Inbox(store) as inbox:
        assert texts(await take(inbox, 1)) == ["posted 1"]


@on_virtual_clock
async def test_what_is_given_back_comes_again_later():
    store = MemoryEventStore()
    await post(store, 1)
    async with Inbox(store) as inbox:
        (first,) = await take(inbox, 1)
        began = now()
        await first.nack()
        (again,) = await take(inbox, 1)
        assert now() - began == pytest.approx(1, abs=0.1)
    assert (again.attempt, again.key) == (2, first.key)


@on_virtual_clock
async def test_what_the_same_store_keeps_is_delivered_at_once():
    store = MemoryEventStore()
    async with Inbox(store, pause=60) as inbox:
        waiting = asyncio.create_task(anext(inbox))
        await asyncio.sleep(10)
        began = now()
        await post(store, 1)
        assert (await waiting).event.message.text == "posted 1"
        assert now() - began < 0.1


async def test_what_another_process_keeps_is_delivered_soon(tmp_path):
    path = tmp_path / "bot.sqlite"
    async with SqliteEventStore(path) as web, Inbox(path, pause=0.05) as inbox:
        waiting = asyncio.create_task(anext(inbox))
        await asyncio.sleep(0.1)
        await post(web, 1)
        async with await waiting as delivery:
            assert delivery.event.message.text == "posted 1"
        assert list(await web.pending()) == []


@on_virtual_clock
async def test_events_of_known_bots_are_bound_to_them():
    store, queue = MemoryEventStore(), Queue()
    bots = [BotHandle(queue, 456, None), BotHandle(queue, 457, None)]
    for bot_id in (457, 456, 458):
        await post(store, bot_id, bot_id=bot_id)
    async with Inbox(store, bots=bots) as inbox:
        first, second, third = await take(inbox, 3)
    assert (first.bot, second.bot, third.bot) == (bots[1], bots[0], None)
    assert first.event.chat.bot is bots[1]


@on_virtual_clock
async def test_two_inboxes_of_one_store_are_refused():
    store = MemoryEventStore()
    await post(store, 1)
    async with Inbox(store) as first, Inbox(store) as second:
        await take(first, 1)
        with pytest.raises(ConsumerBusy):
            await anext(second)


@pytest.mark.parametrize(("store", "options"), [(None, {}), (7, {}), (MemoryEventStore(), {"pause": 0})])
def test_an_inbox_needs_a_store_and_a_pause(store, options):
    with pytest.raises(InvalidParameter):
        Inbox(store, **options)


@on_virtual_clock
async def test_a_run_handles_what_was_posted_and_answers_as_its_bot():
    store, queue, router, counts = MemoryEventStore(), Queue(), EventRouter(), RunCounts()

    @router.on(MessageAdded, lambda event: event.bot.id == BOT_ID)
    async def handle(event: MessageAdded, bot: BotHandle) -> None:
        await event.answer(f"{event.message.text}, {bot.id}")

    run = asyncio.create_task(queue.bot().run(router, store=store, source=Inbox(store), counts=counts))
    await post(store, 1)
    await post(store, 2, bot_id=457)
    await post(store, 3, event="onSomethingElse")
    await until(lambda: counts.handled + sum(counts.unmatched.values()) == 3)
    run.cancel()
    await asyncio.wait([run])
    assert [request.params["fields"]["message"] for request in queue.sent] == [f"posted 1, {BOT_ID}"]
    assert counts.unmatched == {"ONIMBOTV2MESSAGEADD": 1, "ONSOMETHINGELSE": 1}
    assert list(await store.pending()) == []
    assert not queue.asked


@on_virtual_clock
async def test_an_event_of_another_bot_is_not_answered_by_the_running_one():
    store, queue, router, counts = MemoryEventStore(), Queue(), EventRouter(), RunCounts()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        await event.answer("I am not meant")

    await post(store, 1, bot_id=457)
    run = asyncio.create_task(queue.bot().run(router, store=store, source=Inbox(store), counts=counts))
    await until(lambda: counts.buried)
    run.cancel()
    await asyncio.wait([run])
    assert not queue.sent
    assert "EventNotBound" in (await store.buried())[0].error


@on_virtual_clock
async def test_a_run_takes_from_a_queue_and_an_inbox_at_once():
    store, queue, router, found = MemoryEventStore(), Queue(), EventRouter(), []

    @router.on(BotEvent)
    async def handle(event: BotEvent) -> None:
        found.append(event.message.text)

    bot = queue.bot()
    queue.add(1, age=60.0)
    await post(store, 1)
    sources = [bot.events.stream(store), Inbox(store)]
    run = asyncio.create_task(bot.run(router, store=store, source=sources))
    await until(lambda: len(found) == 2)
    run.cancel()
    await asyncio.wait([run])
    assert sorted(found) == ["event 1", "posted 1"]
    assert not queue.events


@on_virtual_clock
async def test_what_cannot_be_read_any_more_is_an_unknown_event():
    store = MemoryEventStore()
    await store.keep("a", {"event": "ONIMBOTV2MESSAGEADD"}, ttl=60)
    await store.keep("b", {}, ttl=60)
    async with Inbox(store) as inbox:
        assert {type(delivery.event) for delivery in await take(inbox, 2)} == {UnknownEvent}


async def test_user_events_are_asked_of_a_stream_not_of_an_inbox():
    with pytest.raises(InvalidParameter, match="with_user_events"):
        await Queue().bot().run(EventRouter(), source=Inbox(MemoryEventStore()), with_user_events=True)
