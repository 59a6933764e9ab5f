"""The journal in Redis: who lost it writes nothing, what is asked twice is done once, and the server may restart."""

import asyncio
import gc
import itertools
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import redis

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.bulk.results import BulkState
from bitrix_chat.bulk.shared_journal import Overtaken
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis import group_commit, journal_rows, journal_store
from bitrix_chat.redis.errors import LeaseLost, RedisAway, RedisNotDurable
from bitrix_chat.redis.journal import RedisJournal
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.redis.shared_journal import SharedRedisJournal
from tests import redis_server

RUN = Run(method="im.chat.add", portal="portal.example")
MOMENT = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
async def server(redis_url):
    server = RedisServer(redis_url)
    yield server
    await server.close()


@pytest.fixture
async def journal(server):
    journal = RedisJournal(server, "run")
    await journal.begin(RUN)
    yield journal
    await journal.close()


def intents(count, spec='{"title":"Room"}'):
    return [Intent(number=number, key=f"k{number}", spec=spec) for number in range(count)]


async def attempts(journal):
    return [(intent.state.value, intent.attempts) for intent in await journal.read()]


async def test_who_lost_the_journal_to_another_writes_nothing(server, journal):
    await journal.add(intents(1))
    await server.redis.delete(server.key("journal:run", "lease"))
    heir = RedisJournal(server, "run")
    await heir.begin(RUN)
    for write in (
        journal.departing([0], MOMENT, 1.0),
        journal.finish([Ending(number=0, state=IntentState.FAILED)]),
        journal.add(intents(2)),
        journal.note(is_complete=True),
    ):
        with pytest.raises(JournalInUse, match="not renewed in time"):
            await write
    assert await attempts(heir) == [("pending", 0)]
    await journal.close()
    await heir.departing([0], MOMENT, 1.0)
    await heir.close()


async def test_who_was_cut_off_for_longer_than_the_lease_knows_it_without_asking(own_redis):
    server = RedisServer(own_redis.url, patience=0.1)
    journal = RedisJournal(server, "run", lease=0.5)
    await journal.begin(RUN)
    own_redis.freeze()
    await asyncio.sleep(0.55)
    with pytest.raises(JournalInUse) as raised:
        await journal.departing([0], MOMENT, 1.0)
    assert isinstance(raised.value.__cause__, LeaseLost)
    own_redis.thaw()
    await journal.close()
    await server.close()


async def test_the_journal_of_one_that_died_is_free_when_its_lease_ends(server):
    dead = RedisJournal(server, "run", lease=0.5)
    await dead.begin(RUN)
    await dead.add(intents(1))
    del dead
    gc.collect()
    heir = RedisJournal(server, "run")
    with pytest.raises(JournalInUse, match="died a moment ago"):
        await heir.begin(RUN)
    await asyncio.sleep(0.55)
    await heir.begin(RUN)
    assert await heir.count() == 1
    await heir.close()


async def test_a_beginning_that_is_cancelled_keeps_nobody_out(server):
    for turns in (0, 1, 3, 6, 10, 15, 20):
        early = RedisJournal(server, "run")
        beginning = asyncio.create_task(early.begin(RUN))
        for _ in range(turns):
            await asyncio.sleep(0)
        if beginning.done():
            await early.close()
        elif beginning.cancel():
            with pytest.raises(asyncio.CancelledError):
                await beginning
        async with asyncio.timeout(5):
            await begun_in_the_end(RedisJournal(server, "run"))


async def begun_in_the_end(journal):
    """Begin and close, as soon as what another has is given back."""
    while True:
        with suppress(JournalInUse):
            await journal.begin(RUN)
            await journal.close()
            return
        await asyncio.sleep(0.005)


async def test_a_journal_does_not_begin_twice(journal):
    with pytest.raises(JournalInUse, match="has it already"):
        await journal.begin(RUN)
    await journal.add(intents(1))


async def test_a_server_that_would_forget_is_refused(tmp_path):
    with redis_server.running(tmp_path, "--appendonly", "no") as local:
        for begin in (RedisJournal(local.url, "run").begin, SharedRedisJournal(local.url, "run").join):
            with pytest.raises(JournalError, match="set `appendonly yes`") as raised:
                await begin(RUN)
            assert isinstance(raised.value.__cause__, RedisNotDurable)


