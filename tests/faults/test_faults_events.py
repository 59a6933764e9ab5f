"""Rows 54 to 59: what strangers post, what comes too fast, and what a queue of events can do wrong.

Whatever is refused is counted and runs nothing; whatever was let in is handled, also after a crash.
"""

import asyncio
import gc
import logging
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bitrix_chat import (
    Delivery,
    EventRouter,
    Inbox,
    InvalidParameter,
    MemoryEventStore,
    MessageAdded,
    ReceiverResponse,
    Reception,
    RunCounts,
    SqliteEventStore,
    WebhookReceiver,
    application_token_of_bot,
)
from bitrix_chat.events.php_forms import MAX_BYTES, read_form
from bitrix_chat.portal import Portal, PortalPolicy
from bitrix_chat.portal.php import build_query
from bitrix_chat.testing import on_virtual_clock
from tests.embedding.homes import HOMES, status
from tests.events.event_bodies import ACCESS_TOKEN, ALL_DATA, APPLICATION_TOKEN, FORM, MEMBER, REFRESH_TOKEN, posted
from tests.events.event_scenes import BOT_ID, SEND, Queue, listening, now, take, until
from tests.faults.matrix import Seen, row

NOWHERE = "http://127.0.0.1:9/events"
TOKEN = "token_of_the_posted_bot"
METADATA = "https://169.254.169.254/rest/"
ALLOWED_MEMORY = 10 * 1024 * 1024
HOUR = 3600

Change = Callable[[dict[str, Any]], object]


class Work:
    """Answers every message; `fails` says how often it fails with one before that, `seconds` how long it takes."""

    def __init__(self, *, seconds: float = 0.0, fails: int = 0) -> None:
        self.router = EventRouter()
        self.begun: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._seconds = seconds
        self._fails = fails
        self.router.on(MessageAdded)(self._answer)

    async def _answer(self, event: MessageAdded, delivery: Delivery) -> None:
        text = event.message.text
        self.begun[text] += 1
        await asyncio.sleep(self._seconds)
        if "poison" in text or delivery.attempt <= self._fails:
            raise LookupError(text)
        await event.answer(f"You said: {text}")
        self.done[text] += 1


@asynccontextmanager
async def running(bot: Any, work: Work, **options: Any) -> AsyncIterator[RunCounts]:
    counts = RunCounts()
    run = asyncio.create_task(bot.run(work.router, counts=counts, **options))
    try:
        yield counts
    finally:
        run.cancel()
        await asyncio.wait([run])


class Posted:
    """A bot that answers what a receiver has kept.

    Attributes:
        genuine: a message as the portal has posted it.
    """

    def __init__(self, portal: Portal, bot: Any, work: Work, store: MemoryEventStore, genuine: bytes) -> None:
        self.portal, self.work, self.store, self.genuine = portal, work, store, genuine
        self.receiver = WebhookReceiver(application_token=application_token_of_bot(TOKEN), store=store)
        self.bot = bot

    def changed(self, change: Change) -> bytes:
        """Return the genuine message with one change."""
        form = read_form(self.genuine)
        change(form)
        return build_query(form).encode()

    async def post(self, *bodies: bytes) -> list[ReceiverResponse]:
        return await asyncio.gather(*(self.receiver.handle(body, FORM) for body in bodies))

    async def settled(self) -> None:
        """Give the run the time that it would need for anything that was let in."""
        await asyncio.sleep(5)
        assert not await self.store.pending()

    @property
    def executions(self) -> int:
        return self.portal.executions[SEND]


@asynccontextmanager
async def posted_to(**work: Any) -> AsyncIterator[Posted]:
    async with listening() as (portal, b24, _):
        registered = await b24.imbot.bot.register(
            "posted", name="Posted", token=TOKEN, event_mode="webhook", webhook_url=NOWHERE
        )
        await portal.user(1).say(registered.bot.id, "Ahoy")
        await portal.all_delivered()
        messages = (each.body for each in portal.deliveries if b"MESSAGEADD" in each.body.upper())
        bot, store = b24.bot(registered.bot.id, token=TOKEN), MemoryEventStore()
        scene = Posted(portal, bot, Work(**work), store, next(messages))
        async with running(bot, scene.work, store=store, source=Inbox(store)):
            yield scene


