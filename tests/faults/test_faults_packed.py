"""Rows 41 to 45: calls that travel together without having asked for it lose nothing by it, whatever happens.

Where it is said that something travels packed, the client has one slot, so that all that waits leaves in one request.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import attrs
import pytest

from bitrix_chat import (
    KEY_ENTITY_TYPE,
    BitrixChat,
    BitrixError,
    Call,
    Entity,
    InvalidParameter,
    MemoryRateLimiter,
    OutcomeUnknown,
)
from bitrix_chat import Plan as Limit
from bitrix_chat.portal import Cut, Fault, Plan, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.scenes import commands_of, outcomes, sizes

ADD, GET = "im.chat.add", "im.chat.get"
COST = 0.5
"""Seconds that a chat takes: fifty of them are well within half of a gateway's sixty."""


@asynccontextmanager
async def packing(users: int = 20, **options: Any) -> AsyncIterator[tuple[Portal, BitrixChat]]:
    """A portal, and a client with one slot that has seen how long its calls take."""
    limiter = MemoryRateLimiter(Limit(1e9, 1e8))
    async with (
        Portal(plan=Plan.UNLIMITED, costs={ADD: COST}, execution_limit=60.0, users=users, **options) as portal,
        # A connection that idles wakes the loop every 15 s, which makes hours of virtual time seconds of real time.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        portal.client(session=session, limiter=limiter, max_in_flight=1) as b24,
    ):
        await b24.im.chat.add(title="first", key="first")
        portal.requests.clear()
        portal.executions.clear()
        yield portal, b24


def fifty(b24: BitrixChat, first: int = 0, *, odd: Call[int] | None = None) -> list[Call[int]]:
    """Make fifty calls, the eighteenth of which may be another."""
    return [
        odd if odd is not None and number == 17 else b24.im.chat.add(title=f"Shelf {number}")
        for number in range(first, first + 50)
    ]


