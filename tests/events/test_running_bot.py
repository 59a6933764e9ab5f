"""A router at work: in order within a dialog, side by side across dialogs, and nothing lost by failures or ends."""

import asyncio
import logging
import traceback

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.errors import AccessDenied
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.errors import ConsumerBusy, EventStoreError
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.run_options import RunCounts
from bitrix_chat.events.types import JoinedChat, MessageAdded
from bitrix_chat.testing import on_virtual_clock
from tests.events.event_scenes import BOT_ID, SEND, TOKEN, Queue, now, until

OLD = 60.0


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


class Work:
    """A router whose one handler takes time, fails as told, and remembers what it did."""

    def __init__(self, seconds=1.0, fails=()):
        self.router = EventRouter()
        self.seconds = seconds
        self.fails = dict(fails)
        self.begun, self.done, self.now, self.most = [], [], 0, 0
        self.router.on(MessageAdded)(self.handle)

    async def handle(self, event: MessageAdded, delivery: Delivery) -> None:
        self.begun.append((event.id, delivery.attempt))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        if self.fails.get(event.id, 0) >= delivery.attempt:
            raise LookupError(f"no luck with {event.id}, token {TOKEN}, https://b24.example/rest/1/abcdefgh/")
        self.done.append(event.id)


class Run:
    def __init__(self, bot, router, **options):
        self.counts = RunCounts()
        self.task = asyncio.create_task(bot.run(router, counts=self.counts, **options))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.cancel()

    async def cancel(self):
        if not self.task.done():
            self.task.cancel()
        await asyncio.wait([self.task])