def counted(receiver: WebhookReceiver) -> dict[Reception, int]:
    return {reception: count for reception, count in receiver.counts.items() if count}


def told(response: ReceiverResponse) -> str:
    return f"{response.status} {response.reception.value}"


async def genuine_and(change: Change, seen: Seen) -> None:
    """Post a changed message, and the genuine one behind it, which is handled: the scene was good."""
    async with posted_to() as scene:
        (refused,) = await scene.post(scene.changed(change))
        await scene.settled()
        assert counted(scene.receiver) == {refused.reception: 1}
        assert not scene.work.begun
        executions = scene.executions
        (kept,) = await scene.post(scene.genuine)
        await scene.settled()
        assert (kept.status, scene.work.done) == (200, {"Ahoy": 1})
        seen(told(refused), executions=executions)


INSTALLATION = {
    "client_endpoint": "https://acme.bitrix24.com/rest/",
    "server_endpoint": "https://oauth.bitrix.info/rest/",
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
    "expires_in": 3600,
}
ATTACKS = {
    "metadata service": {"client_endpoint": METADATA},
    "loopback": {"client_endpoint": "https://127.0.0.1/rest/"},
    "stranger": {"client_endpoint": "https://evil.example/rest/"},
    "server": {"server_endpoint": "https://evil.example/rest/"},
    "domain": {"domain": "evil.example"},
}


@row(54, fault="an installation names an attacker's address", expected="403 untrusted_installation", executions=0)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_nobody_is_asked_about_an_installation_at_an_attackers_address(seen: Seen, attack: dict[str, str]):
    asked: list[Any] = []
    store = MemoryEventStore()

    async def accepts(installation: Any) -> bool:
        asked.append(installation)
        return True

    async def lookup(_: str) -> None:
        return None

    receiver = WebhookReceiver(application_token=lookup, store=store, installations=accepts)
    data = ALL_DATA["ONAPPINSTALL"]
    refused = await receiver.handle(posted("ONAPPINSTALL", data, auth=INSTALLATION | attack), FORM)
    assert counted(receiver) == {Reception.UNTRUSTED_INSTALLATION: 1}
    assert not await store.pending()
    executions = len(asked)
    assert (await receiver.handle(posted("ONAPPINSTALL", data, auth=INSTALLATION), FORM)).status == 200
    assert [installation.member_id for installation in asked] == [MEMBER]
    seen(told(refused), executions=executions)


@row(54, fault="a genuine event names an attacker's address", expected="200 kept -> answered at home", executions=1)
@on_virtual_clock
async def test_an_event_is_answered_at_the_clients_own_portal_whatever_address_it_names(seen: Seen):
    def change(form: dict[str, Any]) -> None:
        form["auth"] |= {"client_endpoint": METADATA, "server_endpoint": METADATA, "domain": "evil.example"}
        form["data"]["bot"]["auth"] = dict(form["auth"])

    async with posted_to() as scene:
        (kept,) = await scene.post(scene.changed(change))
        (waiting,) = await scene.store.pending()
        assert "169.254" not in str(waiting.body)
        await scene.settled()
        assert scene.work.done == {"Ahoy": 1}
        seen(told(kept), "answered at home", executions=scene.executions)