async def test_a_server_that_is_away_is_told_without_its_password():
    async with RedisJournal("redis://me:canary-password@127.0.0.1:1/0", "run") as journal:
        with pytest.raises(JournalError) as raised:
            await journal.begin(RUN)
        assert isinstance(raised.value.__cause__, RedisAway)
        assert "canary" not in f"{raised.value} {journal!r}"


async def test_a_key_that_is_something_else_is_told_at_once(server, journal):
    await server.redis.set(server.key("journal:run", "records"), "a text")
    with pytest.raises(JournalError):
        async with asyncio.timeout(5):
            await journal.add(intents(1))


async def test_a_journal_of_a_later_release_is_left_as_it_is(server, journal):
    await journal.close()
    await server.redis.hset(server.key("journal:run", "run"), "version", "2")
    for begin in (RedisJournal(server, "run").begin, SharedRedisJournal(server, "run").join):
        with pytest.raises(JournalError, match="later release"):
            await begin(RUN)
    assert await server.redis.get(server.key("journal:run", "lease")) is None


@pytest.mark.parametrize("name", ["", None])
def test_a_journal_needs_a_name(name):
    for kind in (RedisJournal, SharedRedisJournal):
        with pytest.raises(InvalidParameter, match="name"):
            kind("redis://redis.example", name)


async def test_journals_of_other_names_are_other_journals(server):
    journals = [SharedRedisJournal(server, name) for name in ("a", "a ", "{a}", "Журнал", "x" * 300)]
    for number, journal in enumerate(journals):
        await journal.join(RUN)
        await journal.add(intents(number))
    assert [len(await journal.read()) for journal in journals] == [0, 1, 2, 3, 4]


async def test_who_only_reads_sees_what_another_writes_and_writes_nothing(server, journal):
    reader = RedisJournal.reading(server, "run")
    await journal.add(intents(2))
    assert await reader.begin(RUN) == await reader.run() == RUN
    assert ([intent.number for intent in await reader.read()], await reader.count()) == ([0, 1], 2)
    assert (await reader.tally())[IntentState.PENDING] == 2
    with pytest.raises(JournalError, match="reading only"):
        await reader.departing([0], MOMENT, 1.0)
    await reader.close()
    await journal.departing([0], MOMENT, 1.0)


async def test_there_is_nothing_to_read_where_there_is_no_journal(server):
    with pytest.raises(JournalError, match="is not there"):
        await RedisJournal.reading(server, "run").begin(RUN)
    assert await server.redis.keys() == []


async def test_thousands_of_intents_are_added_at_once_or_not_at_all(server, journal):
    many = intents(4_000)
    with pytest.raises(KeyReused, match="k7"):
        await journal.add([*many, Intent(number=0, key="k7", spec="[]")])
    assert await journal.count() == 0
    assert list(await journal.add(many)) == many
    assert list(await journal.add(many)) == many
    pages, after = [], -1
    while page := await journal.read(after, 1500):
        pages += page
        after = page[-1].number
    assert pages == many
    assert (await journal.tally())[IntentState.PENDING] == 4_000
    assert not [key for key in await server.redis.keys("*:run:*") if "lease" not in key]


async def test_large_specs_come_and_go_in_pieces(server, journal):
    large = [Intent(number=number, spec=f"{number}" + "ü" * 1_000_000) for number in range(12)]
    assert list(await journal.add(large)) == large
    assert list(await journal.read()) == large
    assert await RedisJournal.reading(server, "run").count() == 12


async def test_a_text_that_no_encoding_takes_fails_alone(journal):
    outcomes = await asyncio.gather(
        journal.add([Intent(number=0, spec="\udcff")]),
        journal.add([Intent(number=1, spec="{}")]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], UnicodeError)
    assert [intent.number for intent in await journal.read()] == [1]


async def test_what_is_cancelled_is_committed_since_it_has_happened(journal):
    await journal.add(intents(1))
    departing = asyncio.create_task(journal.departing([0], MOMENT, 1.0))
    await asyncio.sleep(0)
    departing.cancel()
    assert await attempts(journal) == [("sent", 1)]


async def test_a_part_that_was_cancelled_knows_what_it_has_committed(server):
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(1))
    part = shared.part(["k0"])
    await part.begin(RUN)
    await part.read()
    departing = asyncio.create_task(part.departing([0], MOMENT, 1.0))
    await asyncio.sleep(0)
    departing.cancel()
    await asyncio.wait([departing])
    await part.finish([Ending(number=0, state=IntentState.UNKNOWN, error="{}")])
    assert await attempts(shared) == [("unknown", 1)]


