"""Clients that nobody uses are closed, and nothing that counts is forgotten with them."""

import asyncio
import gc
import weakref

import pytest

from bitrix_chat import ClientClosed, OutcomeUnknown, Plan
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portals import Portals
from bitrix_chat.testing import on_virtual_clock


def now() -> float:
    return asyncio.get_running_loop().time()


async def call(portals: Portals, member_id: str = "acme") -> None:
    async with portals.client(member_id) as b24:
        await b24.profile()


@on_virtual_clock
async def test_a_client_is_closed_when_nobody_has_used_it_for_a_while(everybody, client_of):
    """Each by its own last use."""
    async with everybody().portals(idle=10) as portals:
        await client_of(portals, "early")
        await asyncio.sleep(6)
        await client_of(portals, "late")
        await asyncio.sleep(6)
        assert repr(portals) == "<Portals open=1 in_use=0>"
        await asyncio.sleep(6)
        assert len(portals) == 0


@on_virtual_clock
async def test_use_puts_the_closing_off(everybody, client_of):
    knows = everybody()
    async with knows.portals(idle=10) as portals:
        for _ in range(5):
            await client_of(portals, "acme")
            await asyncio.sleep(9)

        assert knows.asked == ["acme"]


@on_virtual_clock
async def test_a_client_in_use_is_not_closed_however_long(portal_on_this_clock, known):
    async with portal_on_this_clock() as portal, known(acme=portal.webhook_url).portals(idle=10) as portals:
        async with portals.client("acme") as b24:
            await asyncio.sleep(1000)
            assert (await b24.profile()).id == 1
        await asyncio.sleep(11)
        assert len(portals) == 0


@on_virtual_clock
async def test_a_client_that_was_closed_comes_back(portal_on_this_clock, known, client_of):
    async with portal_on_this_clock() as portal, known(acme=portal.webhook_url).portals(idle=10) as portals:
        first = await client_of(portals, "acme")
        await asyncio.sleep(11)
        second = await client_of(portals, "acme")

        assert first is not second
        assert (await second.profile()).id == 1


@on_virtual_clock
async def test_clients_stay_open_for_ever_where_that_was_said(everybody, client_of):
    async with everybody().portals(idle=float("inf")) as portals:
        await client_of(portals, "acme")
        await asyncio.sleep(100_000)
        assert len(portals) == 1


@on_virtual_clock
async def test_what_has_been_idle_for_the_longest_makes_room(everybody, client_of):
    knows = everybody()
    async with knows.portals(most=2) as portals:
        await client_of(portals, "one")
        await client_of(portals, "two")
        await client_of(portals, "one")
        await client_of(portals, "three")
        assert len(portals) == 2
        await client_of(portals, "one")
        assert knows.asked == ["one", "two", "three"]
        await client_of(portals, "two")
        assert knows.asked[3:] == ["two"]


@on_virtual_clock
async def test_a_client_that_nobody_waited_for_becomes_idle_once_it_is_open(everybody, client_of):
    knows = everybody()
    knows.gate.clear()
    async with knows.portals(idle=10) as portals:
        waiting = asyncio.create_task(client_of(portals, "acme"))
        await asyncio.sleep(0)
        waiting.cancel()
        knows.gate.set()
        await asyncio.sleep(9)
        assert len(portals) == 1
        await asyncio.sleep(2)
        assert len(portals) == 0