async def settled(calls: Iterable[Call[Any]]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


def titles_of(portal: Portal, ids: Iterable[int]) -> list[str]:
    return [portal.chats[chat_id].title for chat_id in ids]


SHELVES = [f"Shelf {number}" for number in range(50)]


@row(
    41,
    fault="operating limit at command 20",
    expected="20 DONE, 30 REFUSED_TEMPORARY -> 50 DONE",
    executions=50,
)
@on_virtual_clock
async def test_of_a_batch_that_meets_the_operating_limit_only_what_did_not_run_is_sent_again(seen: Seen):
    """The one that crosses the limit still runs; the first of all had taken half a second of it."""
    async with packing(operating_limit=10.0) as (portal, b24):
        calls = fifty(b24)
        creating = asyncio.gather(*calls)
        await asyncio.sleep(20 * COST + 1)
        halfway = outcomes(calls)
        assert portal.blocked == 30
        ids = await creating

        assert titles_of(portal, ids) == SHELVES
        assert len(set(ids)) == len(portal.chats) - 1 == 50
        assert sizes(portal, ADD)[0] == 50
        sent = "&".join(command for received in portal.requests for command in commands_of(received))
        assert [sent.count(f"TITLE=Shelf%20{number}&") for number in range(20)] == [1] * 20
        seen(halfway, outcomes(calls), executions=portal.executions[ADD])


@row(41, fault="operating limit of the batch itself", expected="50 DONE", executions=50)
@on_virtual_clock
async def test_a_batch_that_is_refused_for_its_own_time_is_sent_again_whole(seen: Seen):
    async with packing(operating_limit=10.0, policy=PortalPolicy(operating="batch")) as (portal, b24):
        before = await settled(fifty(b24, first=50))
        assert sizes(portal, ADD) == [50]
        portal.executions.clear()
        calls = fifty(b24)
        ids = await asyncio.gather(*calls)

        assert 429 in [received.status for received in portal.requests]
        assert titles_of(portal, ids) == SHELVES
        assert len({*ids, *before}) == len(portal.chats) - 1 == 100
        seen(outcomes(calls), executions=portal.executions[ADD])


@attrs.frozen
class Loss:
    """How the answer of a batch gets lost, and after how many of its commands."""

    fault: Fault
    policy: PortalPolicy = attrs.field(factory=PortalPolicy)


AFTER_ALL = {
    "reset": Loss(Fault(method="batch", cut=Cut.AFTER)),
    "half an answer": Loss(Fault(method="batch", cut=Cut.TRUNCATE)),
    "502": Loss(Fault.html_502(method="batch", executed=True)),
}
AFTER_TWENTY = {
    "the gateway's 60 s": Loss(Fault(method="batch", delay=50.0)),
    "closed after 60 s": Loss(Fault(method="batch", delay=50.0), PortalPolicy(overtime="drop")),
}
BEFORE_ANY = {
    "reset": Loss(Fault(method="batch", cut=Cut.BEFORE)),
    "502": Loss(Fault.html_502(method="batch")),
    "503 page": Loss(Fault(method="batch", status=503, body="<html>")),
}
UNHEARD = Loss(Fault(method="batch", delay=50.0), PortalPolicy(overtime_completes=True))
"""The gateway gives up, and the portal goes on and creates the other thirty when nobody listens any more."""


async def without_keys(loss: Loss) -> tuple[str, int]:
    """Lose the batch of fifty creations; return what became of them, and how many ran."""
    async with packing(policy=loss.policy) as (portal, b24):
        portal.faults.add(loss.fault)
        calls = [b24.im.chat.add(title=f"Shelf {number}", entity=Entity("SHELF", f"{number}")) for number in range(50)]
        errors = await settled(calls)

        assert {type(error) for error in errors} == {OutcomeUnknown}
        assert len({id(error) for error in errors}) == 50
        assert [error.marker for error in errors] == [f"SHELF|{number}" for number in range(50)]
        assert {(error.method, error.host) for error in errors} == {(ADD, portal.url.removeprefix("http://"))}
        assert {type(error.sent_at) for error in errors} == {datetime}
        assert [call.outcome for call in calls] == [error.outcome for error in errors]

        later = await asyncio.gather(*fifty(b24, first=50))
        assert sizes(portal, ADD) == [50, 25, 25]
        await asyncio.sleep(300)
        assert titles_of(portal, later) == [f"Shelf {number}" for number in range(50, 100)]
        return outcomes(errors), portal.executions[ADD] - 50


@row(42, fault="packed batch lost after all 50", expected="50 UNKNOWN", executions=50)
@pytest.mark.parametrize("loss", AFTER_ALL.values(), ids=AFTER_ALL)
@on_virtual_clock
async def test_of_a_lost_batch_every_caller_hears_that_its_own_chat_may_be_there(seen: Seen, loss: Loss):
    told, executions = await without_keys(loss)
    seen(told, executions=executions)


@row(42, fault="packed batch lost after 20 of 50", expected="50 UNKNOWN", executions=20)
@pytest.mark.parametrize("loss", AFTER_TWENTY.values(), ids=AFTER_TWENTY)
@on_virtual_clock
async def test_of_a_batch_that_took_too_long_nothing_is_sent_again(seen: Seen, loss: Loss):
    told, executions = await without_keys(loss)
    seen(told, executions=executions)


@row(42, fault="packed batch lost before any", expected="50 UNKNOWN", executions=0)
@pytest.mark.parametrize("loss", BEFORE_ANY.values(), ids=BEFORE_ANY)
@on_virtual_clock
async def test_a_batch_that_may_have_run_is_not_sent_again_even_if_it_did_not(seen: Seen, loss: Loss):
    told, executions = await without_keys(loss)
    seen(told, executions=executions)


LOST_WITH_KEYS = {
    **{f"after all, {name}": (loss, [50]) for name, loss in AFTER_ALL.items()},
    **{f"after 20, {name}": (loss, [50, 25, 5]) for name, loss in AFTER_TWENTY.items()},
    **{f"before any, {name}": (loss, [50, 25, 25]) for name, loss in BEFORE_ANY.items()},
    "after 20, and the portal goes on": (UNHEARD, [50]),
}


@row(42, fault="packed batch with keys lost", expected="50 UNKNOWN -> 50 DONE", executions=50)
@pytest.mark.parametrize(("loss", "creations"), LOST_WITH_KEYS.values(), ids=LOST_WITH_KEYS)
@on_virtual_clock
async def test_of_a_lost_batch_every_key_is_looked_up_in_one_batch_and_exists_once(
    seen: Seen, loss: Loss, creations: list[int]
):
    """What did not run is sent again in batches half as large, however many lookups came back in between."""
    async with packing(policy=loss.policy) as (portal, b24):
        calls = [b24.im.chat.add(title=f"Shelf {number}", key=f"shelf-{number}") for number in range(50)]
        creating = asyncio.gather(*calls)
        await asyncio.sleep(0)
        portal.faults.add(attrs.evolve(loss.fault, nth=2))  # the first holds the lookups before
        await asyncio.sleep(1)
        halfway = outcomes(calls)
        ids = await creating

        assert titles_of(portal, ids) == SHELVES
        assert sizes(portal, ADD) == creations
        assert sizes(portal, GET)[:2] == [50, 50]
        await asyncio.sleep(300)
        kept = [chat.entity_id for chat in portal.chats.values() if chat.entity_type == KEY_ENTITY_TYPE]
        assert sorted(kept) == sorted(["first", *(f"shelf-{number}" for number in range(50))])
        seen(halfway, outcomes(calls), executions=portal.executions[ADD])


NOT_TAKEN = {
    "ERROR_BATCH_LENGTH_EXCEEDED": ("_MAX_COMMANDS", 48, [50, 1, 1]),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": ("_FORBIDDEN", frozenset({ADD}), [50] + [1] * 50),
}


@row(43, fault="packed, and", expected="50 DONE", executions=50)
@pytest.mark.parametrize("code", NOT_TAKEN)
@on_virtual_clock
async def test_what_a_portal_does_not_take_in_a_batch_leaves_alone_and_nobody_hears_of_it(seen: Seen, code: str):
    name, value, requests = NOT_TAKEN[code]
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(f"bitrix_chat.portal.batch.{name}", value)
        async with packing() as (portal, b24):
            calls = fifty(b24)
            ids = await asyncio.gather(*calls)

    assert titles_of(portal, ids) == SHELVES
    assert sizes(portal, ADD) == requests
    seen(outcomes(calls), executions=portal.executions[ADD])


REFERENCES = ("$result[a][b]", "costs $next[0] today", "$Total[x]", "a$ERROR[c0]!")
ODD = (
    "$result", "price $total", "#1", "a#b", "a&b=c", "100%", "%41%00", "a+b", "why?", "//host/path", "a:b", "http://c0?d",
    "😀👩‍👩‍👧", "e\u0301", "nul\0end", "a  b", "\t", " ", "", "[x][]", "'\"`\\", "two\r\nlines", "\u2028", "<b>&amp;",
    "auth=1&TITLE=2", "Y", "0", "null", "0x1A", "1e3", "\x1b[0m", "\ufeff", "\U0010ffff",
)  # fmt: skip
TEXTS = [*REFERENCES, *ODD]
HALF_A_PAIR = "half a pair \ud83d"
MEGABYTE = ("Ж&#+% ?/:[]$" * (1 << 17))[: 1 << 20]


async def by_single_calls(b24: BitrixChat, calls: Sequence[Call[Any]]) -> list[Any]:
    return await settled(call.alone() for call in calls)


async def packed(b24: BitrixChat, calls: Sequence[Call[Any]]) -> list[Any]:
    return await settled(calls)


async def by_batch(b24: BitrixChat, calls: Sequence[Call[Any]]) -> list[Any]:
    return [result.error or result.value for result in await b24.batch(calls)]


WAYS = [by_single_calls, packed, by_batch]


async def arrive(texts: Sequence[str], way: Any) -> tuple[str, Portal]:
    """Create chats with odd titles and descriptions; return what became of them."""
    async with packing() as (portal, b24):
        calls = [b24.im.chat.add(title=f"<{text}>", description=f"{text}|{text}") for text in texts]
        ids = await way(b24, calls)

        assert titles_of(portal, ids) == [f"<{text}>" for text in texts]
        assert [portal.chats[chat_id].description for chat_id in ids] == [f"{text}|{text}".strip() for text in texts]

        bare = [text for text in texts if text.strip()]  # the portal makes up a title in place of blanks
        ids = await way(b24, [b24.im.chat.add(title=text) for text in bare])
        assert titles_of(portal, ids) == bare
        return outcomes(calls), portal


@row(44, fault="odd titles", expected=f"{len(TEXTS)} DONE")
@pytest.mark.parametrize("way", [by_single_calls, packed])
@on_virtual_clock
async def test_odd_titles_arrive_as_they_are(seen: Seen, way: Any):
    told, portal = await arrive(TEXTS, way)
    assert sizes(portal, ADD)[0] == (1 if way is by_single_calls else len(ODD))
    commands = [command for received in portal.requests for command in commands_of(received)]
    assert not [command for command in commands if "%24result%5B" in command or "%24Total%5B" in command]
    seen(told)


@row(44, fault="odd titles, explicit batch", expected=f"{len(ODD)} DONE")
@on_virtual_clock
async def test_odd_titles_arrive_as_they_are_in_a_batch_of_the_callers(seen: Seen):
    told, _ = await arrive(ODD, by_batch)
    seen(told)


@row(44, fault="title like a reference, explicit batch", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("text", REFERENCES)
@on_virtual_clock
async def test_a_title_that_the_portal_would_replace_is_refused_in_a_batch_of_the_callers(seen: Seen, text: str):
    async with packing() as (portal, b24):
        with pytest.raises(InvalidParameter, match="would take for a reference") as raised:
            await by_batch(b24, [b24.im.chat.add(title="Shelf"), b24.im.chat.add(title=text)])
        assert not portal.requests
        seen(raised.value, executions=portal.executions[ADD])


@row(44, fault="half of a surrogate pair", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("way", [by_single_calls, by_batch])
@on_virtual_clock
async def test_what_is_no_unicode_is_refused_before_anything_is_sent(seen: Seen, way: Any):
    async with packing() as (portal, b24):
        call = b24.im.chat.add(title=HALF_A_PAIR)
        error = await ending(way(b24, [call]))
        assert isinstance(error, InvalidParameter)
        assert call.outcome is error.outcome
        assert not portal.requests
        seen(error, executions=portal.executions[ADD])


async def ending(way: Any) -> Any:
    try:
        (result,) = await way
    except BitrixError as error:
        return error
    return result


@row(44, fault="half of a surrogate pair among others", expected="NOT_SENT", executions=49)
@on_virtual_clock
async def test_what_is_no_unicode_takes_no_other_call_with_it(seen: Seen):
    async with packing() as (portal, b24):
        calls = fifty(b24, odd=b24.im.chat.add(title=HALF_A_PAIR))
        results = await settled(calls)
        error = results.pop(17)
        assert isinstance(error, InvalidParameter)
        assert titles_of(portal, results) == SHELVES[:17] + SHELVES[18:]
        assert sizes(portal, ADD) == [49]
        seen(error, executions=portal.executions[ADD])


@row(44, fault="description of 1 MB", expected="50 DONE", executions=50)
@pytest.mark.parametrize("way", [packed, by_batch])
@on_virtual_clock
async def test_a_megabyte_of_text_arrives_whole_and_keeps_nobody_else_waiting_in_a_batch(seen: Seen, way: Any):
    async with packing() as (portal, b24):
        calls = fifty(b24, odd=b24.im.chat.add(title="Shelf 17", description=MEGABYTE))
        ids = await way(b24, calls)
        assert portal.chats[ids[17]].description == MEGABYTE
        assert titles_of(portal, ids) == SHELVES
        assert sizes(portal, ADD) == ([49, 1] if way is packed else [50])
        seen(outcomes(calls), executions=portal.executions[ADD])


@row(44, fault="title of 1 MB", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_a_title_that_the_portal_would_cut_is_refused_before_anything_is_sent(seen: Seen):
    async with packing() as (portal, b24):
        with pytest.raises(InvalidParameter, match="the portal keeps 255") as raised:
            b24.im.chat.add(title=MEGABYTE)
        assert not portal.requests
        seen(raised.value, executions=portal.executions[ADD])


MANY = range(2, 2002)


@row(45, fault="2,000 members", expected="50 DONE", executions=50)
@pytest.mark.parametrize("way", [by_single_calls, packed])
@on_virtual_clock
async def test_more_members_than_a_command_can_name_all_arrive(seen: Seen, way: Any):
    async with packing(users=2001) as (portal, b24):
        calls = fifty(b24, odd=b24.im.chat.add(title="Shelf 17", user_ids=MANY))
        ids = await way(b24, calls)
        assert portal.chats[ids[17]].members == {1, *MANY}
        assert (await b24.im.dialog.get(f"chat{ids[17]}")).user_counter == 2001
        assert sizes(portal, ADD) == ([49, 1] if way is packed else [1] * 50)
        seen(outcomes(calls), executions=portal.executions[ADD])


@row(45, fault="2,000 members, explicit batch", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_more_members_than_a_command_can_name_are_refused_in_a_batch_of_the_callers(seen: Seen):
    async with packing(users=2001) as (portal, b24):
        with pytest.raises(InvalidParameter, match="2001 values are too many") as raised:
            await b24.batch([b24.im.chat.add(title="Shelf", user_ids=MANY)])
        assert not portal.requests
        seen(raised.value, executions=portal.executions[ADD])


@row(45, fault="as many members as PHP reads, and around", expected="4 DONE", executions=4)
@on_virtual_clock
async def test_members_near_the_limit_of_php_all_arrive(seen: Seen):
    counts = [899, 900, 999, 1000]
    async with packing(users=2001) as (portal, b24):
        calls = [b24.im.chat.add(title=f"{count}", user_ids=MANY[:count]) for count in counts]
        ids = await asyncio.gather(*calls)
        assert [len(portal.chats[chat_id].members) for chat_id in ids] == [count + 1 for count in counts]
        assert titles_of(portal, ids) == [f"{count}" for count in counts]
        seen(outcomes(calls), executions=portal.executions[ADD])
