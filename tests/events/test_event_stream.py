"""Polling: at least once, nothing twice, nothing acknowledged that is not finished, and never in a hurry."""

import asyncio
import gc
import logging
from itertools import pairwise

import pytest

from bitrix_chat import (
    AuthError,
    BotNotFound,
    ConnectionLost,
    InvalidCredentials,
    InvalidParameter,
    NotSubscribed,
    QueryLimitExceeded,
    ServerError,
)
from bitrix_chat.events.errors import ConsumerBusy
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.types import MessageAdded, UnknownEvent
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_scenes import BOT_ID, Queue, handle, ids, nothing_for, now, take

OLD = 60.0


@on_virtual_clock
async def test_the_first_request_has_no_offset_and_travels_alone():
    queue = Queue()
    queue.add(7, age=OLD)
    async with queue.bot().events.stream() as stream:
        (delivery,) = await take(stream, 1)
    assert (queue.asked[0].offset, queue.asked[0].limit, queue.asked[0].alone) == (None, 100, True)
    assert isinstance(delivery.event, MessageAdded)
    assert (delivery.event.message.text, delivery.key, delivery.attempt) == ("event 7", f"poll:{BOT_ID}:7", 1)
    assert delivery.bot.id == BOT_ID


@on_virtual_clock
async def test_the_oldest_unfinished_event_is_the_offset():
    queue = Queue()
    queue.add(1, 2, 3, age=OLD)
    async with queue.bot().events.stream() as stream:
        first, second, third = await take(stream, 3)
        await second.ack()
        await third.ack()
        assert await nothing_for(stream, 20) == []
        assert set(queue.offsets[1:]) == {None}
        await first.ack()
        assert await nothing_for(stream, 60) == []
        assert queue.offsets[-1] == 4
    assert not queue.events


@on_virtual_clock
async def test_what_is_finished_is_acknowledged_when_the_stream_is_closed():
    queue = Queue()
    queue.add(1, 2, 3, age=OLD)
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 3):
            if delivery.event.id != 3:
                await delivery.ack()
    assert (queue.offsets[-1], queue.asked[-1].limit) == (3, 1)
    assert set(queue.events) == {3}


@on_virtual_clock
async def test_a_stream_that_has_acknowledged_everything_closes_without_a_request():
    queue = Queue()
    queue.add(1, age=OLD)
    async with queue.bot().events.stream() as stream:
        async with (await take(stream, 1))[0]:
            pass
        await nothing_for(stream, 6)
        asked = len(queue.asked)
    assert len(queue.asked) == asked


@on_virtual_clock
async def test_a_block_that_ends_well_acknowledges_and_one_that_fails_gives_back():
    queue = Queue()
    queue.add(1, 2, age=OLD)
    async with queue.bot().events.stream() as stream:
        first, second = await take(stream, 2)
        async with first:
            pass
        with pytest.raises(RuntimeError, match="no luck"):
            async with second:
                raise RuntimeError("no luck")
        assert first.is_settled
        (again,) = await take(stream, 1)
    assert (again.event.id, again.attempt, again.key) == (2, 2, second.key)


@on_virtual_clock
async def test_an_event_that_is_given_back_again_and_again_comes_later_each_time():
    queue = Queue()
    queue.add(1, age=OLD)
    times = []
    async with queue.bot().events.stream() as stream:
        for _ in range(9):
            (delivery,) = await take(stream, 1)
            times.append(now())
            await delivery.nack()
    pauses = [round(later - earlier) for earlier, later in pairwise(times)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


@on_virtual_clock
async def test_the_first_word_on_a_delivery_counts():
    queue = Queue()
    queue.add(1, 2, age=OLD)
    async with queue.bot().events.stream() as stream:
        first, second = await take(stream, 2)
        await first.ack()
        await first.nack()
        await second.nack()
        await second.ack()
        assert ids(await take(stream, 1)) == [2]
        assert await nothing_for(stream, 60) == []


@on_virtual_clock
async def test_duplicates_are_dropped_under_way_and_finished_also_in_one_page():
    queue = Queue()
    queue.tamper = lambda answer: {**answer, "events": answer["events"] * 2}
    queue.add(1, 2, age=OLD)
    async with queue.bot().events.stream() as stream:
        first, second = await take(stream, 2)
        await second.ack()
        assert await nothing_for(stream, 60) == []
        await first.ack()
        assert await nothing_for(stream, 60) == []


@on_virtual_clock
async def test_what_the_portal_repeats_after_it_was_acknowledged_is_dropped():
    queue = Queue()
    queue.add(1, 2, age=OLD)
    repeated = list(queue.events.values())
    queue.tamper = lambda answer: {**answer, "events": [*repeated, *answer["events"]]}
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 2):
            await delivery.ack()
        assert await nothing_for(stream, 300) == []