@on_virtual_clock
async def test_events_of_one_dialog_are_handled_in_order_and_those_of_others_side_by_side():
    queue, work = Queue(), Work()
    for dialog in range(1, 6):
        queue.add(*range(dialog * 10, dialog * 10 + 4), dialog=f"chat{dialog}", age=OLD)
    began = now()
    async with Run(queue.bot(), work.router):
        await until(lambda: len(work.done) == 20)
    assert now() - began == pytest.approx(4, abs=0.5)
    for dialog in range(1, 6):
        assert [each for each in work.done if each // 10 == dialog] == list(range(dialog * 10, dialog * 10 + 4))


@on_virtual_clock
async def test_no_more_handlers_work_at_a_time_than_asked():
    queue, work = Queue(), Work()
    for number in range(1, 31):
        queue.add(number, dialog=f"chat{number}", age=OLD)
    async with Run(queue.bot(), work.router, concurrency=4):
        await until(lambda: len(work.done) == 30)
    assert work.most == 4


@on_virtual_clock
async def test_one_slow_dialog_stops_no_other():
    queue, router, done = Queue(), EventRouter(), []

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        await asyncio.sleep(1000 if event.dialog_id == "chat1" else 0.1)
        done.append(event.id)

    queue.add(*range(1, 51), dialog="chat1", age=OLD)
    queue.add(*range(51, 301), dialog="chat2", age=OLD)
    async with Run(queue.bot(), router, drain=0):
        await asyncio.sleep(120)
    assert done == list(range(51, 301))


@on_virtual_clock
async def test_what_fails_is_tried_again_later_before_what_follows_it_in_its_dialog():
    queue, work = Queue(), Work(fails={1: 2})
    queue.add(1, 2, dialog="chat1", age=OLD)
    queue.add(3, dialog="chat2", age=OLD)
    began = now()
    async with Run(queue.bot(), work.router) as run:
        await until(lambda: len(work.done) == 3)
        assert work.begun == [(1, 1), (3, 1), (1, 2), (1, 3), (2, 1)]
        assert now() - began == pytest.approx(4 + 1 + 2, abs=0.5)
        assert (run.counts.handled, run.counts.retried, run.counts.buried) == (3, 2, 0)


@on_virtual_clock
async def test_an_event_that_waits_for_another_attempt_holds_no_slot():
    queue, work = Queue(), Work(fails={1: 5})
    queue.add(1, dialog="chat1", age=OLD)
    queue.add(*range(2, 8), dialog="chat2", age=OLD)
    async with Run(queue.bot(), work.router, concurrency=1, backoff=30):
        await asyncio.sleep(10)
        assert work.done == [2, 3, 4, 5, 6, 7]


@on_virtual_clock
async def test_what_fails_every_time_becomes_a_dead_letter_without_secrets_and_blocks_nothing(caplog):
    queue, work, store, told = Queue(), Work(fails={1: 9}), MemoryEventStore(), []

    async def hook(delivery, error):
        told.append((delivery.event.id, delivery.attempt, str(error)[:15]))

    queue.add(1, 2, age=OLD)
    with caplog.at_level(logging.INFO, "bitrix_chat"):
        async with Run(queue.bot(), work.router, store=store, attempts=2, on_dead_letter=hook) as run:
            await until(lambda: work.done == [2])
    assert not queue.events
    assert told == [(1, 2, "no luck with 1,")]
    assert (run.counts.handled, run.counts.retried, run.counts.buried) == (1, 1, 1)
    (letter,) = await store.buried()
    assert (letter.key, letter.body["type"], letter.body["id"]) == (f"poll:{BOT_ID}:1", "ONIMBOTV2MESSAGEADD", 1)
    assert letter.body["data"]["message"]["text"] == "event 1"
    assert "LookupError: no luck with 1, token ***, https://b24.example/rest/1/***/" in letter.error
    assert "in handle" in letter.error
    assert TOKEN not in caplog.text
    assert "abcdefgh" not in caplog.text


@pytest.mark.parametrize("kind", ["plain", "async"])
@on_virtual_clock
async def test_a_hook_that_fails_stops_nothing(kind):
    queue, work, told = Queue(), Work(fails={1: 9}), []

    def plain(delivery, error):
        told.append(delivery.event.id)
        raise RuntimeError("of the hook")

    async def asynchronous(delivery, error):
        plain(delivery, error)

    queue.add(1, 2, age=OLD)
    hook = plain if kind == "plain" else asynchronous
    async with Run(queue.bot(), work.router, attempts=1, on_dead_letter=hook):
        await until(lambda: work.done == [2])
    assert told == [1]


@on_virtual_clock
async def test_a_handler_that_was_cancelled_from_within_has_failed_and_nothing_else():
    queue, router, attempts = Queue(), EventRouter(), []

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        attempts.append(event.id)
        if attempts.count(event.id) == 1:
            raise asyncio.CancelledError

    queue.add(1, 2, age=OLD)
    async with Run(queue.bot(), router) as run:
        await until(lambda: run.counts.handled == 2)
    assert attempts == [1, 1, 2, 2]


@on_virtual_clock
async def test_what_nobody_handles_is_acknowledged_and_counted_and_logged_once_if_it_is_unknown(caplog):
    queue = Queue()
    queue.add(1, 2, age=OLD)
    queue.add(3, 4, kind="ONSOMETHINGNEW", age=OLD)
    with caplog.at_level(logging.INFO, "bitrix_chat"):
        async with Run(queue.bot(), EventRouter()) as run:
            await until(lambda: sum(run.counts.unmatched.values()) == 4)
    assert run.counts.unmatched == {"ONIMBOTV2MESSAGEADD": 2, "ONSOMETHINGNEW": 2}
    assert not queue.events
    assert caplog.text.count("ONSOMETHINGNEW") == 1


@on_virtual_clock
async def test_a_predicate_that_raises_counts_as_a_failure():
    queue, router, store = Queue(), EventRouter(), MemoryEventStore()

    @router.on(MessageAdded, lambda event: event.no_such_thing)
    async def handle(event: MessageAdded) -> None:
        raise AssertionError

    queue.add(1, age=OLD)
    async with Run(queue.bot(), router, store=store) as run:
        await until(lambda: run.counts.buried)
    assert "no_such_thing" in (await store.buried())[0].error


@on_virtual_clock
async def test_a_handler_that_settles_its_delivery_has_the_last_word():
    queue, router, tries = Queue(), EventRouter(), []

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, delivery: Delivery) -> None:
        tries.append((event.id, delivery.attempt))
        if event.id == 1:
            await delivery.ack()
            raise RuntimeError("afterwards")
        if delivery.attempt == 1:
            await delivery.nack()

    queue.add(1, 2, age=OLD)
    async with Run(queue.bot(), router) as run:
        await until(lambda: len(tries) == 3)
        await asyncio.sleep(60)
    assert tries == [(1, 1), (2, 1), (2, 2)]
    assert run.counts.buried == 0