@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "shared"])
async def test_what_is_asked_again_since_the_answer_was_lost_is_done_once(own_redis, is_shared):
    # Each try ends before the frozen server answers; thawed, it does all of them.
    server = RedisServer(own_redis.url, patience=0.1)
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(3))
    journal = shared.part(["k0", "k1", "k2"]) if is_shared else RedisJournal(server, "run")
    await journal.begin(RUN)
    await journal.read()
    own_redis.freeze()
    asking = asyncio.gather(
        journal.departing([0, 1], MOMENT, 1.0),
        journal.departing([2], MOMENT, 1.0),
    )
    await asyncio.sleep(0.4)
    own_redis.thaw()
    await asking
    await journal.finish([Ending(number=0, state=IntentState.DONE, chat_id=5)])
    assert await attempts(shared) == [("done", 1), ("sent", 1), ("sent", 1)]
    assert {state: n for state, n in (await shared.tally()).items() if n} == {IntentState.DONE: 1, IntentState.SENT: 2}
    await journal.close()
    await server.close()


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
async def one_intent(request, server):
    """A journal with one intent, read, whole or as a part; and the whole."""
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(1))
    journal = shared.part(["k0"]) if request.param else RedisJournal(server, "run")
    await journal.begin(RUN)
    await journal.read()
    yield journal, shared
    await journal.close()


async def test_what_took_long_to_write_down_left_when_it_was_written(one_intent, monkeypatch):
    journal, shared = one_intent
    clock = iter([100, 115, 115, 117, 117, 117.5])
    monkeypatch.setattr(journal_store, "elapsed", clock.__next__)
    await journal.departing([0], MOMENT, 1.0)
    (kept,) = await shared.read()
    assert (kept.state, kept.attempts, kept.sent_at) == (IntentState.SENT, 1, MOMENT + timedelta(seconds=17))
    assert (await shared.run()).sent_at == kept.sent_at
    assert kept.uptime > 1.0
    assert (await shared.tally())[IntentState.SENT] == 1
    await journal.finish([Ending(number=0, state=IntentState.DONE, chat_id=5)])


async def test_nothing_leaves_while_it_always_takes_long_to_write_it_down(one_intent, monkeypatch):
    monkeypatch.setattr(journal_store, "elapsed", itertools.count(0, 2).__next__)
    with pytest.raises(JournalError, match="too slow"):
        await one_intent[0].departing([0], MOMENT, 1.0)


async def test_what_another_ended_while_it_was_written_down_for_long_does_not_leave(server, redis_url, monkeypatch):
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(1))
    part = shared.part(["k0"])
    await part.begin(RUN)
    await part.read()
    clock = iter([0, 300, 300, 300])

    def told():
        seconds = next(clock)
        if seconds:
            with redis.Redis.from_url(redis_url, decode_responses=True) as client:
                head = client.hget(server.key("journal:run", "heads"), "0")
                client.hset(server.key("journal:run", "heads"), "0", head.replace("sent ", "done "))
        return seconds

    monkeypatch.setattr(journal_store, "elapsed", told)
    with pytest.raises(Overtaken):
        await part.departing([0], MOMENT, 1.0)
    assert await attempts(shared) == [("done", 1)]


async def test_fifty_parts_that_leave_together_are_written_together(server, monkeypatch):
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(50))
    parts = [shared.part([f"k{number}"]) for number in range(50)]
    for part in parts:
        await part.begin(RUN)
    await asyncio.gather(*(part.read() for part in parts))
    sent, together = group_commit.run_all, []

    async def counting(server, commands, *, on_disk):
        together.append(len(commands))
        return await sent(server, commands, on_disk=on_disk)

    monkeypatch.setattr(group_commit, "run_all", counting)
    await asyncio.gather(*(part.departing([number], MOMENT, 1.0) for number, part in enumerate(parts)))
    assert together == [50]
    assert await attempts(shared) == [("sent", 1)] * 50


async def test_nothing_is_left_of_a_journal_that_is_deleted(server, journal):
    await journal.add(intents(3_000))
    with pytest.raises(JournalError, match="neither done nor failed"):
        await journal.delete()
    assert await journal.count() == 3_000
    await journal.delete(even_open=True)
    assert await server.redis.keys() == []
    assert await journal.begin(RUN) == RUN
    assert await journal.count() == 0


