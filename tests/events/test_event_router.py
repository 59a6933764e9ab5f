"""Which handler takes an event, what it is given, and what is refused as it is registered."""

from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.events.delivery import Delivery, Settlement
from bitrix_chat.events.errors import EventNotBound
from bitrix_chat.events.handles import ChatHandle
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.types import (
    BotDeleted,
    ChatEvent,
    CommandAdded,
    Event,
    JoinedChat,
    MessageAdded,
    MessageUpdated,
    UnknownEvent,
)
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.testing import bot_deleted, command_added, joined_chat, message_added, message_updated
from tests.events.event_scenes import BOT_ID, Queue

if TYPE_CHECKING:
    from bitrix_chat import Chat


async def nothing():
    pass


def delivery(event, bot=None):
    made = Delivery(event, key="poll:456:1", attempt=2, settlement=Settlement(nothing, lambda: None))
    return made if bot is None else made.bound_to(bot)


class Log(list):
    def handler(self, name):
        async def handle(event):
            self.append((name, event))

        return handle

    @property
    def names(self):
        return [name for name, _ in self]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def router():
    return EventRouter()


async def test_an_event_goes_to_the_handler_of_its_class_and_subclasses_count(router, log):
    router.on(CommandAdded)(log.handler("command"))
    router.on(ChatEvent)(log.handler("chat"))
    router.on(Event)(log.handler("any"))
    for event in (command_added("report"), message_added(), bot_deleted(), UnknownEvent(type="ONNEW")):
        assert await router.dispatch(delivery(event)) is True
    assert log.names == ["command", "chat", "any", "any"]


async def test_the_first_handler_that_fits_handles_alone(router, log):
    router.on(MessageAdded)(log.handler("first"))
    router.on(MessageAdded)(log.handler("second"))
    await router.dispatch(delivery(message_added()))
    assert log.names == ["first"]


async def test_an_event_without_a_handler_is_told_to_be_such(router, log):
    router.on(MessageAdded)(log.handler("message"))
    assert await router.dispatch(delivery(bot_deleted())) is False
    assert await EventRouter().dispatch(delivery(bot_deleted())) is False


async def test_all_predicates_have_to_agree(router, log):
    is_group, is_long = (lambda event: event.chat.is_group), (lambda event: len(event.message.text) > 5)
    router.on(MessageAdded, is_group, is_long)(log.handler("both"))
    router.on(MessageAdded, is_group)(log.handler("group"))
    for event in (message_added("long enough"), message_added("short"), message_added("private", is_private=True)):
        await router.dispatch(delivery(event))
    assert log.names == ["both", "group"]


@pytest.mark.parametrize("name", ["report", "/report", " Report "])
async def test_a_command_is_found_with_or_without_its_slash(router, log, name):
    router.command(name)(log.handler("report"))
    assert await router.dispatch(delivery(command_added("/report"))) is True
    assert await router.dispatch(delivery(command_added("reports"))) is False
    assert await router.dispatch(delivery(message_added("/report"))) is False


async def test_a_command_may_have_predicates(router, log):
    router.command("report", lambda event: event.command.params)(log.handler("with"))
    router.command("report")(log.handler("without"))
    for params in ("", "today"):
        await router.dispatch(delivery(command_added("report", params)))
    assert log.names == ["without", "with"]


async def test_an_included_router_is_asked_at_its_place(router, log):
    inner = EventRouter()
    router.on(MessageAdded, lambda event: event.message.text == "one")(log.handler("before"))
    router.include(inner)
    router.on(Event)(log.handler("after"))
    inner.on(MessageAdded, lambda event: event.message.text in {"one", "two"})(log.handler("inner"))
    for text in ("one", "two", "three"):
        await router.dispatch(delivery(message_added(text)))
    assert log.names == ["before", "inner", "after"]


def test_routers_that_include_each_other_are_refused(router):
    inner, innermost = EventRouter(), EventRouter()
    router.include(inner)
    inner.include(innermost)
    for one, other in ((innermost, router), (router, router)):
        with pytest.raises(InvalidParameter, match="circle"):
            one.include(other)
    with pytest.raises(InvalidParameter, match="EventRouter"):
        router.include("router")


async def test_what_surrounds_handlers_is_entered_from_the_outside_in(router, log):
    inner = EventRouter()
    inner.on(MessageAdded)(log.handler("handler"))
    router.include(inner)

    @router.around
    @asynccontextmanager
    async def outer(delivery):
        log.append(("enter outer", delivery.attempt))
        yield
        log.append(("leave outer", None))

    @router.around
    async def second(delivery):
        log.append(("enter second", None))
        yield
        log.append(("leave second", None))

    @inner.around
    async def innermost(delivery):
        log.append(("enter inner", None))
        yield
        log.append(("leave inner", None))

    await router.dispatch(delivery(message_added()))
    assert log.names == [
        *("enter outer", "enter second", "enter inner"),
        "handler",
        *("leave inner", "leave second", "leave outer"),
    ]
    assert log[0] == ("enter outer", 2)


async def test_nothing_is_entered_for_an_event_without_a_handler(router, log):
    @router.around
    async def outer(delivery):
        log.append(("entered", None))
        yield

    await router.dispatch(delivery(message_added()))
    assert log == []


async def test_what_surrounds_handlers_sees_their_errors_and_may_swallow_them(router):
    @router.on(MessageAdded)
    async def fail(event):
        raise LookupError(event.message.text)

    @router.around
    async def tolerant(delivery):
        try:
            yield
        except LookupError as error:
            if "loud" in str(error):
                raise

    assert await router.dispatch(delivery(message_added("quiet"))) is True
    with pytest.raises(LookupError, match="loud"):
        await router.dispatch(delivery(message_added("loud")))