@on_virtual_clock
async def test_another_process_handles_only_what_was_not_finished():
    queue, store = Queue(), MemoryEventStore()
    queue.add(1, 2, 3, age=OLD)
    stream = queue.bot().events.stream(store)
    _, second, _ = await take(stream, 3)
    await second.ack()
    del stream, second, _  # as a killed process leaves it: nothing was acknowledged
    gc.collect()
    assert set(queue.events) == {1, 2, 3}
    async with queue.bot().events.stream(store) as stream:
        assert ids(await take(stream, 2)) == [1, 3]
        assert await nothing_for(stream, 60) == []


@on_virtual_clock
async def test_it_is_written_down_before_it_is_acknowledged():
    queue = Queue()
    queue.add(1, age=OLD)

    class Slow(MemoryEventStore):
        async def mark_handled(self, consumer, event_ids):
            await asyncio.sleep(99.5)
            await super().mark_handled(consumer, event_ids)
            written.append(now())

    written = []
    async with queue.bot().events.stream(Slow()) as stream:
        (delivery,) = await take(stream, 1)
        acking = asyncio.create_task(delivery.ack())
        assert await nothing_for(stream, 200) == []
        await acking
    assert min(asked.at for asked in queue.asked if asked.offset == 2) > written[0]


@on_virtual_clock
async def test_pauses_grow_while_nothing_happens_and_are_short_again_afterwards():
    queue = Queue()
    queue.add(1, age=OLD)
    async with queue.bot().events.stream() as stream:
        async with (await take(stream, 1))[0]:
            pass
        await nothing_for(stream, 130)
        assert queue.pauses == [5, 5, 10, 20, 30, 30]
        queue.add(2, age=OLD)
        asked = len(queue.asked)
        async with (await take(stream, 1))[0]:
            pass
        await nothing_for(stream, 25)
        assert queue.pauses[asked:][:3] == [5, 5, 10]


@on_virtual_clock
async def test_while_there_is_more_it_asks_every_two_seconds():
    queue = Queue()
    queue.add(*range(1, 251), age=OLD)
    async with queue.bot().events.stream() as stream:
        assert await handle(stream, 250) == list(range(1, 251))
    assert queue.pauses[:2] == [2, 2]
    assert queue.offsets[:3] == [None, 101, 201]


@on_virtual_clock
async def test_pauses_and_pages_are_for_the_caller_to_choose():
    queue = Queue()
    queue.add(*range(1, 13), age=OLD)
    async with queue.bot().events.stream(limit=5, idle=(0.5, 1), busy=0.1) as stream:
        await handle(stream, 12)
        await nothing_for(stream, 4)
    assert {asked.limit for asked in queue.asked[:3]} == {5}
    assert queue.pauses[:6] == [0.1, 0.1, 0.5, 0.5, 1, 1]


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": 1001}, {"busy": 0}, {"idle": (1, 30)}, {"idle": (30, 5)}, {"busy": 6}],
    ids=str,
)
def test_pauses_that_make_no_sense_are_refused(options):
    with pytest.raises(InvalidParameter):
        Queue().bot().events.stream(**options)


def test_a_store_that_is_none_is_refused():
    with pytest.raises(InvalidParameter, match="EventStore"):
        Queue().bot().events.stream(7)