@row(54, fault="an event of an unknown portal", expected="403 unknown_portal", executions=0)
async def test_an_event_of_a_portal_that_nobody_knows_is_refused(seen: Seen):
    asked: list[str] = []
    store = MemoryEventStore()

    async def lookup(member_id: str) -> None:
        asked.append(member_id)

    receiver = WebhookReceiver(application_token=lookup, store=store)
    refused = await receiver.handle(posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"]), FORM)
    assert (asked, counted(receiver)) == ([MEMBER], {Reception.UNKNOWN_PORTAL: 1})
    seen(told(refused), executions=len(await store.pending()))


def token_is(value: Any) -> Change:
    return lambda form: form["auth"].update(application_token=value)


def only_in_the_bots_auth(form: dict[str, Any]) -> None:
    form["data"]["bot"]["auth"] = {"application_token": form["auth"].pop("application_token")}


def only_beside_auth(form: dict[str, Any]) -> None:
    form["application_token"] = form["auth"].pop("application_token")


def in_a_list(form: dict[str, Any]) -> None:
    form["auth"]["application_token"] = [form["auth"]["application_token"]]


FORGERIES: dict[str, Change] = {
    "missing": lambda form: form["auth"].pop("application_token"),
    "no auth": lambda form: form.pop("auth"),
    "empty": token_is(""),
    "wrong": token_is("custom" + TOKEN[:-1]),
    "list": in_a_list,
    "in the bot's auth": only_in_the_bots_auth,
    "beside auth": only_beside_auth,
}


@row(55, fault="forged token", expected="403 forged", executions=0)
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@on_virtual_clock
async def test_an_event_without_the_token_in_its_place_runs_nothing(seen: Seen, forge: Change):
    await genuine_and(forge, seen)


@row(55, fault="no token is set", expected="no receiver")
@pytest.mark.parametrize("token", [None, "", [], [""]], ids=repr)
async def test_verification_cannot_be_left_out(seen: Seen, token: Any):
    with pytest.raises(InvalidParameter, match="application_token"):
        WebhookReceiver(application_token=token, store=MemoryEventStore())
    seen("no receiver")


@row(56, fault="replayed at once and afterwards", expected="1 kept, 5 replayed", executions=1)
@on_virtual_clock
async def test_an_event_that_is_posted_again_and_again_is_handled_once(seen: Seen):
    async with posted_to() as scene:
        await scene.post(*[scene.genuine] * 3)
        await scene.settled()
        await scene.post(*[scene.genuine] * 3)
        await scene.settled()
        assert scene.work.done == {"Ahoy": 1}
        counts = counted(scene.receiver)
        assert set(counts) == {Reception.KEPT, Reception.REPLAYED}
        kept, replayed = counts[Reception.KEPT], counts[Reception.REPLAYED]
        seen(f"{kept} kept, {replayed} replayed", executions=scene.executions)


@row(56, fault="replayed after a restart", expected="200 kept -> 200 replayed")
async def test_an_event_that_was_handled_by_an_earlier_process_is_not_handled_again(tmp_path: Path, seen: Seen):
    body = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])
    steps = []
    for _ in range(2):
        async with SqliteEventStore(tmp_path / "events.sqlite") as store:
            receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
            steps.append(told(await receiver.handle(body, FORM)))
            for kept in await store.pending():
                await store.finish(kept.key)
    seen(*steps)


@row(56, fault="replayed when it is forgotten", expected="403 too_old", executions=1)
@on_virtual_clock
async def test_an_event_that_is_posted_again_when_it_is_forgotten_is_too_old(seen: Seen):
    async with posted_to() as scene:
        time = float(read_form(scene.genuine)["ts"])
        scene.store._clock = lambda: time
        scene.receiver = WebhookReceiver(
            application_token=application_token_of_bot(TOKEN),
            store=scene.store,
            max_age=60,
            remember=120,
            clock=lambda: time,
        )
        await scene.post(scene.genuine)
        await scene.settled()
        time += 121
        (refused,) = await scene.post(scene.genuine)
        await scene.settled()
        assert counted(scene.receiver) == {Reception.KEPT: 1, Reception.TOO_OLD: 1}
        seen(told(refused), executions=scene.executions)


GENUINE = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])
BOMBS = {
    "350,000 fields": GENUINE + b"&x=" * 340_000,
    "349,000 deep": GENUINE + b"&x" + b"[y]" * 345_000 + b"=1",
    "349,000 brackets that open": GENUINE + b"&x" + b"[" * 1_000_000,
    "a name of a MiB": GENUINE + b"&" + b"x" * 1_000_000,
    "one deep name after another": GENUINE + (b"&x" + b"[]" * 17) * 900,
}


