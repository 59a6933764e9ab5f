"""What every journal owes to a bulk run; run yours through it by adding it to `MAKERS`."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Journal, Run
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from bitrix_chat.redis.journal import RedisJournal
from tests.contracts.dict_journal import Database, DictJournal

RUN = Run(method="im.chat.add", portal="portal.example")
BOT_RUN = Run(method="imbot.v2.Chat.add", portal="bots.example", bot_id="17", is_complete=True, keeps_entities=True)
MOMENT = datetime(2031, 5, 6, 7, 8, 9, 12, UTC)
TEXTS = ["", "Über «1» & 'two' \"three\" % $result[a][b]", "half\0way", "🙂\U0010ffff", "x" * 1_000_000, "\r\n\t"]


def _sqlite_journals(request):
    path = request.getfixturevalue("tmp_path") / "run.sqlite"
    return lambda: SqliteJournal(path)


def _redis_journals(request):
    url = request.getfixturevalue("redis_url")
    return lambda: RedisJournal(url, "run")


def _user_journals(_):
    database = Database()
    return lambda: DictJournal(database)


MAKERS = {"sqlite": _sqlite_journals, "redis": _redis_journals, "user": _user_journals}
"""Each gives, for an empty place, what opens a journal there, again and again; the fixtures of the test are at hand."""


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param](request)


@pytest.fixture
async def journal(make):
    journal = make()
    await journal.begin(RUN)
    yield journal
    await journal.close()


def intents(count, first=0, **values):
    return [Intent(number=number, spec=f'{{"title":"Room {number}"}}', **values) for number in range(first, count)]


def keyed(*keys, spec="{}"):
    return [Intent(number=number, key=key, spec=spec) for number, key in enumerate(keys)]


async def states(journal):
    return {intent.number: intent.state for intent in await journal.read()}


def test_it_is_a_journal(make):
    assert isinstance(make(), Journal)


async def test_a_new_journal_is_about_the_run_that_begins(make):
    journal = make()
    assert await journal.begin(BOT_RUN) == BOT_RUN
    assert list(await journal.read()) == []
    await journal.close()


async def test_a_journal_stays_about_the_run_that_began_first(make):
    first = make()
    await first.begin(RUN)
    await first.close()
    second = make()
    assert await second.begin(BOT_RUN) == RUN
    await second.close()


async def test_it_counts_what_it_holds(journal):
    assert await journal.count() == 0
    await journal.add(intents(3))
    assert await journal.count() == 3


async def test_one_writes_at_a_time(make, journal):
    with pytest.raises(JournalInUse):
        await make().begin(RUN)
    await journal.add(intents(1))


async def test_whoever_comes_after_the_close_may_write(make, journal):
    await journal.add(intents(2))
    await journal.close()
    second = make()
    await second.begin(RUN)
    assert [intent.number for intent in await second.read()] == [0, 1]
    await second.close()


async def test_closing_twice_takes_the_journal_from_nobody(make, journal):
    await journal.close()
    second = make()
    await second.begin(RUN)
    await journal.close()
    with pytest.raises(JournalInUse):
        await make().begin(RUN)
    await second.close()


@pytest.mark.parametrize("is_closed", [False, True])
async def test_nothing_is_written_before_the_beginning_or_after_the_close(make, is_closed):
    journal = make()
    if is_closed:
        await journal.begin(RUN)
        await journal.close()
    with pytest.raises(JournalError):
        await journal.add(intents(1))
    with pytest.raises(JournalError):
        await journal.departing([0], MOMENT, 1.0)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_texts_are_kept_to_the_letter(journal, text):
    intent = Intent(number=0, key=f"k{text}", spec=text)
    assert list(await journal.add([intent])) == [intent]
    await journal.finish([Ending(number=0, state=IntentState.FAILED, error=text)])
    (kept,) = await journal.read()
    assert (kept.key, kept.spec, kept.error) == (f"k{text}", text, text)


async def test_an_intent_is_kept_whole(make, journal):
    intent = Intent(
        number=3,
        key=None,
        spec="{}",
        state=IntentState.UNKNOWN,
        attempts=2,
        sent_at=MOMENT,
        uptime=12.25,
        chat_id=2**53,
        error='{"error":"OutcomeUnknown"}',
    )
    await journal.add([intent])
    await journal.close()
    again = make()
    await again.begin(RUN)
    assert list(await again.read()) == [intent]
    await again.close()


async def test_pages_follow_each_other_in_order(journal):
    await journal.add(intents(4, first=2))
    await journal.add(intents(2))
    await journal.add([Intent(number=9, spec="{}")])
    assert [intent.number for intent in await journal.read(limit=3)] == [0, 1, 2]
    assert [intent.number for intent in await journal.read(after=2, limit=3)] == [3, 9]
    assert list(await journal.read(after=9)) == []


async def test_a_key_is_kept_once_with_its_first_number(journal):
    assert [intent.number for intent in await journal.add(keyed("a", "b", "a"))] == [0, 1, 0]
    kept = await journal.add(keyed("c", "b", "a"))
    assert [(intent.key, intent.number) for intent in kept] == [("c", 2), ("b", 1), ("a", 0)]
    assert [intent.key for intent in await journal.read()] == ["a", "b", "c"]


async def test_a_known_intent_comes_back_as_far_as_it_is(journal):
    await journal.add([*keyed("a"), *intents(2, first=1)])
    await journal.departing([0, 1], MOMENT, 5.0)
    await journal.finish([Ending(number=0, state=IntentState.DONE, chat_id=70)])
    first, second = await journal.add([*keyed("a"), *intents(2, first=1)])
    assert (first.state, first.chat_id) == (IntentState.DONE, 70)
    assert (second.state, second.attempts, second.uptime) == (IntentState.SENT, 1, 5.0)


async def test_a_new_key_gets_the_number_after_the_last(journal):
    await journal.add([Intent(number=6, spec="{}")])
    kept = await journal.add([*keyed("a"), *intents(10, first=9), *keyed("b")])
    assert [intent.number for intent in kept] == [7, 9, 10]


async def test_an_intent_without_key_is_found_by_its_number(journal):
    await journal.add(intents(2))
    assert [intent.number for intent in await journal.add([*intents(4), *intents(4)])] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert len(await journal.read()) == 4


async def test_as_many_keys_as_one_likes_are_found_again(journal):
    first = await journal.add(keyed(*map(str, range(1500))))
    assert list(await journal.add(keyed(*map(str, range(1500))))) == list(first)
    assert len(await journal.read(limit=2000)) == 1500


@pytest.mark.parametrize(
    "again",
    [
        Intent(number=5, key="a", spec="[2]"),
        Intent(number=1, spec="[2]"),
        Intent(number=0, spec="[1]"),
    ],
    ids=["key", "number", "number of a key"],
)
async def test_a_key_or_number_with_another_spec_is_refused_and_the_call_with_it(journal, again):
    await journal.add([Intent(number=0, key="a", spec="[1]"), Intent(number=1, spec="[1]")])
    with pytest.raises(KeyReused) as caught:
        await journal.add([Intent(number=2, spec="[3]"), again])
    assert caught.value.key == again.key
    assert (again.key or str(again.number)) in str(caught.value)
    assert [intent.spec for intent in await journal.read()] == ["[1]", "[1]"]


async def test_two_specs_of_one_key_or_number_in_one_call_are_refused(journal):
    with pytest.raises(KeyReused):
        await journal.add([*keyed("a", spec="[1]"), *keyed("a", spec="[2]")])
    with pytest.raises(KeyReused):
        await journal.add([*keyed("a"), Intent(number=0, spec="{}")])
    assert list(await journal.read()) == []


async def test_what_may_have_left_is_sent_once_more(journal):
    await journal.add(intents(3))
    await journal.departing([0, 2], MOMENT, 10.5)
    await journal.departing([2], MOMENT + timedelta(seconds=1), 11.5)
    first, second, third = await journal.read()
    assert (first.state, first.attempts, first.sent_at, first.uptime) == (IntentState.SENT, 1, MOMENT, 10.5)
    assert (second.state, second.attempts, second.sent_at, second.uptime) == (IntentState.PENDING, 0, None, None)
    assert (third.attempts, third.sent_at, third.uptime) == (2, MOMENT + timedelta(seconds=1), 11.5)


async def test_the_run_knows_when_anything_last_left(make, journal):
    await journal.add(intents(1))
    await journal.departing([0], MOMENT.astimezone(timezone(timedelta(hours=3))), 1.0)
    await journal.departing([], MOMENT + timedelta(hours=1), 2.0)
    await journal.close()
    again = make()
    sent_at = (await again.begin(RUN)).sent_at
    await again.close()
    assert (sent_at, sent_at.tzinfo is not None) == (MOMENT, True)


@pytest.mark.parametrize("number", [1, 2], ids=["done", "not there"])
async def test_what_is_done_or_not_there_must_not_leave_nor_anything_with_it(journal, number):
    await journal.add(intents(2))
    await journal.finish([Ending(number=1, state=IntentState.DONE, chat_id=8)])
    with pytest.raises(JournalError):
        await journal.departing([0, number], MOMENT, 1.0)
    assert await states(journal) == {0: IntentState.PENDING, 1: IntentState.DONE}


async def test_the_ends_are_kept(journal):
    await journal.add(intents(4))
    await journal.departing(range(4), MOMENT, 1.0)
    await journal.finish(
        [
            Ending(number=0, state=IntentState.DONE, chat_id=12),
            Ending(number=1, state=IntentState.FAILED, error='{"code":"X"}'),
            Ending(number=2, state=IntentState.UNKNOWN, error='{"code":"Y"}'),
        ]
    )
    kept = [(intent.state, intent.chat_id, intent.error, intent.attempts) for intent in await journal.read()]
    assert kept == [
        (IntentState.DONE, 12, None, 1),
        (IntentState.FAILED, None, '{"code":"X"}', 1),
        (IntentState.UNKNOWN, None, '{"code":"Y"}', 1),
        (IntentState.SENT, None, None, 1),
    ]


async def test_the_last_end_counts(journal):
    await journal.add(intents(1))
    await journal.finish([Ending(number=0, state=IntentState.UNKNOWN, error="{}")])
    await journal.finish([Ending(number=0, state=IntentState.DONE, chat_id=5)])
    (kept,) = await journal.read()
    assert (kept.state, kept.chat_id, kept.error) == (IntentState.DONE, 5, None)


async def test_what_surely_did_not_run_may_leave_again(journal):
    await journal.add(intents(1))
    await journal.departing([0], MOMENT, 1.0)
    await journal.finish([Ending(number=0, state=IntentState.PENDING)])
    (kept,) = await journal.read()
    assert (kept.state, kept.attempts) == (IntentState.PENDING, 1)
    await journal.departing([0], MOMENT, 2.0)
    assert await states(journal) == {0: IntentState.SENT}


async def test_an_end_of_what_is_not_there_is_refused_and_the_call_with_it(journal):
    await journal.add(intents(1))
    with pytest.raises(JournalError):
        await journal.finish([Ending(number=n, state=IntentState.DONE, chat_id=1) for n in (0, 7)])
    assert await states(journal) == {0: IntentState.PENDING}


async def test_a_fact_that_is_not_noted_stays_as_it_is(make, journal):
    await journal.note(is_complete=True)
    await journal.note(keeps_entities=True)
    await journal.note()
    await journal.note(keeps_entities=False)
    await journal.close()
    again = make()
    stored = await again.begin(RUN)
    await again.close()
    assert (stored.is_complete, stored.keeps_entities) == (True, False)


async def test_calls_with_nothing_in_them_change_nothing(journal):
    assert list(await journal.add([])) == []
    await journal.finish([])
    await journal.departing([], MOMENT, 1.0)
    assert list(await journal.read()) == []


async def test_what_is_called_together_is_done_in_order_and_fails_alone(journal):
    await journal.add(keyed("a"))
    outcomes = await asyncio.gather(
        journal.add(intents(3, first=1)),
        journal.add(keyed("a", spec="[2]")),
        journal.departing([1, 2], MOMENT, 1.0),
        journal.departing([99], MOMENT, 1.0),
        journal.finish([Ending(number=1, state=IntentState.DONE, chat_id=4)]),
        journal.finish([Ending(number=99, state=IntentState.FAILED)]),
        journal.read(),
        return_exceptions=True,
    )
    failed = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert failed == [KeyReused, JournalError, JournalError]
    assert outcomes[-1] == await journal.read()
    assert await states(journal) == {0: IntentState.PENDING, 1: IntentState.DONE, 2: IntentState.SENT}


def test_a_journal_serves_one_event_loop_after_another(make):
    journal = make()
    asyncio.run(journal.begin(RUN))
    asyncio.run(journal.add(intents(2)))
    assert asyncio.run(states(journal)) == {0: IntentState.PENDING, 1: IntentState.PENDING}
    asyncio.run(journal.close())