@on_virtual_clock
async def test_one_that_does_not_open_in_time_is_given_up(everybody, client_of):
    knows = everybody()
    knows.gate.clear()
    async with knows.portals(idle=10) as portals:
        waiting = asyncio.create_task(client_of(portals, "acme"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(11)
        assert len(portals) == 0
        knows.gate.set()
        assert await client_of(portals, "acme")


@on_virtual_clock
async def test_a_bucket_that_was_filled_stays_filled(portal_on_this_clock, known, client_of):
    """The portal counts on, whoever is closed: Plan(5, 2) allows one request at once, and two a second."""
    async with (
        portal_on_this_clock() as portal,
        known(acme=portal.webhook_url).portals(idle=0.1, limiter=Plan(5, 2)) as portals,
    ):
        await call(portals)
        began = now()
        await asyncio.sleep(0.2)
        assert len(portals) == 0
        await call(portals)

        assert now() - began == pytest.approx(0.5, abs=0.05)


@on_virtual_clock
async def test_a_pause_outlives_the_client_that_met_the_limit(portal_on_this_clock, known):
    async with portal_on_this_clock() as portal, known(acme=portal.webhook_url).portals(idle=0.1) as portals:
        portal.faults.add(Fault.query_limit())
        refused = asyncio.create_task(call(portals))
        await asyncio.sleep(0.05)
        refused.cancel()
        began = now()
        await asyncio.sleep(0.5)
        assert len(portals) == 0
        await call(portals)

        assert now() - began == pytest.approx(1.95, abs=0.1)


@on_virtual_clock
async def test_a_key_in_doubt_is_looked_for_by_the_next_client(portal_on_this_clock, known):
    async with portal_on_this_clock() as portal, known(acme=portal.webhook_url).portals(idle=5) as portals:
        portal.faults.add(Fault(method="im.chat.add", delay=40.0))
        async with portals.client("acme") as b24:
            with pytest.raises(OutcomeUnknown):
                await b24.im.chat.add(key="deal-1").within(2)
        await asyncio.sleep(10)
        assert len(portals) == 0
        async with portals.client("acme") as b24:
            chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]
        assert portal.executions["im.chat.add"] == 1


@on_virtual_clock
async def test_a_client_that_was_closed_leaves_nothing_in_memory(portal_on_this_clock, known):
    async with portal_on_this_clock() as portal, known(acme=portal.webhook_url).portals(idle=5) as portals:
        portal.faults.add(Fault(method="im.chat.add", delay=40.0))
        async with portals.client("acme") as b24:
            with pytest.raises(OutcomeUnknown):
                await b24.im.chat.add(key="deal-2").within(2)
            gone = weakref.ref(b24)
        del b24
        await asyncio.sleep(10)
        gc.collect()

        assert gone() is None


@on_virtual_clock
async def test_one_that_closes_slowly_holds_up_nobody(portal_on_this_clock, known, client_of):
    """Its request flies for another ten seconds; the others are closed at the same moment, and used meanwhile."""
    async with portal_on_this_clock() as portal:
        knows = known(slow=portal.webhook_url, quick=portal.webhook_url)
        async with knows.portals(idle=1) as portals:
            portal.faults.add(Fault(method="profile", delay=60.0))
            async with portals.client("slow") as b24:
                flying = asyncio.gather(b24.profile())
                await asyncio.sleep(0.1)
            await call(portals, "quick")
            await asyncio.sleep(2)
            assert len(portals) == 0
            began = now()
            await call(portals, "quick")
            await call(portals, "slow")

            assert now() - began < 1
            assert not flying.done()
            with pytest.raises(ClientClosed):
                await flying


@on_virtual_clock
async def test_what_is_left_in_line_when_its_block_ends_is_refused_when_the_client_is_closed(
    portal_on_this_clock, known
):
    async with (
        portal_on_this_clock() as portal,
        known(acme=portal.webhook_url).portals(idle=1, limiter=Plan(5, 2), coalesce=False) as portals,
    ):
        async with portals.client("acme") as b24:
            calls = asyncio.gather(*(b24.profile() for _ in range(9)), return_exceptions=True)
            await asyncio.sleep(0)
        ends = await calls

        assert 0 < [type(end) for end in ends].count(ClientClosed) < 9


@pytest.fixture
def portal_on_this_clock():
    return lambda: Portal(plan=PortalPlan.UNLIMITED)