@row(57, fault="form bomb", expected="400 malformed", executions=0)
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
async def test_a_form_bomb_is_refused_before_it_takes_memory(seen: Seen, bomb: bytes):
    await refused_in_little_memory(bomb, seen)


@row(57, fault="form above a MiB", expected="413 too_large", executions=0)
@pytest.mark.parametrize("size", [MAX_BYTES + 1, 8 * MAX_BYTES])
async def test_a_form_that_is_too_large_is_refused_before_it_takes_memory(seen: Seen, size: int):
    await refused_in_little_memory(GENUINE.ljust(size, b"x"), seen)


async def refused_in_little_memory(body: bytes, seen: Seen) -> None:
    store = MemoryEventStore()
    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    tracemalloc.start()
    try:
        refused = await receiver.handle(body, FORM)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < ALLOWED_MEMORY
    assert counted(receiver) == {refused.reception: 1}
    seen(told(refused), executions=len(await store.pending()))


ODDITIES = {
    "scalar, then array": (b"&data[x]=1&data[x][b]=2", {"b": "2"}),
    "array, then scalar": (b"&data[x][b]=2&data[x]=1", "1"),
    "appended to names": (b"&data[x][a]=1&data[x][]=2", {"a": "1", "0": "2"}),
    "gap": (b"&data[x][7]=1&data[x][]=2", {"7": "1", "8": "2"}),
    "no UTF-8": (b"&data[x]=%ff%fe", "\ufffd\ufffd"),
}


@row(57, fault="conflicting names, gaps, no UTF-8", expected="200 kept -> as PHP reads it")
@pytest.mark.parametrize(("odd", "value"), ODDITIES.values(), ids=ODDITIES)
async def test_a_form_that_contradicts_itself_is_read_as_the_portal_would(seen: Seen, odd: bytes, value: Any):
    store = MemoryEventStore()
    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    kept = await receiver.handle(GENUINE + odd, FORM)
    async with Inbox(store) as inbox:
        (delivery,) = await take(inbox, 1)
    assert isinstance(delivery.event, MessageAdded)
    assert delivery.event.raw["x"] == value
    seen(told(kept), "as PHP reads it")


def message(number: int) -> bytes:
    """Return a message of the queue's bot, each in a dialog of its own."""
    chat = {"id": number, "dialogId": f"chat{number}", "type": "chat"}
    said = {"id": number, "text": f"message {number}"}
    data = ALL_DATA["ONIMBOTV2MESSAGEADD"]
    return posted("ONIMBOTV2MESSAGEADD", data | {"message": said, "chat": chat, "bot": {"id": BOT_ID, "code": "x"}})


@row(58, fault="handler slower than the sender", expected="100 kept, 900 inbox_full -> 100 handled", executions=100)
@on_virtual_clock
async def test_where_handlers_are_slower_than_the_sender_what_was_kept_is_handled_and_the_rest_is_told(seen: Seen):
    store, queue, work = MemoryEventStore(inbox=100), Queue(), Work(seconds=30)
    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    async with running(queue.bot(), work, store=store, source=Inbox(store), concurrency=2):
        answers = await asyncio.gather(*(receiver.handle(message(number), FORM) for number in range(1, 1001)))
        kept = {f"message {number}" for number, answer in enumerate(answers, 1) if answer.status == 200}
        assert {answer.status for answer in answers} == {200, 503}
        async with asyncio.timeout(HOUR):
            await until(lambda: sum(work.done.values()) == len(kept), 1)
        assert (await receiver.handle(message(1001), FORM)).status == 200, "there is room again"
        counts = counted(receiver)
        assert work.done == Counter(kept)
        steps = f"{len(kept)} kept, {counts[Reception.INBOX_FULL]} inbox_full"
        handled = len(work.done)
        executions = len(queue.sent)
        async with asyncio.timeout(HOUR):
            await until(lambda: work.done["message 1001"], 1)
    seen(steps, f"{handled} handled", executions=executions)


