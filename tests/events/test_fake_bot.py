"""What users test their own routers with: events out of few words, what was sent, and crashes."""

import asyncio

import pytest

from bitrix_chat import AccessDenied, ClientClosed
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.errors import EventStoreError
from bitrix_chat.events.handles import ChatHandle
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.types import (
    BotDeleted,
    ChatEvent,
    CommandAdded,
    ContextOpened,
    EventBot,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    ReactionChanged,
)
from bitrix_chat.models.chat import Chat
from bitrix_chat.models.message import Message
from bitrix_chat.testing import (
    FakeBot,
    bot_deleted,
    command_added,
    context_opened,
    event_of,
    joined_chat,
    message_added,
    message_deleted,
    message_updated,
    on_virtual_clock,
    reaction_changed,
)
from tests.events.event_scenes import BOT_ID


@pytest.fixture
def router():
    router = EventRouter()

    @router.on(MessageAdded)
    async def echo(event: MessageAdded, chat: ChatHandle) -> None:
        await chat.typing()
        await chat.send(f"You said: {event.message.text}")

    @router.command("report")
    async def report(event: CommandAdded) -> None:
        await event.answer(f"Report of {event.command.params}")

    return router


async def test_what_handlers_say_is_remembered(router):
    async with FakeBot(router) as bot:
        await bot.feed(message_added("Hello"))
        await bot.feed(command_added("report", "May"))
    assert bot.said == ["You said: Hello", "Report of May"]
    assert [request.method.rpartition(".")[2] for request in bot.requests] == ["notify", "send", "answer"]
    assert (bot.counts.handled, bot.counts.buried) == (2, 0)


async def test_events_may_be_made_by_hand(router):
    event = MessageAdded(bot=EventBot(id=456), chat=ChatHandle(Chat(id=9)), message=Message(id=3, text="By hand"))
    async with FakeBot(router) as bot:
        await bot.feed(event)
    assert bot.requests[-1].params["dialogId"] == "chat9"


async def test_the_error_of_a_handler_reaches_the_test_after_all_attempts():
    router, attempts = EventRouter(), []

    @router.on(MessageAdded)
    async def fail(event: MessageAdded, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        raise LookupError("no luck")

    async with FakeBot(router) as bot:
        with pytest.raises(LookupError, match="no luck"):
            await bot.feed(message_added())
        assert attempts == [1, 2, 3]
        (letter,) = await bot.dead_letters()
        assert "no luck" in letter.error


async def test_an_error_of_a_predicate_reaches_the_test_too():
    router = EventRouter()
    router.on(MessageAdded, lambda event: event.nothing)(_nothing)
    async with FakeBot(router) as bot:
        with pytest.raises(RuntimeError, match="nothing"):
            await bot.feed(message_added())


async def _nothing(event):
    pass


async def test_what_the_portal_answers_is_for_the_test_to_say(router):
    answers = {"imbot.v2.Chat.Message.send": [AccessDenied("not a member"), {"id": 7}]}
    async with FakeBot(router, answers=answers) as bot:
        await bot.feed(message_added())
    assert bot.said == ["You said: Hello"] * 2
    assert bot.counts.retried == 1


@on_virtual_clock
async def test_a_crash_in_the_middle_of_a_handler_brings_its_event_again_and_no_other():
    router, begun, reached = EventRouter(), [], asyncio.Event()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, chat: ChatHandle) -> None:
        begun.append(event.message.text)
        await chat.send(f"begin {event.message.text}")
        if begun.count("second") == 1 and event.message.text == "second":
            reached.set()
            await asyncio.sleep(3600)
        await chat.send(f"end {event.message.text}")

    async with FakeBot(router) as bot:
        await bot.feed(message_added("first"))
        feeding = asyncio.create_task(bot.feed(message_added("second")))
        await reached.wait()
        await bot.crash()
        assert not feeding.done()
        await bot.restart()
        await feeding
        await bot.feed(message_added("third"))
    assert begun == ["first", "second", "second", "third"]
    assert bot.said == ["begin first", "end first", "begin second", "begin second", "end second", *_both("third")]