@pytest.mark.parametrize("around", [lambda: None, 7], ids=["function", "number"])
def test_around_takes_what_makes_a_context(router, around):
    async def plain(delivery):
        pass

    for refused in (7, plain):
        with pytest.raises(InvalidParameter, match="async context manager"):
            router.around(refused)


async def test_handlers_are_given_what_their_annotations_ask_for(router, log):
    bot = Queue().bot()

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, where: ChatHandle, me: BotHandle, *, this: Delivery, again: int = 7) -> None:
        log.append(("handled", (event.message.text, where.dialog_id, me.id, this.attempt, again)))

    await router.dispatch(delivery(message_added("Hello"), bot))
    assert log == [("handled", ("Hello", "chat5", BOT_ID, 2, 7))]


async def test_annotations_may_be_texts(router, log):
    @router.on(MessageAdded)
    async def handle(event: "MessageAdded", chat: "ChatHandle") -> None:
        log.append(("handled", chat))

    await router.dispatch(delivery(message_added()))
    assert log[0][1].id == 5


async def test_methods_partials_wrapped_functions_and_callable_objects_may_handle(router, log):
    class Handlers:
        async def method(self, event: MessageAdded, chat: ChatHandle) -> None:
            log.append(("method", chat.id))

        async def __call__(self, event: MessageUpdated, chat: ChatHandle) -> None:
            log.append(("object", chat.id))

    async def partly(name, event: JoinedChat, chat: ChatHandle) -> None:
        log.append((name, chat.id))

    def logged(function):
        @wraps(function)
        async def wrapped(*args, **kwargs):
            log.append(("wrapped", None))
            return await function(*args, **kwargs)

        return wrapped

    router.on(MessageAdded)(logged(Handlers().method))
    router.on(MessageUpdated)(Handlers())
    router.on(JoinedChat)(partial(partly, "partial"))
    for event in (message_added(), message_updated(), joined_chat()):
        assert await router.dispatch(delivery(event)) is True
    assert log == [("wrapped", None), ("method", 5), ("object", 5), ("partial", 5)]


async def test_one_function_may_be_registered_several_times(router, log):
    @router.on(MessageUpdated)
    @router.on(MessageAdded)
    async def handle(event: ChatEvent) -> None:
        log.append((type(event), None))

    for event in (message_added(), message_updated()):
        await router.dispatch(delivery(event))
    assert log.names == [MessageAdded, MessageUpdated]


async def test_a_bot_that_nobody_knows_is_an_error_of_the_handler(router):
    @router.on(MessageAdded)
    async def handle(event: MessageAdded, bot: BotHandle) -> None:
        raise AssertionError

    with pytest.raises(EventNotBound):
        await router.dispatch(delivery(message_added()))


def _plain(event):
    pass


async def _generator(event):
    yield


async def _no_event():
    pass


async def _event_by_name_only(*, event):
    pass


async def _unannotated(event, chat):
    pass


async def _strange(event, number: int):
    pass


async def _optional(event, chat: ChatHandle | None):
    pass


async def _other_event(event: JoinedChat):
    pass


async def _no_event_at_all(chat: ChatHandle, event: MessageAdded):
    pass


async def _unknown_name(event: "MessageAdded", chat: "Chat"):
    pass


async def _positional(event, chat: ChatHandle, /):
    pass


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (_plain, "async function"),
        (_generator, "async function"),
        (7, "async function"),
        (_no_event, "first parameter"),
        (_event_by_name_only, "first parameter"),
        (_unannotated, "`chat` has no annotation"),
        (_strange, "`number` is a int"),
        (_optional, "`chat` is a .*ChatHandle | None"),
        (_other_event, "`event` is the event, a MessageAdded"),
        (_no_event_at_all, "`chat` is the event"),
        (_unknown_name, "`Chat`, which is not there at run time"),
        (_positional, "`chat` is given by name"),
    ],
)
def test_a_handler_that_cannot_work_is_refused_as_it_is_registered(router, handle, said):
    with pytest.raises(InvalidParameter, match=said):
        router.on(MessageAdded)(handle)
    assert repr(router) == "<EventRouter: 0 entries>"


async def _chat(event, chat: ChatHandle):
    pass


@pytest.mark.parametrize("kind", [Event, BotDeleted, UnknownEvent])
def test_the_chat_of_an_event_that_has_none_is_refused(router, kind):
    with pytest.raises(InvalidParameter, match=f"a {kind.__name__} has none"):
        router.on(kind)(_chat)


async def _awaited(event):
    return True


@pytest.mark.parametrize("predicate", [_awaited, "text", 7])
def test_a_predicate_is_a_plain_function(router, predicate):
    with pytest.raises(InvalidParameter, match="plain function"):
        router.on(MessageAdded, predicate)(_awaited)


@pytest.mark.parametrize("kind", ["MessageAdded", dict, message_added()], ids=["text", "dict", "event"])
def test_only_classes_of_events_can_be_handled(router, kind):
    with pytest.raises(InvalidParameter, match="a class of events"):
        router.on(kind)(_awaited)


@pytest.mark.parametrize("name", ["", "/", " ", None, 7])
def test_a_command_has_a_name(router, name):
    with pytest.raises(InvalidParameter, match="name of a command"):
        router.command(name)
