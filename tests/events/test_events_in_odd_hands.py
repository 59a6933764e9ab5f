"""Whoever cancels, gives back, forgets or fails at an odd moment: no event is lost by it, and nothing leaks."""

import asyncio
from contextlib import suppress

import pytest

from bitrix_chat import (
    Delivery,
    EventRouter,
    Inbox,
    InvalidParameter,
    MemoryEventStore,
    MessageAdded,
    Reception,
    RunCounts,
    WebhookReceiver,
)
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_bodies import APPLICATION_TOKEN, FORM
from tests.events.event_scenes import TOKEN, Queue, until
from tests.events.test_event_installation import installed

OLD = 60.0


@pytest.mark.parametrize("store", ["events.sqlite", None, MemoryEventStore])
def test_a_receiver_without_a_store_is_refused_before_it_loses_anything(store):
    with pytest.raises(InvalidParameter, match=r"`store` is .*SqliteEventStore"):
        WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)


@on_virtual_clock
async def test_dead_letters_are_kept_where_the_events_were_unless_told_otherwise():
    store, router = MemoryEventStore(), EventRouter()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        raise LookupError("no luck")

    data = {"bot": {"id": "456"}, "message": {"id": "1", "text": "a"}, "chat": {"id": "5", "dialogId": "chat5"}}
    await store.keep("post:1", {"event": "ONIMBOTV2MESSAGEADD", "ts": "1", "data": data, "auth": {}}, ttl=60.0)
    running = asyncio.ensure_future(Queue().bot().run(router, source=Inbox(store), attempts=1))
    await asyncio.sleep(5)
    running.cancel()
    await asyncio.wait([running])

    assert [letter.key for letter in await store.buried()] == ["post:1"]


@on_virtual_clock
async def test_an_event_that_a_handler_gives_back_is_tried_again_before_what_follows_and_buried_in_the_end():
    queue, router, seen, counts = Queue(), EventRouter(), [], RunCounts()
    store = MemoryEventStore()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, delivery: Delivery) -> None:
        seen.append((event.id, delivery.attempt))
        if event.id == 1:
            await delivery.nack()

    queue.add(1, 2, dialog="chat1", age=OLD)
    running = asyncio.ensure_future(queue.bot().run(router, store=store, counts=counts))
    await until(lambda: (2, 1) in seen)
    running.cancel()
    await asyncio.wait([running])

    assert seen == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert len(await store.buried()) == 1
    assert (counts.buried, counts.retried) == (1, 2)


@on_virtual_clock
async def test_a_handler_that_fails_after_it_has_acknowledged_leaves_its_error_in_the_log(caplog):
    queue, router = Queue(), EventRouter()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, delivery: Delivery) -> None:
        await delivery.ack()
        raise LookupError("after the feast")

    queue.add(1, age=OLD)
    running = asyncio.ensure_future(queue.bot().run(router))
    await until(lambda: "after the feast" in caplog.text)
    running.cancel()
    await asyncio.wait([running])


@on_virtual_clock
async def test_a_hook_that_fails_shows_no_secret(caplog):
    queue, router = Queue(), EventRouter()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        raise LookupError("no luck")

    def hook(delivery: Delivery, error: Exception) -> None:
        raise RuntimeError(f"https://b24.example/rest/1/abcdefghijkl0123/im.x with {TOKEN}") from error

    queue.add(1, age=OLD)
    running = asyncio.ensure_future(queue.bot().run(router, attempts=1, on_dead_letter=hook))
    await until(lambda: "`on_dead_letter` failed" in caplog.text)
    running.cancel()
    await asyncio.wait([running])

    assert "abcdefghijkl0123" not in caplog.text
    assert TOKEN not in caplog.text


@on_virtual_clock
async def test_an_acknowledgement_that_is_cancelled_while_it_is_written_still_counts():
    class Slow(MemoryEventStore):
        async def mark_handled(self, consumer, event_ids):
            await asyncio.sleep(5)
            await super().mark_handled(consumer, event_ids)

    queue = Queue()
    queue.add(1, 2, age=OLD)
    async with queue.bot().events.stream(Slow()) as stream:
        first = await anext(stream)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await first.ack()
        await asyncio.sleep(10)

        assert first.is_settled
        await (await anext(stream)).ack()
        await asyncio.sleep(1)
    assert queue.offsets[-1] == 3


@on_virtual_clock
async def test_installations_that_nobody_has_verified_do_not_keep_events_out():
    asked, release = [], asyncio.Event()

    async def accepts(installation):
        asked.append(installation)
        await release.wait()
        return False

    async def lookup(member_id):
        return None

    receiver = WebhookReceiver(application_token=lookup, store=MemoryEventStore(), installations=accepts)
    posts = [
        asyncio.ensure_future(receiver.handle(installed(member_id=f"{number:032x}"), FORM)) for number in range(100)
    ]
    await asyncio.sleep(1)
    assert len(asked) == 16
    assert receiver.counts[Reception.OVERLOADED] == 84
    release.set()
    await asyncio.gather(*posts)
    assert receiver.counts[Reception.UNTRUSTED_INSTALLATION] == 16