def _both(name):
    return [f"begin {name}", f"end {name}"]


@on_virtual_clock
async def test_a_crashed_process_sends_and_acknowledges_nothing_more():
    router, reached, errors = EventRouter(), asyncio.Event(), []

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, chat: ChatHandle) -> None:
        try:
            reached.set()
            await asyncio.sleep(3600)
        finally:
            try:
                await chat.send("Goodbye")
            except ClientClosed as error:
                errors.append(error)

    bot = FakeBot(router)
    await bot.start()
    bot.put(message_added())
    await reached.wait()
    await bot.crash()
    assert bot.said == []
    assert len(errors) == 1
    assert bot.counts.handled == 0
    await bot.close()


@on_virtual_clock
async def test_events_that_happen_while_the_bot_is_away_wait_for_it(router):
    async with FakeBot(router) as bot:
        await bot.crash()
        for number in range(20):
            bot.put(message_added(f"message {number}", chat_id=number % 3 + 5))
        await asyncio.sleep(10)
        assert bot.said == []
        await bot.restart()
        await bot.settled()
    assert sorted(bot.said) == sorted(f"You said: message {number}" for number in range(20))


async def test_a_store_may_outlive_the_bot(router):
    store = MemoryEventStore()
    for text in ("Hello", "Hello again"):
        async with FakeBot(router, store=store) as bot:
            await bot.feed(message_added(text))
        assert bot.said == [f"You said: {text}"]
    assert len(await store.handled(f"a fake portal/bot/{BOT_ID}")) == 2


async def test_a_bot_that_was_never_started_has_no_queue(router):
    with pytest.raises(RuntimeError, match="not started"):
        FakeBot(router).put(message_added())


async def test_an_error_that_ends_the_run_reaches_whoever_waits(router):
    class Broken(MemoryEventStore):
        async def mark_handled(self, consumer, event_ids):
            raise EventStoreError("the disk is full")

    async with FakeBot(router, store=Broken()) as bot:
        with pytest.raises(EventStoreError, match="disk is full"):
            await bot.feed(message_added())


async def test_it_is_started_once(router):
    async with FakeBot(router) as bot:
        with pytest.raises(RuntimeError, match="works already"):
            await bot.start()


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (message_added(), MessageAdded),
        (message_deleted(7), MessageDeleted),
        (joined_chat(), JoinedChat),
        (reaction_changed("fire", "delete"), ReactionChanged),
        (context_opened({"taskId": 3}), ContextOpened),
        (bot_deleted(bot_id=9), BotDeleted),
        (command_added("/report"), CommandAdded),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_event_has_a_builder(event, kind):
    assert type(event) is kind
    assert event.id is None
    assert event.date.tzinfo is not None
    assert event.raw["bot"]["id"] == event.bot.id


def test_a_builder_says_who_did_it_where():
    event = message_updated("Text", chat_id=9, user_id=3, user_name="Ada", bot_id=8, message_id=77, language="de")
    assert (event.chat.id, event.dialog_id, event.user.id, event.user.name) == (9, "chat9", 3, "Ada")
    assert (event.bot.id, event.message.id, event.message.author_id, event.language) == (8, 77, 3, "de")
    private = message_added(user_id=3, is_private=True)
    assert (private.dialog_id, private.chat.is_private) == ("3", True)
    assert context_opened({"a": 1}).chat.is_private
    assert reaction_changed(bot_id=8).message.author_id == 8
    assert command_added("report", "a b", context="menu").command.context == "menu"


def test_messages_have_ids_of_their_own():
    assert message_added().message.id != message_added().message.id


def test_data_that_make_no_such_event_are_refused():
    with pytest.raises(ValueError, match="no MessageAdded"):
        event_of(MessageAdded, {})
    assert isinstance(event_of(JoinedChat, {}), ChatEvent)
