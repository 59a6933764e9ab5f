"""What every event store owes to its consumers; run yours through it by adding it to `MAKERS`."""

import asyncio
import gc

import pytest

from bitrix_chat.events.errors import ConsumerBusy, InboxFull
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.events.store import EventStore
from bitrix_chat.redis.event_store import RedisEventStore

TEXTS = ["", "Über «1» & 'two' \"three\" %", "half\0way", "🙂\U0010ffff", "no UTF-8: \udcff", "\r\n\t"]


class Clock:
    def __init__(self):
        self.now = 2_000_000_000.0

    def __call__(self):
        return self.now


def _sqlite_store(request, **options):
    return SqliteEventStore(request.getfixturevalue("tmp_path") / "bot.sqlite", **options)


def _redis_store(request, **options):
    return RedisEventStore(request.getfixturevalue("redis_url"), **options)


MAKERS = {"memory": lambda _, **options: MemoryEventStore(**options), "sqlite": _sqlite_store, "redis": _redis_store}
"""Each makes an empty store, with the test's fixtures at hand; `inbox` and `clock` are options of the constructor."""


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=MAKERS)
async def store(request, clock):
    store = MAKERS[request.param](request, inbox=3, clock=clock)
    yield store
    await store.close()


async def keys(store, **options):
    return [event.key for event in await store.pending(**options)]


async def test_it_is_an_event_store(store):
    assert isinstance(store, EventStore)


async def test_a_consumer_is_taken_by_one_at_a_time(store):
    release = await store.lease("portal.example/bot/5")
    with pytest.raises(ConsumerBusy, match=r"portal\.example/bot/5"):
        await store.lease("portal.example/bot/5")
    release()
    (await store.lease("portal.example/bot/5"))()


async def test_consumers_of_other_names_are_other_consumers(store):
    releases = [await store.lease(f"portal.example/bot/{number}") for number in range(3)]
    for release in releases:
        release()


async def test_a_lease_that_is_given_back_twice_is_not_taken_from_its_next_holder(store):
    release = await store.lease("bot")
    release()
    again = await store.lease("bot")
    release()
    with pytest.raises(ConsumerBusy):
        await store.lease("bot")
    again()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_lease_that_nobody_holds_any_more_is_free(store):
    release = await store.lease("bot")
    del release
    gc.collect()
    (await store.lease("bot"))()


async def test_a_new_consumer_has_handled_nothing(store):
    assert list(await store.handled("bot")) == []


async def test_it_remembers_what_a_consumer_has_handled_and_nobody_elses(store):
    await store.mark_handled("bot", [3, 1])
    await store.mark_handled("bot", [2, 1])
    await store.mark_handled("other", [9])
    await store.mark_handled("bot", [])
    assert set(await store.handled("bot")) == {1, 2, 3}
    assert set(await store.handled("other")) == {9}


async def test_it_remembers_the_last_two_thousand_at_least_and_not_all_for_ever(store):
    for first in range(0, 20_000, 500):
        await store.mark_handled("bot", range(first, first + 500))
    await store.mark_handled("quiet", [1])
    remembered = set(await store.handled("bot"))
    assert remembered >= set(range(18_000, 20_000))
    assert len(remembered) < 12_000
    assert set(await store.handled("quiet")) == {1}


async def test_an_id_that_is_handled_again_counts_as_new(store):
    await store.mark_handled("bot", [1])
    for first in range(0, 20_000, 500):
        await store.mark_handled("bot", [1, *range(first + 10, first + 510)])
    assert 1 in await store.handled("bot")


async def test_a_posted_event_waits_until_it_is_finished(store):
    assert await store.keep("a", {"event": "ONIMBOTV2DELETE", "data": {"bot": {"id": "5"}}}, ttl=60) is True
    (event,) = await store.pending()
    assert (event.key, event.body) == ("a", {"event": "ONIMBOTV2DELETE", "data": {"bot": {"id": "5"}}})
    assert event.kept_at.timestamp() == 2_000_000_000.0
    assert event.kept_at.tzinfo is not None
    await store.finish("a")
    assert await keys(store) == []