@on_virtual_clock
async def test_behind_an_unfinished_event_others_come_up_to_a_thousand():
    queue = Queue()
    queue.add(*range(1, 1101), age=OLD)
    async with queue.bot().events.stream() as stream:
        first, *others = await take(stream, 1000)
        for delivery in others:
            await delivery.ack()
        asked = len(queue.asked)
        assert await nothing_for(stream, 600) == []
        assert 1 < len(queue.asked) - asked < 40  # waits, neither in a hurry nor deaf
        await first.ack()
        began = now()
        assert ids(await take(stream, 1)) == [1001]
        assert now() - began < 5


@on_virtual_clock
async def test_a_portal_that_promises_more_for_ever_is_asked_in_peace():
    queue = Queue()
    queue.tamper = lambda answer: {**answer, "hasMore": True}
    queue.add(1, age=OLD)
    async with queue.bot().events.stream() as stream:
        async with (await take(stream, 1))[0]:
            pass
        assert await nothing_for(stream, 3600) == []
    assert len(queue.asked) < 150


@on_virtual_clock
async def test_a_page_that_comes_again_for_ever_is_asked_for_in_peace():
    queue = Queue()
    queue.add(1, 2, age=OLD)
    page = list(queue.events.values())
    queue.tamper = lambda _: {"events": page, "nextOffset": 3, "hasMore": True}
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 2):
            await delivery.ack()
        assert await nothing_for(stream, 3600) == []
    assert len(queue.asked) < 150


@pytest.mark.parametrize("cursor", [{"lastEventId": 3}, {"lastEventId": None}, {}, {"nextOffset": 1}], ids=str)
@on_virtual_clock
async def test_the_cursor_of_the_portal_is_not_needed(cursor):
    queue = Queue()
    queue.tamper = lambda answer: {"events": answer["events"], "hasMore": answer["hasMore"], **cursor}
    queue.add(1, 2, 3, age=OLD)
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 3):
            await delivery.ack()
        await nothing_for(stream, 6)
    assert not queue.events


@on_virtual_clock
async def test_events_that_turn_up_late_below_others_are_neither_lost_nor_acknowledged():
    queue, hidden = Queue(), {4}
    queue.sees = lambda event_id: event_id not in hidden
    queue.add(3, 4, 5)
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 2):
            await delivery.ack()
        await asyncio.sleep(4)
        hidden.clear()
        async with (await take(stream, 1))[0] as delivery:
            assert delivery.event.id == 4
        await nothing_for(stream, 60)
    assert (queue.lost, queue.events) == (set(), {})


@on_virtual_clock
async def test_a_stream_with_a_store_is_closed_at_once_and_acknowledges_what_is_sure():
    queue, store = Queue(), MemoryEventStore()
    queue.add(1, 2, age=OLD)
    queue.add(4)
    stream = queue.bot().events.stream(store)
    await handle(stream, 3)
    began = now()
    await stream.aclose()
    assert now() == began
    assert set(queue.events) == {4}
    async with queue.bot().events.stream(store) as stream:
        assert await nothing_for(stream, 60) == []
        assert not queue.events


@on_virtual_clock
async def test_a_stream_without_a_store_looks_again_before_it_acknowledges_at_its_close():
    queue, hidden = Queue(), {4}
    queue.sees = lambda event_id: event_id not in hidden
    queue.add(3, 4, 5)
    async with queue.bot().events.stream() as stream:
        for delivery in await take(stream, 2):
            await delivery.ack()
        hidden.clear()
        began = now()
    assert now() - began <= 1
    assert set(queue.events) == {4, 5}
    assert not queue.lost


@on_virtual_clock
async def test_ids_with_gaps_are_acknowledged_a_little_later():
    queue = Queue()
    async with queue.bot().events.stream() as stream:
        for number in range(5):
            queue.add(10 + 7 * number)
            async with (await take(stream, 1))[0]:
                pass
        await nothing_for(stream, 60)
        assert not queue.events