@row(58, fault="1,000 posts at a time", expected="1000 kept, 1 overloaded -> 1000 handled", executions=1000)
async def test_a_thousand_posts_at_a_time_are_kept_in_a_file_before_they_are_answered(tmp_path: Path, seen: Seen):
    queue, work, path = Queue(), Work(), tmp_path / "events.sqlite"
    async with SqliteEventStore(path) as store:
        receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
        await asyncio.gather(*(receiver.handle(message(number), FORM) for number in range(1, 1002)))
        counts = counted(receiver)
    async with SqliteEventStore(path) as store:  # as another process
        async with running(queue.bot(), work, store=store, source=Inbox(store)) as run, asyncio.timeout(30):
            await until(lambda: run.handled >= counts[Reception.KEPT])
        assert not await store.pending()
    assert set(work.done.values()) == {1}
    kept, overloaded = counts[Reception.KEPT], counts[Reception.OVERLOADED]
    seen(f"{kept} kept, {overloaded} overloaded", f"{len(work.done)} handled", executions=len(queue.sent))


@row(58, fault="slowloris", expected="20 x 408, 20 too_slow -> 200", executions=1)
@pytest.mark.parametrize("framework", ["aiohttp", "starlette"])
async def test_senders_that_dawdle_are_given_up_and_counted_and_stop_nobody(portal: Portal, seen: Seen, framework: str):
    store = MemoryEventStore()
    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    home, door = HOMES[framework]

    async def dawdle(served: Any) -> int:
        async with served.raw(f"Content-Length: {len(GENUINE) + 1}") as (reader, writer):
            writer.write(GENUINE)
            return await status(reader)

    async with home(portal.client, door(receiver, timeout=0.3)) as served:
        dawdling = [asyncio.create_task(dawdle(served)) for _ in range(20)]
        prompt, _ = await served.post(GENUINE)
        (given_up,) = {await each for each in dawdling}
    counts = counted(receiver)
    assert set(counts) == {Reception.TOO_SLOW, Reception.KEPT}
    steps = f"20 x {given_up}, {counts[Reception.TOO_SLOW]} too_slow"
    seen(steps, str(prompt), executions=len(await store.pending()))


POLICIES: dict[str, dict[str, str]] = {
    "nextOffset missing": {"event_cursor": "none"},
    "lastEventId instead": {"event_cursor": "lastEventId"},
    "hasMore for ever": {"event_has_more": "always"},
    "shuffled": {"event_order": "shuffled"},
    "ids not in order": {"event_ids": "swapped"},
    "listed twice": {"event_repeats": "listed"},
    "repeated when acknowledged": {"event_repeats": "acknowledged"},
}


@row(59, fault="poll", expected="20 handled", executions=20)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@on_virtual_clock
async def test_whatever_the_queue_does_each_message_is_answered_once(seen: Seen, policy: Any):
    async with listening(policy=PortalPolicy(**policy)) as (portal, _, bot):
        work = Work()
        async with running(bot, work) as counts:
            for number in range(20):
                await portal.user(1).say(bot.id, f"message {number}")
                await asyncio.sleep(0.5 if number % 5 else 3)
            await asyncio.sleep(120)
        assert set(work.begun.values()) == {1}
        assert (counts.retried, counts.buried) == (0, 0)
        seen(f"{len(work.done)} handled", executions=portal.executions[SEND])


@row(59, fault="crash before the acknowledgement", expected="3 came -> 2 came again", executions=3)
@on_virtual_clock
async def test_what_was_not_acknowledged_before_a_crash_comes_again_and_nothing_else(seen: Seen):
    async with listening() as (portal, _, bot):
        store = MemoryEventStore()
        for number in range(3):
            await portal.user(1).say(bot.id, f"message {number}")
        stream = bot.events.stream(store)
        deliveries = await take(stream, 3)
        await deliveries[1].event.answer("Done")
        await deliveries[1].ack()
        first = len(deliveries)
        del stream, deliveries  # as a killed process leaves it
        gc.collect()
        work = Work()
        async with running(bot, work, store=store):
            await asyncio.sleep(60)
        assert work.done == {"message 0": 1, "message 2": 1}
        seen(f"{first} came", f"{len(work.done)} came again", executions=portal.executions[SEND])


