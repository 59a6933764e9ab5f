"""One chat a key: against the emulator, on virtual time, with answers lost and callers gone."""

import asyncio
import gc
import threading
from typing import Any

import pytest

from bitrix_chat import (
    KEY_ENTITY_TYPE,
    BitrixChat,
    BitrixError,
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    Entity,
    InsufficientScope,
    InvalidParameter,
    MethodNotFound,
    Outcome,
    OutcomeUnknown,
    RetryPolicy,
    UnexpectedAnswer,
    WebhookAuth,
)
from bitrix_chat.portal import Cut, Fault, Portal, PortalPolicy
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.testing import on_virtual_clock

LOST = Fault(method="im.chat.add", cut=Cut.AFTER)
NEVER_RUN = Fault(method="im.chat.add", cut=Cut.BEFORE)
BOT_LOST = Fault(method="imbot.v2.Chat.add", cut=Cut.AFTER)
BOT_NEVER_RUN = Fault(method="imbot.v2.Chat.add", cut=Cut.BEFORE)


def emulated(**options: Any) -> Portal:
    return Portal(plan=PortalPlan.UNLIMITED, **options)


def now() -> float:
    return asyncio.get_running_loop().time()


async def registered(b24: BitrixChat) -> BotHandle:
    bot = (await b24.imbot.bot.register("keeper", name="Keeper", token="token_of_bot")).bot
    return b24.bot(bot.id, token="token_of_bot")


@on_virtual_clock
async def test_a_key_makes_one_chat_and_gives_its_id_ever_after():
    async with emulated() as portal, portal.client() as b24:
        first = await b24.im.chat.add(title="Deal", key="deal-1663")
        again = await b24.im.chat.add(title="Another title", key="deal-1663")

        assert first == again
        assert [chat.id for chat in portal.chats.values()] == [first]
        assert await b24.im.chat.get(Entity(KEY_ENTITY_TYPE, "deal-1663")) == first
        assert portal.executions["im.chat.add"] == 1


@on_virtual_clock
async def test_a_key_holds_for_the_next_client_as_well():
    async with emulated() as portal:
        async with portal.client() as b24:
            first = await b24.im.chat.add(key="deal-1")
        async with portal.client() as b24:
            assert await b24.im.chat.add(key="deal-1") == first


@on_virtual_clock
async def test_a_key_that_is_surely_new_costs_no_lookup():
    async with emulated() as portal, portal.client() as b24:
        await b24.im.chat.add(key="deal-1", key_is_new=True)

        assert portal.executions == {"im.chat.add": 1}


@on_virtual_clock
async def test_concurrent_calls_with_one_key_share_one_creation():
    async with emulated(cost=1.0) as portal, portal.client() as b24, portal.client() as other:
        clients = [b24, other] * 10
        ids = await asyncio.gather(*(client.im.chat.add(key="deal-1") for client in clients))

        assert len(set(ids)) == len(portal.chats) == 1
        assert portal.executions == {"im.chat.get": 1, "im.chat.add": 1}


def test_event_loops_of_one_process_share_one_creation():
    with emulated(cost=0.05).in_thread() as portal:
        ids: list[int] = []

        async def create() -> None:
            async with portal.client() as b24:
                ids.append(await b24.im.chat.add(key="deal-1"))

        threads = [threading.Thread(target=asyncio.run, args=(create(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(ids) == 4
        assert len(set(ids)) == len(portal.chats) == 1


@on_virtual_clock
async def test_a_lost_answer_is_found_two_seconds_later():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(LOST)
        began = now()
        chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]
        assert now() - began == pytest.approx(2.0, abs=0.1)


@on_virtual_clock
async def test_what_the_portal_still_works_on_is_waited_for_and_not_sent_again():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", delay=80.0))  # answers of an attempt are waited for 75 s
        began = now()
        chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]
        assert now() - began == pytest.approx(120.0, abs=1)


@on_virtual_clock
async def test_nothing_is_sent_again_before_the_portal_can_no_longer_be_working_on_it():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(NEVER_RUN)
        began = now()
        chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]
        assert now() - began == pytest.approx(120.0, abs=1)
        assert portal.executions["im.chat.get"] == 1 + 5  # before, at 2, 5, 15, 60 and 120 s


@on_virtual_clock
async def test_the_quiescence_is_the_clients():
    async with emulated() as portal, portal.client(quiescence=10.0) as b24:
        portal.faults.add(NEVER_RUN)
        began = now()
        await b24.im.chat.add(key="deal-1")

        assert now() - began == pytest.approx(10.0, abs=0.1)


@on_virtual_clock
async def test_a_deadline_inside_the_quiescence_names_the_key_and_a_later_call_goes_on():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(NEVER_RUN)
        call = b24.im.chat.add(key="deal-1").within(30)
        with pytest.raises(OutcomeUnknown) as caught:
            await call

        assert (caught.value.marker, caught.value.method) == ("deal-1", "im.chat.add")
        assert caught.value.host == portal.url.removeprefix("http://")
        assert caught.value.sent_at is not None
        assert call.outcome is Outcome.UNKNOWN
        began = now()
        await b24.im.chat.add(key="deal-1", key_is_new=True)
        assert now() - began == pytest.approx(90.0, abs=1)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_cancelled_creation_in_flight_is_not_sent_twice():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", delay=20.0))
        call = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(1)
        call.cancel()
        chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]
        assert portal.executions["im.chat.add"] == 1