@on_virtual_clock
async def test_a_cancelled_run_waits_for_handlers_and_acknowledges_what_they_finished():
    queue, work = Queue(), Work(seconds=10)
    queue.add(1, 2, dialog="chat1", age=OLD)
    queue.add(3, dialog="chat2", age=OLD)
    run = Run(queue.bot(), work.router)
    await until(lambda: work.now == 2)
    await asyncio.sleep(3)
    began = now()
    await run.cancel()
    assert run.task.cancelled()
    assert sorted(work.done) == [1, 3]
    assert now() - began == pytest.approx(7, abs=0.5)
    assert set(queue.events) == {2, 3}  # 2 is unfinished, 3 is told by its id
    assert queue.asked[-1].offset == 2
    assert not others()


@on_virtual_clock
async def test_handlers_that_take_longer_than_the_drain_are_stopped_and_their_events_come_again():
    queue, work, store = Queue(), Work(seconds=100), MemoryEventStore()
    queue.add(1, age=OLD)
    run = Run(queue.bot(), work.router, store=store, drain=5)
    await until(lambda: work.now)
    began = now()
    await run.cancel()
    assert (now() - began, work.done) == (5, [])
    work.seconds = 1
    async with Run(queue.bot(), work.router, store=store):
        await until(lambda: work.done == [1])
    assert not others()


@on_virtual_clock
async def test_a_second_cancellation_waits_for_no_handler():
    queue, work = Queue(), Work(seconds=100)
    queue.add(1, age=OLD)
    run = Run(queue.bot(), work.router)
    await until(lambda: work.now)
    run.task.cancel()
    await asyncio.sleep(1)
    assert not run.task.done()
    began = now()
    await run.cancel()
    assert now() - began < 0.1
    assert not others()


@on_virtual_clock
async def test_an_event_that_waits_for_another_attempt_does_not_hold_up_the_end():
    queue, work = Queue(), Work(fails={1: 9})
    queue.add(1, age=OLD)
    run = Run(queue.bot(), work.router, backoff=60)
    await asyncio.sleep(5)
    began = now()
    await run.cancel()
    assert now() - began < 0.1
    assert set(queue.events) == {1}


@on_virtual_clock
async def test_a_handler_that_refuses_to_end_is_left_behind_after_a_while(caplog):
    queue, router, stubborn = Queue(), EventRouter(), asyncio.Event()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue

    queue.add(1, age=OLD)
    run = Run(queue.bot(), router, drain=1)
    await asyncio.sleep(5)
    began = now()
    await run.cancel()
    assert now() - began < 10
    stubborn.set()
    await until(lambda: not others())


@on_virtual_clock
async def test_another_run_handles_only_what_was_not_finished():
    queue, work, store = Queue(), Work(), MemoryEventStore()
    for number in range(1, 21):
        queue.add(number, dialog=f"chat{number % 5}", age=OLD)
    for _ in range(30):
        async with Run(queue.bot(), work.router, store=store, drain=0, concurrency=2):
            await asyncio.sleep(1.5)
    assert sorted(work.done) == list(range(1, 21))


