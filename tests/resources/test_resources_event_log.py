"""Events are fetched by bots and by users, each page once, and every page acknowledges the one before."""

import pytest

from bitrix_chat.errors import CursorStalled, InvalidParameter, UnexpectedAnswer
from bitrix_chat.resources.event_log import event_page
from bitrix_chat.resources.im.v2 import V2Resource
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

BOTS, USERS = "imbot.v2.Event.get", "im.v2.Event.get"


def page(*ids, following=None, more=False):
    events = [{"eventId": number, "type": "ONIMBOTV2MESSAGEADD", "data": []} for number in ids]
    return {
        "events": events,
        "nextOffset": max(ids, default=0) + 1 if following is None else following,
        "hasMore": more,
    }


@pytest.fixture(params=[BOTS, USERS])
def log(request):
    """A log whose pages are scripted: the method, the branch that reads it, and what was sent."""

    class Log:
        method = request.param

        def __init__(self, *pages):
            self.script = ScriptedTransport({self.method: list(pages)})
            bot, user = BotHandle(self.script, 456, None), V2Resource(self.script)
            self.event = bot.event if self.method == BOTS else user.event

        @property
        def asked(self):
            return [
                {name: value for name, value in each.params.items() if name != "botId"} for each in self.script.requests
            ]

    return Log


class TestRequests:
    def test_a_bot_fetches_its_events(self, bot):
        call = bot.event.get()
        assert call.request == Request(BOTS, {"botId": 456, "botToken": "canary-token"}, Safety.IDEMPOTENT)
        params = bot.event.get(offset=0, limit=1000, with_user_events=True).request.params
        assert params == {
            "botId": 456,
            "botToken": "canary-token",
            "offset": 0,
            "limit": 1000,
            "withUserEvents": True,
        }

    def test_a_user_fetches_events(self):
        event = V2Resource(None).event
        assert event.get().request == Request(USERS, {}, Safety.IDEMPOTENT)
        assert event.get(offset=7, limit=1).request.params == {"offset": 7, "limit": 1}

    @pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
    def test_a_user_subscribes_and_unsubscribes(self, verb):
        call = getattr(V2Resource(None).event, verb)()
        assert call.request == Request(f"im.v2.Event.{verb}", {}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"offset": -1}, "`offset` is -1, but it is a whole number of at least 0"),
            ({"limit": 1001}, "`limit` is 1001, but it is a whole number from 1 to 1000"),
        ],
    )
    async def test_a_page_that_there_is_not(self, log, arguments, fault):
        event = log().event
        with pytest.raises(InvalidParameter, match=fault):
            event.get(**arguments)
        with pytest.raises(InvalidParameter, match=fault):
            await anext(event.iter_events(**arguments))

    def test_whether_user_events_are_wanted_is_a_boolean(self, bot):
        with pytest.raises(InvalidParameter, match="`with_user_events` is 'Y', but it is True or False"):
            bot.event.get(with_user_events="Y")


class TestIteration:
    async def test_every_page_is_asked_for_once_with_the_offset_of_the_one_before(self, log):
        log = log(page(5, 6, more=True), page(7, 9, more=True), page(following=10))
        assert [event.event_id async for event in log.event.iter_events(limit=2)] == [5, 6, 7, 9]
        assert log.asked == [{"limit": 2}, {"offset": 7, "limit": 2}, {"offset": 10, "limit": 2}]

    async def test_it_begins_where_it_is_told_and_asks_for_whole_pages(self, log):
        log = log(page(8))
        assert [event.event_id async for event in log.event.iter_events(offset=8)] == [8]
        assert log.asked == [{"offset": 8, "limit": 1000}]

    async def test_it_acknowledges_nothing_before_the_next_page_is_asked_for(self, log):
        log = log(page(5, 6, more=True), page(7))
        events = log.event.iter_events()
        assert [(await anext(events)).event_id for _ in range(2)] == [5, 6]
        assert len(log.asked) == 1
        await events.aclose()

    async def test_a_bot_reads_user_events_too(self):
        script = ScriptedTransport({BOTS: page(5)})
        events = BotHandle(script, 456, None).event.iter_events(with_user_events=True)
        assert [event.event_id async for event in events] == [5]
        assert script.requests[0].params == {"botId": 456, "limit": 1000, "withUserEvents": True}

    async def test_a_page_that_leads_back_is_an_error(self, log):
        events = log(page(5, more=True), page(following=6, more=True)).event.iter_events()
        assert (await anext(events)).event_id == 5
        with pytest.raises(CursorStalled, match="the page after this one would begin at 6, which was read"):
            await anext(events)


@pytest.mark.parametrize("last", ["9" * 5000, "٣", "1.5", [1], True])
def test_a_last_event_that_is_no_id_leads_nowhere(last):
    raw = {"events": [], "lastEventId": last, "hasMore": False}
    assert event_page(BOTS)(raw).next_offset is None


def test_a_page_that_cannot_be_read_is_kept_as_it_came():
    raw = {"events": "none", "lastEventId": 7}
    with pytest.raises(UnexpectedAnswer) as caught:
        event_page(BOTS)(raw)
    assert caught.value.result is raw