@row(59, fault="handler raises", expected="2 retried, 1 handled", executions=1)
@on_virtual_clock
async def test_an_event_whose_handler_raises_is_tried_again_and_counted(seen: Seen):
    async with listening() as (portal, _, bot):
        work = Work(fails=2)
        async with running(bot, work) as counts:
            await portal.user(1).say(bot.id, "Ahoy")
            await asyncio.sleep(60)
        assert work.begun == {"Ahoy": 3}
        seen(f"{counts.retried} retried, {counts.handled} handled", executions=portal.executions[SEND])


@row(59, fault="poison event", expected="1 buried, 1 handled", executions=1)
@pytest.mark.parametrize("way", ["polled", "posted"])
@on_virtual_clock
async def test_a_poison_event_becomes_a_dead_letter_and_the_next_one_is_handled(seen: Seen, way: str):
    async with poisoned(way) as (work, store, counts, executions):
        assert work.begun["poison"] == 3
        (letter,) = await store.buried()
        assert "LookupError: poison" in letter.error
        seen(f"{counts.buried} buried, {counts.handled} handled", executions=executions())


@asynccontextmanager
async def poisoned(way: str) -> AsyncIterator[tuple[Work, MemoryEventStore, RunCounts, Callable[[], int]]]:
    queue, store, work = Queue(), MemoryEventStore(), Work()
    if way == "polled":
        queue.add(1, text="poison", age=60.0)
        queue.add(2, age=60.0)
        source = None
    else:
        receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
        for body in (message(1).replace(b"message+1", b"poison").replace(b"message%201", b"poison"), message(2)):
            assert (await receiver.handle(body, FORM)).status == 200
        source = Inbox(store)
    async with running(queue.bot(), work, store=store, source=source) as counts:
        await asyncio.sleep(60)
        assert not queue.events
        assert not await store.pending()
        yield work, store, counts, lambda: len(queue.sent)


@row(59, fault="unknown type", expected="3 unmatched, 1 handled", executions=1)
@on_virtual_clock
async def test_events_of_an_unknown_type_are_acknowledged_counted_and_logged_once(
    seen: Seen, caplog: pytest.LogCaptureFixture
):
    queue, work = Queue(), Work()
    queue.add(1, 2, 3, kind="ONSOMETHINGNEW", age=60.0)
    queue.add(4, age=60.0)
    with caplog.at_level(logging.INFO, "bitrix_chat"):
        async with running(queue.bot(), work) as counts:
            await asyncio.sleep(60)
    assert not queue.events
    assert caplog.text.count("ONSOMETHINGNEW") == 1
    assert set(counts.unmatched) == {"ONSOMETHINGNEW"}
    seen(f"{counts.unmatched.total()} unmatched, {counts.handled} handled", executions=len(queue.sent))


@row(59, fault="cursor stalls", expected="asked in peace", executions=2)
@pytest.mark.parametrize("offset", [0, 1, 3, None])
@on_virtual_clock
async def test_a_page_that_comes_for_ever_is_handled_once_and_asked_for_in_peace(seen: Seen, offset: int | None):
    queue, work = Queue(), Work()
    queue.add(1, 2, age=60.0)
    page = list(queue.events.values())
    queue.tamper = lambda _: {"events": page, "nextOffset": offset, "hasMore": True}
    async with running(queue.bot(), work):
        began = now()
        await asyncio.sleep(HOUR)
        assert now() - began >= HOUR
    assert set(work.done.values()) == {1}
    seen("asked in peace" if len(queue.asked) < 150 else f"asked {len(queue.asked)} times", executions=len(queue.sent))