@pytest.mark.parametrize("text", TEXTS)
async def test_it_keeps_any_text(store, text):
    await store.keep("a", {"text": text, text: [{"deep": text}]}, ttl=60)
    assert (await store.pending())[0].body == {"text": text, text: [{"deep": text}]}


async def test_what_is_kept_does_not_follow_what_becomes_of_the_body(store):
    body = {"data": {"a": "1"}}
    await store.keep("a", body, ttl=60)
    await store.bury("b", body, "")
    body["data"]["a"] = "2"
    assert (await store.pending())[0].body == {"data": {"a": "1"}}
    assert (await store.buried())[0].body == {"data": {"a": "1"}}


async def test_posted_events_wait_in_the_order_in_which_they_came(store):
    for key in "cab":
        await store.keep(key, {}, ttl=60)
    assert await keys(store) == ["c", "a", "b"]
    first, second, _ = await store.pending()
    assert [event.key for event in await store.pending(first.number, 1)] == ["a"]
    assert await keys(store, after=second.number) == ["b"]


async def test_a_repetition_is_not_kept_while_the_first_waits_nor_for_its_time_to_live(store, clock):
    await store.keep("a", {"n": "1"}, ttl=60)
    clock.now += 1000
    assert await store.keep("a", {"n": "2"}, ttl=60) is False
    assert (await store.pending())[0].body == {"n": "1"}
    await store.finish("a")
    await store.keep("b", {}, ttl=60)
    await store.finish("b")
    clock.now += 59
    assert await store.keep("b", {}, ttl=60) is False
    assert await keys(store) == []


async def test_what_was_finished_may_come_anew_after_its_time_to_live(store, clock):
    await store.keep("a", {"n": "1"}, ttl=60)
    await store.finish("a")
    clock.now += 61
    assert await store.keep("a", {"n": "2"}, ttl=60) is True
    assert (await store.pending())[0].body == {"n": "2"}


async def test_an_inbox_that_is_full_refuses_until_one_is_finished(store):
    for key in "abc":
        await store.keep(key, {}, ttl=60)
    with pytest.raises(InboxFull, match="3 posted events"):
        await store.keep("d", {}, ttl=60)
    assert await store.keep("a", {}, ttl=60) is False
    await store.finish("b")
    assert await store.keep("d", {}, ttl=60) is True
    assert await keys(store) == ["a", "c", "d"]


async def test_to_finish_what_is_not_there_changes_nothing(store):
    await store.keep("a", {}, ttl=60)
    await store.finish("b")
    assert await keys(store) == ["a"]


async def test_an_arrival_wakes_who_waits_for_one(store):
    waiting = asyncio.create_task(store.arrival(60))
    await asyncio.sleep(0)
    await store.keep("a", {}, ttl=60)
    await waiting


async def test_who_waits_for_an_arrival_waits_no_longer_than_asked(store):
    await store.arrival(0.01)


async def test_a_dead_letter_is_kept_until_it_is_exhumed(store):
    await store.bury("poll:5:1", {"type": "ONIMBOTV2JOINCHAT"}, "Traceback \udcff")
    (letter,) = await store.buried()
    assert (letter.key, letter.body) == ("poll:5:1", {"type": "ONIMBOTV2JOINCHAT"})
    assert letter.error.startswith("Traceback")
    assert letter.buried_at.timestamp() == 2_000_000_000.0
    assert await store.exhume("poll:5:1") is True
    assert await store.exhume("poll:5:1") is False
    assert list(await store.buried()) == []


async def test_a_dead_letter_replaces_that_of_the_same_key(store):
    for key, error in (("a", "first"), ("b", ""), ("a", "second")):
        await store.bury(key, {}, error)
    letters = await store.buried()
    assert [(letter.key, letter.error) for letter in letters] == [("b", ""), ("a", "second")]
    assert [letter.key for letter in await store.buried(letters[0].number)] == ["a"]
    assert [letter.key for letter in await store.buried(limit=1)] == ["b"]


@pytest.mark.parametrize("kind", MAKERS)
def test_a_store_serves_one_event_loop_after_another(request, kind):
    store = MAKERS[kind](request)
    asyncio.run(store.keep("a", {}, ttl=60))
    assert asyncio.run(keys(store)) == ["a"]
    asyncio.run(store.close())
