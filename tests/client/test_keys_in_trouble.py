"""Keys when portals move, callers go, clients close, loops stop and processes fork: still one chat a key."""

import asyncio
import os
import threading
import time

import pytest

from bitrix_chat import (
    BitrixError,
    ClientClosed,
    DeadlineExceeded,
    InvalidParameter,
    Outcome,
    OutcomeUnknown,
    Plan,
    WebhookAuth,
)
from bitrix_chat.portal import Cut, Fault, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.testing.virtual_clock import VirtualClockLoop
from tests.client.test_keys import BOT_NEVER_RUN, NEVER_RUN, emulated, now, registered

SLOW = Fault(method="im.chat.add", delay=40.0)


def elsewhere(portal: Portal) -> str:
    """The same socket by another name."""
    return portal.url.replace("127.0.0.1", "localhost")


@on_virtual_clock
async def test_a_key_is_the_same_key_while_the_portal_moves():
    async with emulated() as portal, portal.client(accept_move=lambda *_: True) as b24:
        portal.rename(elsewhere(portal))
        portal.faults.add(Fault(method="im.chat.add", delay=3.0))
        first = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(1)
        assert await b24.im.chat.add(key="deal-1") == await first
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_doubt_outlives_a_move():
    async with emulated() as portal, portal.client(accept_move=lambda *_: True) as b24:
        portal.faults.add(SLOW)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(2)
        portal.rename(elsewhere(portal))
        await b24.profile()
        chat_id = await b24.im.chat.add(key="deal-1")
        assert list(portal.chats) == [chat_id]


@on_virtual_clock
async def test_a_client_that_knows_the_new_address_shares_the_keys_of_the_old_one():
    async with emulated() as portal, portal.client(accept_move=lambda *_: True) as b24:
        portal.faults.add(SLOW)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(2)
        portal.rename(elsewhere(portal))
        await b24.profile()
        there = WebhookAuth(portal.webhook_url.replace("127.0.0.1", "localhost"))
        async with portal.client(there) as other:
            chat_id = await other.im.chat.add(key="deal-1")
        assert list(portal.chats) == [chat_id]


@on_virtual_clock
async def test_what_ended_well_after_its_caller_had_gone_is_found_even_where_the_key_is_called_new():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(SLOW)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1", key_is_new=True).within(2)
        await asyncio.sleep(50)
        assert await b24.im.chat.add(key="deal-1", key_is_new=True) in portal.chats
        assert len(portal.chats) == 1
        assert portal.executions["im.chat.get"] == 0


@on_virtual_clock
async def test_what_was_refused_after_its_caller_had_gone_is_sent_again_at_once():
    async with emulated() as portal, portal.client() as b24:
        body = {"error": "WRONG_REQUEST"}
        portal.faults.add(Fault(method="im.chat.add", delay=20.0, status=400, body=body))
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(2)
        await asyncio.sleep(30)
        began = now()
        await b24.im.chat.add(key="deal-1")
        assert now() - began < 1


@on_virtual_clock
async def test_a_watch_ends_as_soon_as_the_outcome_is_known():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(SLOW)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(20)
        began = now()
        await b24.im.chat.add(key="deal-1")
        assert now() - began == pytest.approx(20, abs=1.5)


@on_virtual_clock
async def test_a_doubt_of_an_earlier_call_is_looked_at_at_once():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(1)
        await asyncio.sleep(20)
        began = now()
        await b24.im.chat.add(key="deal-1").within(1)
        assert now() - began < 0.5


@on_virtual_clock
async def test_what_was_found_is_no_longer_in_doubt():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
        chat_id = await b24.im.chat.add(key="deal-1")
        assert await b24.im.chat.add(key="deal-1").within(1) == chat_id


@on_virtual_clock
async def test_a_new_key_proves_nothing_after_its_first_answer_was_lost():
    async with emulated(policy=PortalPolicy(bot_chat_entities="dropped")) as portal, portal.client() as b24:
        bot = await registered(b24)
        portal.faults.add(Fault(method="imbot.v2.Chat.add", cut=Cut.AFTER))
        with pytest.raises(OutcomeUnknown):
            await bot.chat.add(key="deal-1", key_is_new=True)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_doubt_is_judged_by_what_left_it_and_not_by_who_asks():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        portal.faults.add(BOT_NEVER_RUN)
        with pytest.raises(OutcomeUnknown):
            await bot.chat.add(key="of a bot")
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="of a bot")
        assert not portal.chats

        portal.faults.add(NEVER_RUN)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="of a user").within(1)
        assert (await bot.chat.add(key="of a user")).chat.id in portal.chats


@on_virtual_clock
async def test_a_failed_lookup_does_not_say_that_a_portal_drops_keys():
    async with emulated(policy=PortalPolicy(bot_chat_entities="kept silently")) as portal, portal.client() as b24:
        bot = await registered(b24)
        portal.faults.add(Fault(method="im.chat.get", nth=2, times=4, status=500, body="<html>"))
        await bot.chat.add(key="deal-1")
        await bot.chat.add(key="deal-2")
        assert len(portal.chats) == 2


@on_virtual_clock
async def test_the_failure_of_another_client_is_not_ones_own():
    async def fail(_: object) -> None:
        raise ValueError("hook")

    async with emulated() as portal, portal.client(departing=fail) as failing, portal.client() as b24:
        first = asyncio.create_task(failing.im.chat.add(key="deal-1"))
        await asyncio.sleep(0)
        assert await b24.im.chat.add(key="deal-1") in portal.chats
        with pytest.raises(ValueError, match="hook"):
            await first