@pytest.mark.parametrize("state", IntentState)
async def test_a_shared_journal_is_deleted_once_nothing_in_it_is_open(server, state):
    shared = SharedRedisJournal(server, "run")
    await shared.delete()
    await shared.join(RUN)
    await shared.add([Intent(number=0, key="k0", spec="{}", state=state)])
    if state not in {IntentState.DONE, IntentState.FAILED}:
        with pytest.raises(JournalError, match="neither done nor failed"):
            await shared.delete()
        assert (await shared.tally())[state] == 1
    await shared.delete(even_open=state not in {IntentState.DONE, IntentState.FAILED})
    assert (await shared.run(), await server.redis.keys()) == (None, [])


async def test_a_journal_that_a_process_has_for_itself_is_deleted_by_nobody_else(server, journal):
    for other in (SharedRedisJournal(server, "run"), RedisJournal(server, "run")):
        with pytest.raises(JournalInUse):
            await other.delete(even_open=True)
    with pytest.raises(JournalError, match="reading only"):
        await RedisJournal.reading(server, "run").delete()
    await server.redis.set(server.key("journal:run", "lease"), "another")
    with pytest.raises(JournalInUse):
        await journal.delete()
    assert await journal.run() == RUN
    await server.redis.delete(server.key("journal:run", "lease"))
    await RedisJournal(server, "run").delete()
    with pytest.raises(JournalError, match="is not there"):
        await journal.run()


async def test_a_journal_of_a_later_release_is_not_deleted(server, journal):
    await server.redis.hset(server.key("journal:run", "run"), "version", "2")
    with pytest.raises(JournalError, match="later"):
        await journal.delete(even_open=True)
    assert await server.redis.exists(server.key("journal:run", "run"))


async def test_who_read_a_journal_that_was_deleted_is_no_worker_of_the_next_of_its_name(server):
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add(intents(1))
    part = shared.part(["k0"])
    await part.begin(RUN)
    await part.read()
    await shared.delete(even_open=True)
    with pytest.raises(JournalError, match="is not there"):
        await part.departing([0], MOMENT, 1.0)
    await shared.join(RUN)
    await shared.add([Intent(number=0, key="another", spec="{}")])
    with pytest.raises(Overtaken):
        await part.departing([0], MOMENT, 1.0)
    assert await attempts(shared) == [("pending", 0)]


async def test_a_server_that_restarts_is_waited_for_and_has_what_it_acknowledged(own_redis):
    async with RedisJournal(own_redis.url, "run") as journal:
        await journal.begin(RUN)
        await journal.add(intents(3))
        await journal.departing([0], MOMENT, 1.0)
        own_redis.stop()
        departing = asyncio.create_task(journal.departing([1], MOMENT, 1.0))
        await asyncio.sleep(0.1)
        own_redis.start()
        await departing
        assert await attempts(journal) == [("sent", 1), ("sent", 1), ("pending", 0)]


async def test_an_uptime_of_another_machine_becomes_one_of_ours(server, monkeypatch):
    shared = SharedRedisJournal(server, "run")
    await shared.join(RUN)
    await shared.add([*intents(1), Intent(number=1, spec="{}", sent_at=MOMENT, uptime=7.0)])
    part = shared.part(["k0"])
    await part.begin(RUN)
    await part.read()
    await part.departing([0], MOMENT, 7.0)
    monkeypatch.setattr(journal_rows, "machine", lambda: "another")
    departed, told = await shared.read()
    assert 0 <= time.monotonic() - departed.uptime < 60
    assert told.uptime is None
    assert journal_store.machine() != "another"


async def test_chats_are_created_once_although_the_server_restarts_meanwhile(b24, own_redis, portal):
    specs = [{"title": f"Room {number}", "key": f"deal-{number}"} for number in range(120)]
    async with RedisJournal(own_redis.url, "run") as journal:
        job = b24.im.chat.bulk(specs, journal=journal)
        seen = 0
        async for result in job:
            assert result.state is BulkState.DONE
            seen += 1
            if seen == 20:
                own_redis.stop()
                own_redis.start()
    assert (seen, len(portal.chats)) == (120, 120)
    async with RedisJournal.reading(own_redis.url, "run") as reader:
        assert (await reader.tally())[IntentState.DONE] == 120
        again = await b24.im.chat.bulk(specs, journal=RedisJournal(own_redis.url, "run")).run()
    assert (len(again.skipped), len(portal.chats)) == (120, 120)