@on_virtual_clock
async def test_a_second_run_is_refused_and_the_first_goes_on():
    queue, work, store = Queue(), Work(), MemoryEventStore()
    async with Run(queue.bot(), work.router, store=store):
        await asyncio.sleep(1)
        with pytest.raises(ConsumerBusy):
            await queue.bot().run(work.router, store=store)
        queue.add(1, age=OLD)
        await until(lambda: work.done == [1])


@on_virtual_clock
async def test_a_refusal_of_the_portal_ends_the_run_after_the_handlers():
    queue, work = Queue(), Work(seconds=20)
    queue.add(1, age=OLD)
    queue.failures = [None, AccessDenied("not any more")]
    with pytest.raises(AccessDenied):
        await queue.bot().run(work.router)
    assert work.done == [1]
    assert not queue.events


@on_virtual_clock
async def test_a_store_that_fails_ends_the_run_and_the_event_comes_again():
    class Broken(MemoryEventStore):
        async def mark_handled(self, consumer, event_ids):
            raise EventStoreError("the disk is full")

    queue, work = Queue(), Work()
    queue.add(1, 2, age=OLD)
    with pytest.raises(EventStoreError, match="disk is full"):
        await queue.bot().run(work.router, store=Broken())
    assert set(queue.events) == {1, 2}
    assert not others()


@on_virtual_clock
async def test_chats_that_the_bot_came_into_by_its_own_deed_are_told_before_any_handler():
    queue, router, log = Queue(), EventRouter(), []

    @router.on(JoinedChat)
    async def handle(event: JoinedChat) -> None:
        log.append(("handler", event.id))

    async def joined(event):
        await asyncio.sleep(5)
        log.append(("hook", event.id))

    queue.add(1, 2, kind=JoinedChat.TYPE, age=OLD)
    queue.events[1]["data"]["user"]["id"] = BOT_ID
    async with Run(queue.bot(), router, on_joined=joined):
        await until(lambda: len(log) == 3)
    assert log == [("hook", 1), ("handler", 1), ("handler", 2)]


@on_virtual_clock
async def test_events_are_answered_by_the_bot_in_their_chat():
    queue, router = Queue(), EventRouter()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        await event.answer(f"You said: {event.message.text}")

    queue.add(1, age=OLD)
    async with Run(queue.bot(), router) as run:
        await until(lambda: run.counts.handled)
    (request,) = queue.sent
    assert (request.method, request.params["dialogId"], request.params["botId"]) == (SEND, "chat5", BOT_ID)


@on_virtual_clock
async def test_a_run_without_an_end_does_not_grow():
    queue, work = Queue(), Work(seconds=0.001)
    task = Run(queue.bot(), work.router)
    for first in range(1, 5001, 500):
        queue.add(*range(first, first + 500), dialog=f"chat{first}", age=OLD)
        await until(lambda first=first: len(work.done) == first + 499, 1)
    assert len(others()) < 5
    await task.cancel()


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": True},
        {"attempts": 0},
        {"attempts": 1.5},
        {"drain": -1},
        {"drain": float("nan")},
        {"backoff": "1"},
        {"source": []},
        {"source": 7},
        {"source": "inbox"},
        {"store": 7},
    ],
    ids=str,
)
async def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(InvalidParameter):
        await Queue().bot().run(EventRouter(), **options)


async def test_a_router_is_needed():
    with pytest.raises(InvalidParameter, match="EventRouter"):
        await Queue().bot().run(lambda _: None)


@on_virtual_clock
async def test_an_error_says_where_the_handler_failed():
    queue, router, errors = Queue(), EventRouter(), []

    @router.on(MessageAdded)
    async def handle(event: MessageAdded) -> None:
        raise LookupError

    queue.add(1, age=OLD)
    async with Run(queue.bot(), router, attempts=1, on_dead_letter=lambda _, error: errors.append(error)):
        await until(lambda: errors)
    assert any(frame.name == "handle" for frame in traceback.extract_tb(errors[0].__traceback__))
