"""Portals whose queues behave badly, as some have: each oddity a switch of its own."""

import pytest

from bitrix_chat.portal import PortalPolicy


@pytest.fixture
def odd(serve):
    """Serve a portal with a policy, a bot on it, and three messages for the bot; return how to fetch."""

    async def odd(messages=3, **policy):
        ask = await serve(policy=PortalPolicy(**policy))
        bot = await ask.bot()
        for number in range(messages):
            await ask.portal.user(2).say(bot["botId"], str(number))

        async def fetch(**params):
            return (await ask("imbot.v2.Event.get", bot | params)).result

        fetch.say = lambda text: ask.portal.user(2).say(bot["botId"], text)
        fetch.pending = lambda: ask.portal.pending_events.get(bot["botId"], [])
        return fetch

    return odd


def ids(page):
    return [event["eventId"] for event in page["events"]]


async def test_an_old_portal_names_the_last_event(odd):
    fetch = await odd(event_cursor="lastEventId")
    page = await fetch(limit=2)
    assert (page["lastEventId"], "nextOffset" in page) == (ids(page)[-1], False)
    assert (await fetch(offset=100))["lastEventId"] is None


async def test_a_portal_may_name_no_cursor_at_all(odd):
    assert (await (await odd(event_cursor="none"))()).keys() == {"events", "hasMore"}


async def test_more_may_be_promised_for_ever(odd):
    fetch = await odd(event_has_more="always")
    assert (await fetch())["hasMore"] is True
    assert await fetch(offset=100) == {"events": [], "nextOffset": 100, "hasMore": True}


async def test_a_page_may_be_in_disorder(odd):
    fetch = await odd(messages=20, event_order="shuffled")
    page = await fetch()
    assert sorted(ids(page)) == list(range(1, 21)) != ids(page)
    assert page["nextOffset"] == ids(page)[-1] + 1


async def test_a_lower_id_may_come_after_a_higher_one(odd):
    fetch = await odd(messages=1, event_ids="swapped")
    assert ids(await fetch()) == [2]
    await fetch.say("the first by its id")
    page = await fetch()
    assert [(event["eventId"], event["data"]["message"]["text"]) for event in page["events"]] == [
        (1, "the first by its id"),
        (2, "0"),
    ]
    assert ids(await fetch(offset=2)) == [2]


async def test_an_event_may_be_listed_twice(odd):
    fetch = await odd(event_repeats="listed")
    assert ids(await fetch()) == [1, 1, 2, 2, 3, 3]
    assert ids(await fetch(limit=3)) == [1, 1, 2]


async def test_what_was_acknowledged_may_come_once_more(odd):
    fetch = await odd(event_repeats="acknowledged")
    assert ids(await fetch(offset=3)) == [1, 2, 3]
    assert ids(await fetch(offset=3)) == [3]


async def test_what_is_pending_can_be_seen_from_outside(odd):
    fetch = await odd()
    await fetch(offset=2)
    assert fetch.pending() == [2, 3]
    await fetch(offset=4)
    assert fetch.pending() == []