@on_virtual_clock
async def test_whoever_stops_waiting_takes_nothing_from_the_others():
    async with emulated(cost=5.0) as portal, portal.client() as b24:
        calls = [asyncio.create_task(b24.im.chat.add(key="deal-1")) for _ in range(3)]
        await asyncio.sleep(7)
        calls[0].cancel()
        with pytest.raises(DeadlineExceeded):
            await b24.im.chat.add(key="deal-2").within(0.5)

        assert await calls[1] == await calls[2]
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_creation_that_everybody_gave_up_before_it_left_is_begun_afresh():
    async with emulated(costs={"im.chat.get": 5.0}) as portal, portal.client() as b24:
        call = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(1)
        call.cancel()
        chat_id = await b24.im.chat.add(key="deal-1")

        assert list(portal.chats) == [chat_id]


@on_virtual_clock
async def test_attempts_that_never_run_end_with_what_was_seen_and_the_proof():
    policy = RetryPolicy(unknown=1)
    async with emulated() as portal, portal.client(retry=policy) as b24:
        portal.faults.add(Fault(method="im.chat.add", cut=Cut.BEFORE, times=2))
        call = b24.im.chat.add(key="deal-1")
        with pytest.raises(ConnectionLost, match="a lookup shows that it did not run") as caught:
            await call

        assert caught.value.outcome is call.outcome is Outcome.REFUSED_TEMPORARY
        assert not portal.chats


@on_virtual_clock
async def test_a_refusal_is_final_and_leaves_no_doubt():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="im.chat.add", status=400, body={"error": "WRONG_REQUEST"}))
        with pytest.raises(BitrixError, match="WRONG_REQUEST"):
            await b24.im.chat.add(key="deal-1")
        began = now()
        await b24.im.chat.add(key="deal-1")
        assert now() - began < 1


@on_virtual_clock
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(method="im.chat.get", status=403, body={"error": "insufficient_scope"}), InsufficientScope),
        (Fault(method="im.chat.get", status=404, body={"error": "ERROR_METHOD_NOT_FOUND"}), MethodNotFound),
        (Fault(method="im.chat.get", body={"result": {"ID": "none"}}), UnexpectedAnswer),
    ],
)
async def test_without_a_lookup_nothing_is_sent_and_the_error_says_what_it_lacks(fault, kind):
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(fault)
        call = b24.im.chat.add(key="deal-1")
        with pytest.raises(kind, match=r"the lookup by im\.chat\.get, which needs the scope im, failed") as caught:
            await call

        assert caught.value.outcome is call.outcome is Outcome.NOT_SENT
        assert caught.value.method == "im.chat.add"
        assert not portal.executions["im.chat.add"]


@on_virtual_clock
async def test_a_lookup_refused_after_a_lost_answer_leaves_it_unknown_and_says_what_it_lacks():
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(LOST, Fault(method="im.chat.get", status=403, body={"error": "insufficient_scope"}))
        with pytest.raises(OutcomeUnknown, match="needs the scope im") as caught:
            await b24.im.chat.add(key="deal-1", key_is_new=True)

        assert caught.value.marker == "deal-1"
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_lookup_that_fails_once_is_tried_again_at_its_next_time():
    async with emulated() as portal, portal.client(retry=RetryPolicy(unsent=0, unknown=0)) as b24:
        portal.faults.add(LOST, Fault(method="im.chat.get", cut=Cut.BEFORE, times=2))
        began = now()
        await b24.im.chat.add(key="deal-1", key_is_new=True)

        assert now() - began == pytest.approx(15.0, abs=0.1)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_closing_the_client_ends_a_creation_that_is_looked_after_as_unknown():
    async with emulated() as portal:
        b24 = portal.client()
        portal.faults.add(NEVER_RUN)
        call = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(20)
        await b24.close()

        with pytest.raises(OutcomeUnknown) as caught:
            await call
        assert caught.value.marker == "deal-1"
        with pytest.raises(ClientClosed):
            await b24.im.chat.add(key="deal-2")