@on_virtual_clock
async def test_what_cannot_be_read_is_an_event_all_the_same():
    queue = Queue()
    queue.add(1, kind="ONSOMETHINGNEW", age=OLD)
    queue.add(2, age=OLD)
    del queue.events[2]["data"]["message"]
    async with queue.bot().events.stream() as stream:
        new, broken = await take(stream, 2)
    assert isinstance(new.event, UnknownEvent)
    assert isinstance(broken.event, UnknownEvent)
    assert (new.event.type, broken.event.type) == ("ONSOMETHINGNEW", "ONIMBOTV2MESSAGEADD")


@on_virtual_clock
async def test_outages_and_limits_are_waited_out(caplog):
    queue = Queue()
    queue.failures = [ConnectionLost("gone"), QueryLimitExceeded("slow down"), ServerError("oops")] * 3
    queue.add(1, age=OLD)
    with caplog.at_level(logging.WARNING, "bitrix_chat"):
        async with queue.bot().events.stream() as stream:
            assert ids(await take(stream, 1, within=1000)) == [1]
    assert queue.pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("error", [BotNotFound, InvalidCredentials, NotSubscribed])
@on_virtual_clock
async def test_what_waiting_does_not_help_against_is_raised(error):
    queue = Queue()
    queue.failures = [error("no")]
    async with queue.bot().events.stream() as stream:
        with pytest.raises(error):
            await anext(stream)
    assert len(queue.asked) == 1


@on_virtual_clock
async def test_a_stream_goes_on_after_an_error_that_was_helped():
    queue = Queue()
    queue.failures = [AuthError("expired")]
    queue.add(1, age=OLD)
    async with queue.bot().events.stream() as stream:
        with pytest.raises(AuthError):
            await anext(stream)
        assert ids(await take(stream, 1)) == [1]


@on_virtual_clock
async def test_events_of_the_user_come_along_if_wanted():
    queue = Queue()
    async with queue.bot().events.stream(with_user_events=True) as stream:
        await nothing_for(stream, 1)
    async with queue.bot().events.stream() as stream:
        await nothing_for(stream, 1)
    assert queue.asked[0].params["withUserEvents"] is True
    assert "withUserEvents" not in queue.asked[1].params


@on_virtual_clock
async def test_a_second_consumer_of_one_store_is_refused_and_the_first_goes_on():
    queue, store = Queue(), MemoryEventStore()
    queue.add(1, age=OLD)
    async with queue.bot().events.stream(store) as first:
        assert ids(await take(first, 1)) == [1]
        async with queue.bot().events.stream(store) as second:
            with pytest.raises(ConsumerBusy, match=f"bot/{BOT_ID}"):
                await anext(second)
        queue.add(2, age=OLD)
        assert ids(await take(first, 1)) == [2]
    async with queue.bot().events.stream(store) as third:
        assert ids(await take(third, 2)) == [1, 2]


@on_virtual_clock
async def test_waiting_for_a_delivery_may_be_cancelled_at_any_moment_and_nothing_is_lost():
    queue = Queue()
    found = []
    async with queue.bot().events.stream(busy=0.3, idle=(0.7, 1.1)) as stream:
        for number in range(1, 200):
            if number % 7 == 0:
                queue.add(number, age=OLD)
            try:
                delivery = await asyncio.wait_for(anext(stream), 0.13)
            except TimeoutError:
                continue
            found.append(delivery.event.id)
            await delivery.ack()
        found += await nothing_for(stream, 10)
    assert found == [number for number in range(1, 200) if number % 7 == 0]


@on_virtual_clock
async def test_a_closed_stream_ends_whoever_waits_and_stays_closed():
    queue = Queue()
    stream = queue.bot().events.stream()
    waiting = asyncio.create_task(anext(stream, None))
    await asyncio.sleep(1)
    await stream.aclose()
    assert await waiting is None
    assert [delivery async for delivery in stream] == []
    await stream.aclose()


@on_virtual_clock
async def test_a_portal_that_is_away_does_not_keep_a_stream_from_closing():
    queue = Queue()
    queue.add(1, age=OLD)
    stream = queue.bot().events.stream()
    async with (await take(stream, 1))[0]:
        pass
    queue.failures = [ConnectionLost("gone")]
    await stream.aclose()
    assert set(queue.events) == {1}