@on_virtual_clock
async def test_the_failure_of_a_bot_is_not_the_users():
    async with emulated() as portal, portal.client() as b24:
        nobody = b24.bot(999, token="token_of_bot")
        results = await asyncio.gather(
            nobody.chat.add(key="deal-1"), b24.im.chat.add(key="deal-1"), return_exceptions=True
        )
        assert isinstance(results[0], BitrixError)
        assert results[1] in portal.chats


@on_virtual_clock
async def test_a_client_that_is_closing_leaves_its_creation_to_another():
    async with emulated() as portal, portal.client() as other:
        b24 = portal.client()
        portal.faults.add(Fault(method="im.chat.get", delay=3.0))
        first = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(other.im.chat.add(key="deal-1"))
        await asyncio.sleep(0.2)
        await b24.close(grace=0.1)

        with pytest.raises(BitrixError):
            await first
        assert await second in portal.chats
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_closed_client_does_not_wait_for_a_doubt():
    async with emulated() as portal:
        b24 = portal.client()
        portal.faults.add(NEVER_RUN)
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(key="deal-1").within(1)
        await b24.close()
        began = now()
        with pytest.raises(ClientClosed):
            await b24.im.chat.add(key="deal-1")
        assert now() == began


@on_virtual_clock
async def test_a_bound_that_the_limits_rule_out_is_refused_at_once_and_says_when():
    async with emulated() as portal, portal.client(limiter=Plan(1, 0.05)) as b24:
        await b24.profile()
        began = now()
        with pytest.raises(DeadlineExceeded, match="the portal's limits allow it") as caught:
            await b24.im.chat.add(key="deal-1").within(5)
        assert now() == began
        assert caught.value.retry_at is not None
        assert caught.value.outcome is Outcome.NOT_SENT


@on_virtual_clock
async def test_whoever_has_more_time_goes_on_where_anothers_bound_was_too_short():
    async with emulated() as portal, portal.client(limiter=Plan(1, 0.05)) as b24:
        await b24.profile()
        short = asyncio.create_task(b24.im.chat.add(key="deal-1").within(5))
        assert await b24.im.chat.add(key="deal-1") in portal.chats
        with pytest.raises(DeadlineExceeded):
            await short


@on_virtual_clock
async def test_ten_lost_creations_do_not_keep_their_avatars_in_memory():
    from bitrix_chat.transport.creations import CREATIONS

    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", cut=Cut.BEFORE, times=10))
        calls = [b24.im.chat.add(key=f"avatar-{number}", avatar=dot).within(1) for number in range(10)]
        await asyncio.gather(*calls, return_exceptions=True)
        host = portal.url.removeprefix("http://")
        doubts = [CREATIONS.doubt(CREATIONS.place(host, f"avatar-{number}")) for number in range(10)]
        assert [doubt.exchange.request.params for doubt in doubts if doubt is not None] == [{}] * 10


def test_a_loop_that_stands_still_does_not_hold_up_a_key_and_creates_nothing_more():
    with Portal().in_thread() as portal:
        stopped = VirtualClockLoop()
        slow = portal.client()
        calls = []

        async def begin() -> None:
            calls.append(asyncio.create_task(slow.im.chat.add(key="deal-1").within(1000)))
            await asyncio.sleep(0)

        stopped.run_until_complete(begin())

        async def create() -> int:
            async with portal.client() as b24:
                return await b24.im.chat.add(key="deal-1")

        chat_id = asyncio.run(create())

        async def go_on() -> int:
            async with slow:
                return await calls[0]

        assert stopped.run_until_complete(go_on()) == chat_id
        stopped.close()
        assert list(portal.chats) == [chat_id]


def test_a_caller_in_another_loop_is_told_that_its_creation_may_have_run():
    with Portal(cost=0.5).in_thread() as portal:
        ends: list[object] = []

        async def create(seconds: float | None) -> None:
            async with portal.client() as b24:
                call = b24.im.chat.add(key="deal-1", key_is_new=True).within(seconds)
                try:
                    ends.append(await call)
                except BitrixError as error:
                    ends.append(error.outcome)

        first = threading.Thread(target=lambda: asyncio.run(create(None)))
        first.start()
        while not portal.requests:
            time.sleep(0.001)
        asyncio.run(create(0.1))
        first.join()

        assert ends == [Outcome.UNKNOWN, next(iter(portal.chats))]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_does_not_wait_for_what_its_parent_is_creating():
    with Portal(cost=1.0).in_thread() as portal:

        async def create(key: str) -> int:
            async with portal.client() as b24:
                return await b24.im.chat.add(key=key)

        async def main() -> int:
            creating = asyncio.create_task(create("deal-1"))
            await asyncio.sleep(0.2)
            if not (child := os.fork()):
                ended = 1
                try:
                    asyncio._set_running_loop(None)
                    asyncio.run(asyncio.wait_for(create("deal-1"), 20))
                    ended = 0
                finally:
                    os._exit(ended)
            await creating
            return os.waitstatus_to_exitcode(await asyncio.to_thread(lambda: os.waitpid(child, 0)[1]))

        assert asyncio.run(main()) == 0


def test_zero_is_no_key():
    with Portal().in_thread() as portal, pytest.raises(InvalidParameter, match="`key` may be anything but 0"):
        portal.client().im.chat.add(key="0")