@on_virtual_clock
async def test_a_client_goes_on_with_what_anothers_closing_has_left():
    async with emulated() as portal, portal.client() as other:
        b24 = portal.client()
        portal.faults.add(NEVER_RUN)
        call = asyncio.create_task(b24.im.chat.add(key="deal-1"))
        await asyncio.sleep(10)
        joined = asyncio.create_task(other.im.chat.add(key="deal-1"))
        await asyncio.sleep(10)
        await b24.close()

        with pytest.raises(OutcomeUnknown):
            await call
        assert await joined == next(iter(portal.chats))
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_bots_chat_is_found_and_fetched_whole():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        made = await bot.chat.add(title="Support", key="deal-1")
        portal.faults.add(BOT_LOST)
        lost = await bot.chat.add(title="Sales", key="deal-2")
        again = await bot.chat.add(key="deal-1")

        assert (again.chat.id, again.chat.name) == (made.chat.id, "Support")
        assert lost.chat.name == "Sales"
        assert len(portal.chats) == 2


@on_virtual_clock
async def test_users_and_bots_share_one_name_space_of_keys():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        made, found = await asyncio.gather(bot.chat.add(key="deal-1"), b24.im.chat.add(key="deal-1"))

        assert found == made.chat.id
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_chat_that_the_bot_may_not_read_is_named_in_the_refusal():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        chat_id = await b24.im.chat.add(key="deal-1")
        with pytest.raises(BitrixError, match=f"chat{chat_id} bears the key, and could not be fetched") as caught:
            await bot.chat.add(key="deal-1")

        assert caught.value.outcome is Outcome.DONE


@on_virtual_clock
async def test_for_a_bot_finding_nothing_proves_nothing_before_the_portal_has_shown_that_it_keeps_keys():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        portal.faults.add(BOT_NEVER_RUN)
        with pytest.raises(OutcomeUnknown, match="never seen that this portal keeps the entity"):
            await bot.chat.add(key="deal-1")
        with pytest.raises(OutcomeUnknown):
            await bot.chat.add(key="deal-1")
        assert not portal.chats

        await bot.chat.add(key="deal-2")
        await bot.chat.add(key="deal-1")
        assert len(portal.chats) == 2


@on_virtual_clock
async def test_a_caller_who_has_looked_may_say_that_a_bots_key_is_new():
    async with emulated() as portal, portal.client() as b24:
        bot = await registered(b24)
        portal.faults.add(BOT_NEVER_RUN)
        with pytest.raises(OutcomeUnknown):
            await bot.chat.add(key="deal-1")
        await bot.chat.add(key="deal-1", key_is_new=True)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_portal_that_keeps_keys_without_showing_them_is_found_out():
    async with emulated(policy=PortalPolicy(bot_chat_entities="kept silently")) as portal, portal.client() as b24:
        bot = await registered(b24)
        await bot.chat.add(key="deal-1")
        portal.faults.add(BOT_NEVER_RUN)
        await bot.chat.add(key="deal-2")
        assert len(portal.chats) == 2


@on_virtual_clock
async def test_a_portal_that_drops_a_bots_keys_gets_no_more_of_them(caplog):
    async with emulated(policy=PortalPolicy(bot_chat_entities="dropped")) as portal, portal.client() as b24:
        bot = await registered(b24)
        await bot.chat.add(key="deal-1")
        with pytest.raises(InvalidParameter, match="`key` is of no use here") as caught:
            await bot.chat.add(key="deal-2")

        assert caught.value.outcome is Outcome.NOT_SENT
        assert "cannot be found by its key" in caplog.text
        assert len(portal.chats) == 1
        assert await b24.im.chat.add(key="deal-3") == await b24.im.chat.add(key="deal-3")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"key": ""}, "`key` is empty"),
        ({"key": 5}, "`key` is"),
        ({"key": "0"}, "`key` may be anything but 0"),
        ({"key": "x" * 256}, "`key` has 256 characters"),
        ({"key": " deal"}, "`key` begins or ends with white space"),
        ({"key": "deal\x00"}, "holds a control character"),
        ({"key": "deal", "entity": Entity("CRM", "1")}, "`key` and `entity` are both given"),
        ({"key_is_new": True}, "`key_is_new` is given without a `key`"),
        ({"key": "deal", "key_is_new": "yes"}, "`key_is_new` is 'yes'"),
    ],
)
def test_a_wrong_key_is_refused_before_anything_is_sent(wrong, says):
    b24 = BitrixChat(WebhookAuth("https://acme.bitrix24.example/rest/1/secret/"))
    for add in (b24.im.chat.add, b24.bot(1, token="token").chat.add):
        with pytest.raises(InvalidParameter, match=says):
            add(**wrong)


def test_a_batch_takes_no_keys():
    b24 = BitrixChat(WebhookAuth("https://acme.bitrix24.example/rest/1/secret/"))
    with pytest.raises(InvalidParameter, match="`key` is looked up before it is used, which a batch cannot do"):
        b24.batch([b24.im.chat.add(key="deal-1"), b24.profile()])  # none of them warns of not being awaited
    gc.collect()


@pytest.mark.parametrize("quiescence", [0, -1, None, True, float("inf"), "120"])
def test_a_wrong_quiescence_is_refused(quiescence):
    with pytest.raises(InvalidParameter, match="`quiescence` is"):
        BitrixChat(WebhookAuth("https://acme.bitrix24.example/rest/1/secret/"), quiescence=quiescence)
