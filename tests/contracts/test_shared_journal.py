"""What every shared journal owes to its workers; run yours through it by adding it to `MAKERS`."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Journal, Run
from bitrix_chat.bulk.shared_journal import Overtaken, SharedJournal
from bitrix_chat.redis.journal import RedisJournal
from bitrix_chat.redis.shared_journal import SharedRedisJournal

RUN = Run(method="im.chat.add", portal="portal.example")
MOMENT = datetime(2031, 5, 6, 7, 8, 9, 12, UTC)
LATER = MOMENT + timedelta(minutes=5)


def _redis_journals(request):
    url = request.getfixturevalue("redis_url")
    return lambda: SharedRedisJournal(url, "run"), lambda: RedisJournal(url, "run")


MAKERS = {"redis": _redis_journals}
"""Each gives, for an empty place, what opens the journal there for many, and for one alone."""


@pytest.fixture(params=MAKERS)
def makers(request):
    return MAKERS[request.param](request)


@pytest.fixture
async def make(makers):
    """Open the journal as one machine more; all are closed at the end."""
    opened = []

    def one():
        opened.append(makers[0]())
        return opened[-1]

    yield one
    for journal in opened:
        await journal.close()


@pytest.fixture
async def shared(make):
    """The journal, with four intents in it."""
    shared = make()
    await shared.join(RUN)
    await shared.add(intents("a", "b", "c", "d"))
    return shared


def intents(*keys, spec="{}"):
    return [Intent(number=number, key=key, spec=spec) for number, key in enumerate(keys)]


async def begun(shared, *keys):
    """A part that has read its intents."""
    part = shared.part(keys)
    await part.begin(RUN)
    await part.read()
    return part


async def states(shared):
    return {intent.key: intent.state for intent in await shared.read()}


def done(number, chat_id=7):
    return [Ending(number=number, state=IntentState.DONE, chat_id=chat_id)]


def test_it_is_a_shared_journal_and_its_parts_are_journals(make):
    shared = make()
    assert isinstance(shared, SharedJournal)
    assert isinstance(shared.part(["a"]), Journal)


async def test_all_who_join_have_the_run_of_the_first(make):
    ours, theirs = make(), make()
    assert await ours.run() is None
    assert await ours.join(RUN) == RUN
    assert await theirs.join(evolve(RUN, method="imbot.v2.Chat.add", bot_id="17")) == RUN
    await theirs.note(is_complete=True)
    assert await ours.run() == evolve(RUN, is_complete=True)


async def test_nothing_is_added_to_a_journal_that_is_not_there_and_no_part_of_it_begins(make):
    shared = make()
    with pytest.raises(JournalError):
        await shared.add(intents("a"))
    with pytest.raises(JournalError):
        await shared.part(["a"]).begin(RUN)


async def test_many_add_at_a_time_and_each_key_is_there_once(make):
    journals = [make() for _ in range(4)]
    await asyncio.gather(*(journal.join(RUN) for journal in journals))
    keys = [str(number) for number in range(100)]
    kept = await asyncio.gather(*(journal.add(intents(*keys[n * 10 :])) for n, journal in enumerate(journals)))
    stored = await journals[0].read()
    assert [intent.number for intent in stored] == list(range(100))
    assert {intent.key for intent in stored} == set(keys)
    numbers = {intent.key: intent.number for intent in stored}
    assert all(numbers[intent.key] == intent.number for each in kept for intent in each)


async def test_a_key_with_another_spec_is_refused(shared, make):
    with pytest.raises(KeyReused):
        await make().add([*intents("e"), *intents("a", spec="[1]")])
    assert list(await states(shared)) == ["a", "b", "c", "d"]


async def test_a_part_is_about_its_own_intents_under_their_own_numbers(shared):
    part = await begun(shared, "d", "b", "not there", "b")
    assert [(intent.number, intent.key) for intent in await part.read()] == [(1, "b"), (3, "d")]
    assert [intent.key for intent in await part.read(limit=1)] == ["b"]
    assert [intent.key for intent in await part.read(after=1)] == ["d"]
    assert await part.count() == 2


async def test_a_part_of_many_intents_is_read_in_pages(shared):
    keys = [str(number) for number in range(1200)]
    await shared.add(intents(*keys))
    part = await begun(shared, *keys)
    page = await part.read(after=1000, limit=1000)
    assert [intent.number for intent in page] == list(range(1001, 1204))


async def test_a_part_without_keys_is_about_nothing(shared):
    part = await begun(shared)
    assert (list(await part.read()), await part.count()) == ([], 0)


async def test_what_is_added_while_others_work_is_there_for_parts_that_were_made_before(shared, make):
    part = make().part(["late"])
    await part.begin(RUN)
    assert list(await part.read()) == []
    (kept,) = await shared.add(intents("late"))
    assert list(await part.read()) == [kept]
    await part.departing([kept.number], MOMENT, 1.0)


async def test_of_two_workers_with_one_intent_one_has_it_leave(shared, make):
    ours, theirs = await begun(shared, "a"), await begun(make(), "a")
    await ours.departing([0], MOMENT, 1.0)
    with pytest.raises(Overtaken):
        await theirs.departing([0], LATER, 2.0)
    (kept,) = await theirs.read()
    assert (kept.state, kept.attempts, kept.sent_at) == (IntentState.SENT, 1, MOMENT)


async def test_of_many_that_begin_together_one_has_it_leave(make, shared):
    parts = [await begun(make(), "a") for _ in range(8)]
    outcomes = await asyncio.gather(*(part.departing([0], MOMENT, 1.0) for part in parts), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Overtaken] * 7


async def test_with_an_intent_that_another_has_sent_none_leaves(shared, make):
    ours, theirs = await begun(shared, "a"), await begun(make(), "a", "b")
    await ours.departing([0], MOMENT, 1.0)
    with pytest.raises(Overtaken):
        await theirs.departing([0, 1], LATER, 2.0)
    assert await states(shared) == dict.fromkeys("bcd", IntentState.PENDING) | {"a": IntentState.SENT}


async def test_who_has_read_that_another_sent_it_may_send_it_again(shared, make):
    dead, heir = await begun(shared, "a"), make().part(["a"])
    await dead.departing([0], MOMENT, 1.0)
    await heir.begin(RUN)
    await heir.read()
    await heir.departing([0], LATER, 2.0)
    await heir.finish(done(0))
    (kept,) = await heir.read()
    assert (kept.state, kept.attempts, kept.chat_id) == (IntentState.DONE, 2, 7)


async def test_what_one_has_sent_twice_is_still_his(shared, make):
    ours, theirs = await begun(shared, "a"), await begun(make(), "a")
    await ours.departing([0], MOMENT, 1.0)
    await ours.departing([0], LATER, 2.0)
    await ours.finish(done(0))
    (kept,) = await theirs.read()
    assert (kept.state, kept.attempts, kept.sent_at) == (IntentState.DONE, 2, LATER)


async def test_what_is_done_leaves_no_more(shared, make):
    ours, theirs = await begun(shared, "a"), make().part(["a"])
    await ours.departing([0], MOMENT, 1.0)
    await ours.finish(done(0))
    await theirs.begin(RUN)
    await theirs.read()
    for part in (ours, theirs):
        with pytest.raises(JournalError):
            await part.departing([0], LATER, 2.0)


async def test_what_was_not_read_or_is_another_part_s_does_not_leave(shared):
    unread = shared.part(["a"])
    await unread.begin(RUN)
    for part, number in ((unread, 0), (await begun(shared, "a"), 1)):
        with pytest.raises(JournalError):
            await part.departing([number], MOMENT, 1.0)
        with pytest.raises(JournalError):
            await part.finish(done(number))
    assert set((await states(shared)).values()) == {IntentState.PENDING}


async def test_an_end_is_written_by_who_sent_last(shared, make):
    first, second = await begun(shared, "a"), make().part(["a"])
    await first.departing([0], MOMENT, 1.0)
    await second.begin(RUN)
    await second.read()
    await second.departing([0], LATER, 2.0)
    with pytest.raises(Overtaken):
        await first.finish([Ending(number=0, state=IntentState.PENDING)])
    with pytest.raises(Overtaken):
        await first.finish(done(0, 6))
    await second.finish(done(0, 7))
    assert [intent.chat_id for intent in await second.read()] == [7]


async def test_who_found_out_what_another_had_sent_writes_its_end(shared, make):
    dead, heir = await begun(shared, "a"), make().part(["a"])
    await dead.departing([0], MOMENT, 1.0)
    await heir.begin(RUN)
    await heir.read()
    await heir.finish(done(0))
    assert (await states(shared))["a"] is IntentState.DONE


async def test_an_end_that_another_has_written_is_not_taken_back(shared, make):
    ours, theirs = await begun(shared, "a"), make().part(["a"])
    await ours.departing([0], MOMENT, 1.0)
    await theirs.begin(RUN)
    await theirs.read()
    await ours.finish(done(0))
    with pytest.raises(Overtaken):
        await theirs.finish([Ending(number=0, state=IntentState.UNKNOWN, error="{}")])
    assert (await states(shared))["a"] is IntentState.DONE


async def test_what_nobody_sent_is_ended_by_whoever_reads_it_first(shared, make):
    ours, theirs = await begun(shared, "a"), await begun(make(), "a")
    await ours.finish([Ending(number=0, state=IntentState.FAILED, error='{"code":"X"}')])
    with pytest.raises(Overtaken):
        await theirs.departing([0], MOMENT, 1.0)
    (kept,) = await theirs.read()
    assert (kept.state, kept.error) == (IntentState.FAILED, '{"code":"X"}')


async def test_what_surely_did_not_run_may_leave_again(shared):
    part = await begun(shared, "a")
    await part.departing([0], MOMENT, 1.0)
    await part.finish([Ending(number=0, state=IntentState.PENDING)])
    await part.departing([0], LATER, 2.0)
    assert (await states(shared))["a"] is IntentState.SENT


async def test_a_part_knows_when_its_own_intents_last_left_and_nobody_elses(shared, make):
    ours = await begun(shared, "a", "b")
    await ours.departing([0, 1], MOMENT, 1.0)
    await ours.departing([1], LATER, 2.0)
    sent = {keys: (await make().part(keys).begin(RUN)).sent_at for keys in ("a", "ab", "c", "")}
    assert sent == {"a": MOMENT, "ab": LATER, "c": None, "": None}


async def test_a_part_takes_nothing_in_and_does_not_say_that_the_input_is_complete(shared):
    part = await begun(shared, "a")
    with pytest.raises(JournalError):
        await part.add(intents("e"))
    await part.note(is_complete=True, keeps_entities=True)
    assert await shared.run() == evolve(RUN, keeps_entities=True)


async def test_a_part_that_is_closed_writes_nothing_more_and_others_go_on(shared, make):
    ours, theirs = await begun(shared, "a"), await begun(make(), "a")
    await ours.close()
    with pytest.raises(JournalError):
        await ours.departing([0], MOMENT, 1.0)
    await theirs.departing([0], MOMENT, 1.0)


async def test_uptime_is_by_the_clock_of_this_machine_if_it_left_here(shared, make):
    now = time.monotonic()
    await (await begun(shared, "a")).departing([0], MOMENT, now)
    (kept,) = await make().part(["a"]).read()
    assert kept.uptime == now


async def test_it_counts_how_many_are_in_each_state(shared, make):
    await shared.add([Intent(number=9, key="e", spec="{}", state=IntentState.UNKNOWN)])
    ours, theirs = await begun(shared, "a", "b"), await begun(make(), "c")
    await ours.departing([0, 1], MOMENT, 1.0)
    await ours.departing([0], LATER, 1.0)
    await ours.finish(done(0))
    await theirs.finish([Ending(number=2, state=IntentState.FAILED)])
    await shared.add(intents("a", "b"))
    assert await make().tally() == {
        IntentState.PENDING: 1,
        IntentState.SENT: 1,
        IntentState.DONE: 1,
        IntentState.FAILED: 1,
        IntentState.UNKNOWN: 1,
    }


async def test_a_journal_that_is_not_there_counts_nothing(make):
    assert await make().tally() == dict.fromkeys(IntentState, 0)


async def test_while_one_has_the_journal_for_itself_nothing_is_added_and_nothing_leaves(shared, makers):
    part = await begun(shared, "a", "b")
    await part.departing([1], MOMENT, 1.0)
    alone = makers[1]()
    await alone.begin(RUN)
    with pytest.raises(JournalInUse):
        await shared.add(intents("e"))
    with pytest.raises(JournalInUse):
        await part.departing([0], MOMENT, 1.0)
    await part.finish(done(1))  # it left before, and this is what became of it
    await alone.departing([0], LATER, 2.0)
    await alone.close()
    with pytest.raises(Overtaken):
        await part.departing([0], MOMENT, 1.0)
    assert (await states(shared))["b"] is IntentState.DONE


async def test_one_alone_goes_on_with_what_many_have_left(shared, makers):
    await (await begun(shared, "a")).departing([0], MOMENT, 1.0)
    alone = makers[1]()
    assert (await alone.begin(RUN)).sent_at == MOMENT
    assert [intent.state.value for intent in await alone.read()] == ["sent", "pending", "pending", "pending"]
    await alone.close()


async def test_calls_with_nothing_in_them_change_nothing(shared):
    part = await begun(shared, "a")
    assert list(await shared.add([])) == []
    await part.departing([], MOMENT, 1.0)
    await part.finish([])
    assert set((await states(shared)).values()) == {IntentState.PENDING}
