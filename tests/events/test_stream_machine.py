"""Random lives of a consumer beside a portal's queue: events end in any order, turn up late, processes crash.

Whatever happens, the portal is never told to forget an event that is not finished, and in the end all are; a finished
event is never handed out again.
"""

import asyncio
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bitrix_chat import ConnectionLost
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.testing import VirtualClockLoop
from tests.events.event_scenes import Queue

PLACES = st.integers(0, 50)


class Lives(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualClockLoop)
        self.queue, self.store = Queue(), MemoryEventStore()
        self.last_id = 0
        self.written, self.finished, self.hidden = set(), set(), {}
        self.queue.sees = lambda event_id: event_id not in self.hidden
        self.held = {}
        self.stream = None

    @initialize(limit=st.sampled_from([1, 3, 100]))
    def begin(self, limit):
        self.limit = limit
        self.open()

    def open(self):
        self.stream = self.queue.bot().events.stream(self.store, limit=self.limit)

    def teardown(self):
        with self.runner:
            self.hidden.clear()
            self.queue.failures.clear()
            self.runner.run(self.rest())
            assert self.finished == self.written
            self.runner.run(self.stream.aclose())
            assert not self.queue.events

    async def rest(self):
        for delivery in self.held.values():
            await delivery.ack()
            self.finished.add(delivery.event.id)
        while (delivery := await self.next(200)) is not None:
            assert delivery.event.id not in self.finished
            await delivery.ack()
            self.finished.add(delivery.event.id)
        await asyncio.sleep(10)

    async def next(self, seconds):
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await anext(self.stream)
        return None

    @rule(steps=st.lists(st.integers(1, 3), min_size=1, max_size=6), age=st.sampled_from([0.0, 0.0, 30.0]))
    def happen(self, steps, age):
        async def happen():
            for step in steps:
                self.last_id += step
                self.queue.add(self.last_id, age=age)
                self.written.add(self.last_id)

        self.runner.run(happen())

    @rule(late=st.integers(1, 3), seconds=st.floats(0.1, 4.0))
    def happen_late(self, late, seconds):
        """A lower id becomes visible within a few seconds after a higher one."""

        async def happen():
            ids = range(self.last_id + 1, self.last_id + late + 2)
            self.last_id = ids[-1]
            self.written.update(ids)
            self.queue.add(*ids)
            for event_id in ids[:-1]:
                self.hidden[event_id] = True
                asyncio.get_running_loop().call_later(seconds, self.hidden.pop, event_id, None)

        self.runner.run(happen())

    @rule(count=st.integers(1, 8), seconds=st.floats(0.1, 40.0))
    def take(self, count, seconds):
        async def take():
            for _ in range(count):
                delivery = await self.next(seconds)
                if delivery is None:
                    return
                assert delivery.event.id not in self.finished
                assert delivery.event.id not in self.held
                self.held[delivery.event.id] = delivery

        self.runner.run(take())

    @rule(place=PLACES, is_good=st.booleans())
    def settle(self, place, is_good):
        if not self.held:
            return
        event_id = sorted(self.held)[place % len(self.held)]
        delivery = self.held.pop(event_id)
        self.runner.run(delivery.ack() if is_good else delivery.nack())
        if is_good:
            self.finished.add(event_id)

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds):
        self.runner.run(asyncio.sleep(seconds))

    @rule(count=st.integers(1, 3))
    def fail(self, count):
        self.queue.failures += [ConnectionLost("gone") for _ in range(count)]

    @rule()
    def crash(self):
        self.held.clear()
        self.store._leased.clear()  # as the operating system does for a dead process
        self.open()

    @rule()
    def close(self):
        self.held.clear()
        self.runner.run(self.stream.aclose())
        self.open()

    @invariant()
    def nothing_is_lost(self):
        forgotten = self.written - set(self.queue.events)
        assert forgotten <= self.finished
        assert not self.queue.lost


def test_the_portal_is_never_told_to_forget_what_is_not_finished():
    run_state_machine_as_test(Lives, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
