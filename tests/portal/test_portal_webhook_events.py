"""Events that are posted: to whom, in what form, and how little the portal cares what comes of it."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from bitrix_chat.portal import DeliveryState, Fault, Plan, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock

TOKENS = {"access_token", "refresh_token", "expires", "expires_in", "user_id"}


@pytest.fixture
async def bot(ask, posted):
    return await ask.bot(code="posted", **posted)


@pytest.fixture
async def only(portal, handler):
    """Wait for the deliveries and return the only one."""

    async def only():
        await portal.all_delivered()
        (post,) = handler.posts
        return post

    return only


async def test_an_event_is_a_form_as_php_writes_it(portal, bot, handler, only):
    message_id = await portal.user(2).say(bot["botId"], "Hällo [b]&=+%[/b]")
    post = await only()
    assert post.keys() == {"event", "event_handler_id", "data", "ts", "auth"}
    assert (post["event"], post["ts"].isdecimal(), handler.types) == (
        "ONIMBOTV2MESSAGEADD",
        True,
        ["application/x-www-form-urlencoded"],
    )
    data = post["data"]
    assert data.keys() == {"bot", "message", "chat", "user", "language"}
    assert data["bot"].keys() == {"id", "code", "auth"}
    assert (data["message"]["id"], data["message"]["text"]) == (str(message_id), "Hällo [b]&=+%[/b]")
    assert (data["chat"]["dialogId"], data["user"]["id"]) == ("2", "2")
    assert b"%5B" in portal.deliveries[0].body


async def test_scalars_are_text_and_what_is_empty_is_absent(portal, bot, only):
    await portal.user(2).say(bot["botId"], "Hello")
    data = (await only())["data"]
    assert (data["message"]["isSystem"], data["user"]["active"], data["user"]["lastActivityDate"]) == ("0", "1", "0")
    assert data["user"]["departments"] == ["2"]
    assert not {"uuid", "forward", "params"} & data["message"].keys(), "null and empty arrays vanish"
    assert "entityLink" not in data["chat"]


async def test_a_webhooks_bot_is_known_by_its_token_and_gets_no_others(ask, portal, posted, only):
    bot = await ask.bot(code="long", token="t" * 40, **posted)
    await portal.user(2).say(bot["botId"], "Hello")
    post = await only()
    assert post["auth"]["application_token"] == "custom" + "t" * 40
    assert post["data"]["bot"]["auth"]["application_token"] == "custom" + "t" * 40
    assert not TOKENS & (post["auth"].keys() | post["data"]["bot"]["auth"].keys())
    assert post["auth"]["member_id"] == portal.oauth.member_id
    assert (post["auth"]["domain"], post["auth"]["client_endpoint"]) == (
        portal.url.removeprefix("http://"),
        f"{portal.url}/rest/",
    )


async def test_an_applications_event_lets_act_as_the_bot_and_as_who_caused_it(ask, portal, posted, only):
    fields = {"code": "app", "properties": {"name": "App"}} | posted
    bot_id = (await ask.with_token("imbot.v2.Bot.register", {"fields": fields})).result["bot"]["id"]
    await portal.user(2).say(bot_id, "Hello")
    post = await only()
    assert post["auth"]["application_token"] == portal.application_token
    who = []
    for auth in (post["auth"], post["data"]["bot"]["auth"]):
        assert auth.keys() >= TOKENS | {"scope", "domain", "server_endpoint", "client_endpoint", "member_id"}
        who.append((await ask.with_token("profile", token=auth["access_token"])).result["ID"])
    assert who == ["2", str(bot_id)]
    assert portal.oauth.access_token not in {post["auth"]["access_token"], post["data"]["bot"]["auth"]["access_token"]}


async def test_one_pair_of_tokens_serves_many_events_until_it_expires(serve, clock, posted, handler):
    ask = await serve(clock=clock, policy=PortalPolicy(delivery_connections=1))
    fields = {"code": "app", "properties": {"name": "App"}} | posted
    bot_id = (await ask.with_token("imbot.v2.Bot.register", {"fields": fields})).result["bot"]["id"]
    for pause in (0, 0, 3600):
        clock.advance(pause)
        await ask.portal.user(2).say(bot_id, "Hello")
    await ask.portal.all_delivered()
    first, second, third = (post["auth"]["access_token"] for post in handler.posts)
    assert first == second != third


async def test_every_kind_of_event_is_posted(serve, posted, handler):
    ask = await serve(policy=PortalPolicy(delivery_connections=1))
    portal = ask.portal
    bot, user = await ask.bot(code="posted", **posted), portal.user(2)
    chat_id = await user.create_chat("Talk", [bot["botId"]])
    message_id = await user.say(bot["botId"], "Helo")
    await user.edit(message_id, "Hello")
    await user.delete(message_id)
    fields = {"command": "report", "title": {"en": "Report"}}
    await ask("imbot.v2.Command.register", bot | {"fields": fields})
    await user.use_command(f"chat{chat_id}", "/report a b")
    own = await ask("imbot.v2.Chat.Message.send", bot | {"dialogId": f"chat{chat_id}", "fields": {"message": "Done"}})
    await user.react(own.result["id"], "fire")
    await user.open_context(bot["botId"], {"taskId": 7, "urgent": False, "none": None})
    await ask("imbot.v2.Bot.unregister", bot)
    await portal.all_delivered()
    assert handler.events == [
        f"ONIMBOTV2{happening}"
        for happening in (
            "JOINCHAT",
            "MESSAGEADD",
            "MESSAGEUPDATE",
            "MESSAGEDELETE",
            "COMMANDADD",
            "REACTIONCHANGE",
            "CONTEXTGET",
            "DELETE",
        )
    ]
    data = {post["event"].removeprefix("ONIMBOTV2"): post["data"] for post in handler.posts}
    assert data["JOINCHAT"]["dialogId"] == f"chat{chat_id}"
    assert data["MESSAGEDELETE"]["messageId"] == str(message_id)
    assert data["COMMANDADD"]["command"] == {"id": "1", "command": "/report", "params": "a b", "context": "textarea"}
    assert (data["REACTIONCHANGE"]["reaction"], data["REACTIONCHANGE"]["action"]) == ("fire", "add")
    assert (data["CONTEXTGET"]["dialogId"], data["CONTEXTGET"]["context"]) == ("2", {"taskId": "7", "urgent": "0"})
    assert data["DELETE"].keys() == {"bot", "language"}


async def test_each_bot_concerned_has_its_own_webhook(ask, portal, posted, handler):
    bots = [await ask.bot(code=code, **posted) for code in ("one", "two")]
    await portal.user(2).create_chat("Talk", [bot["botId"] for bot in bots])
    await portal.all_delivered()
    assert sorted(post["data"]["bot"]["id"] for post in handler.posts) == sorted(str(bot["botId"]) for bot in bots)
    assert {delivery.bot_id for delivery in portal.deliveries} == {bot["botId"] for bot in bots}


async def test_a_bot_learns_by_webhook_of_the_chats_it_makes_itself(ask, bot, only):
    chat = (await ask("imbot.v2.Chat.add", bot | {"fields": {"title": "Mine"}})).result["chat"]
    post = await only()
    assert (post["data"]["chat"]["id"], post["data"]["user"]["id"]) == (str(chat["id"]), str(bot["botId"]))


async def test_a_handler_id_belongs_to_one_event_of_one_bot(portal, bot, handler):
    for text in ("a", "b"):
        await portal.user(2).say(bot["botId"], text)
    await portal.user(2).create_chat("Talk", [bot["botId"]])
    await portal.all_delivered()
    ids = {(post["event"], post["event_handler_id"]) for post in handler.posts}
    assert len(ids) == len({handler_id for _, handler_id in ids}) == 2


async def test_a_webhook_is_not_part_of_the_request_that_caused_it(ask, portal, bot, handler):
    handler.open.clear()
    assert (await ask("im.message.add", {"DIALOG_ID": bot["botId"], "MESSAGE": "Hello"})).status == 200
    (delivery,) = portal.deliveries
    assert delivery.state in {DeliveryState.WAITING, DeliveryState.SENDING}
    handler.open.set()
    await portal.all_delivered()
    assert (delivery.state, delivery.status) == (DeliveryState.ANSWERED, 200)


@pytest.mark.parametrize("status", [500, 503, 302, 410])
async def test_an_answer_is_noted_and_changes_nothing(portal, bot, handler, status):
    handler.status = status
    await portal.user(2).say(bot["botId"], "Hello")
    await portal.all_delivered()
    assert [delivery.status for delivery in portal.deliveries] == [status]
    assert len(handler.posts) == 1, "no retry, and no redirect followed"


async def test_a_handler_that_is_away_has_missed_it(ask, portal):
    bot = await ask.bot(code="away", eventMode="webhook", webhookUrl="http://127.0.0.1:1/")
    await portal.user(2).say(bot["botId"], "Hello")
    await portal.all_delivered()
    (delivery,) = portal.deliveries
    assert (delivery.state, delivery.status, delivery.error) == (DeliveryState.FAILED, 0, "ClientConnectorError")


async def test_a_handler_that_never_answers_is_given_up(serve, posted, handler):
    ask = await serve(policy=PortalPolicy(delivery_timeout=0.05))
    handler.open.clear()
    bot = await ask.bot(code="slow", **posted)
    await ask.portal.user(2).say(bot["botId"], "Hello")
    await ask.portal.all_delivered()
    assert ask.portal.deliveries[0].state is DeliveryState.FAILED
    assert handler.events == ["ONIMBOTV2MESSAGEADD"], "it was sent all the same"


async def test_nothing_leaves_the_machine(ask, portal):
    bot = await ask.bot(code="far", eventMode="webhook", webhookUrl="https://bots.example/handler")
    await portal.user(2).say(bot["botId"], "Hello")
    await portal.all_delivered()
    assert portal.deliveries[0].state is DeliveryState.LOST


async def test_a_bot_can_be_switched_from_one_mode_to_the_other(ask, portal, bot, handler):
    await portal.user(2).say(bot["botId"], "posted")
    await ask("imbot.v2.Bot.update", bot | {"fields": {"eventMode": "fetch"}})
    await portal.user(2).say(bot["botId"], "kept")
    await portal.all_delivered()
    events = (await ask("imbot.v2.Event.get", bot)).result["events"]
    assert [event["data"]["message"]["text"] for event in events] == ["kept"]
    assert [post["data"]["message"]["text"] for post in handler.posts] == ["posted"]
    await ask("imbot.v2.Bot.update", bot | {"fields": {"eventMode": "webhook"}})
    await portal.user(2).say(bot["botId"], "posted again")
    await portal.all_delivered()
    assert [post["data"]["message"]["text"] for post in handler.posts] == ["posted", "posted again"]


async def test_only_so_many_are_on_their_way_at_once(serve, posted, handler):
    ask = await serve(policy=PortalPolicy(delivery_connections=3))
    handler.open.clear()
    bot = await ask.bot(code="busy", **posted)
    for number in range(10):
        await ask.portal.user(2).say(bot["botId"], str(number))
    await handler.until(3)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(handler.posts) == 3
    handler.open.set()
    await ask.portal.all_delivered()
    assert sorted(post["data"]["message"]["text"] for post in handler.posts) == [str(number) for number in range(10)]


async def test_one_at_a_time_keeps_the_order(serve, posted, handler):
    ask = await serve(policy=PortalPolicy(delivery_connections=1))
    bot = await ask.bot(code="orderly", **posted)
    for number in range(20):
        await ask.portal.user(2).say(bot["botId"], str(number))
    await ask.portal.all_delivered()
    assert [post["data"]["message"]["text"] for post in handler.posts] == [str(number) for number in range(20)]


async def test_the_queue_takes_its_time(serve, clock, posted):
    ask = await serve(clock=clock, sleep=clock.sleep, policy=PortalPolicy(delivery_delay=90))
    bot, start = await ask.bot(code="late", **posted), clock.time
    await ask.portal.user(2).say(bot["botId"], "Hello")
    await ask.portal.all_delivered()
    assert clock.time == start + 90


async def test_a_fault_can_take_a_webhook_or_hold_it(serve, clock, posted, handler):
    ask = await serve(clock=clock, sleep=clock.sleep)
    portal = ask.portal
    bot, start = await ask.bot(code="unlucky", **posted), clock.time
    portal.faults.add(Fault(method="onImBotV2MessageAdd", execute=False), Fault(method="ONIMBOTV2MESSAGEADD", delay=5))
    for text in ("lost", "late", "whole"):
        await portal.user(2).say(bot["botId"], text)
        await portal.all_delivered()
    assert [delivery.state.value for delivery in portal.deliveries] == ["lost", "answered", "answered"]
    assert [post["data"]["message"]["text"] for post in handler.posts] == ["late", "whole"]
    assert clock.time == start + 5


async def test_a_fault_for_any_request_leaves_webhooks_alone(portal, bot, only):
    portal.faults.add(Fault(status=500))
    await portal.user(2).say(bot["botId"], "Hello")
    await only()
    assert len(portal.faults) == 1


async def test_a_delivery_can_be_repeated_byte_for_byte(portal, bot, handler):
    await portal.user(2).say(bot["botId"], "Hello")
    await portal.all_delivered()
    await portal.deliver_again(portal.deliveries[0])
    await portal.all_delivered()
    assert handler.posts[0] == handler.posts[1]
    assert [delivery.form for delivery in portal.deliveries] == handler.posts


async def test_the_end_of_the_portal_waits_for_no_handler(asker, posted, handler):
    handler.open.clear()
    async with Portal(plan=Plan.UNLIMITED) as portal:
        bot = await asker(portal).bot(code="stuck", **posted)
        for number in range(20):
            await portal.user(2).say(bot["botId"], str(number))
        await handler.until(1)
    states = [delivery.state for delivery in portal.deliveries]
    assert set(states) == {DeliveryState.SENDING, DeliveryState.WAITING}
    await portal.all_delivered()


async def test_a_portal_in_a_thread_posts_and_is_played_from_another_loop(asker, posted, handler):
    with Portal(plan=Plan.UNLIMITED).in_thread() as portal:
        bot = await asker(portal).bot(code="threaded", **posted)
        await portal.user(2).say(bot["botId"], "Hello")
        await portal.all_delivered()
        assert handler.events == ["ONIMBOTV2MESSAGEADD"]
        handler.open.clear()
        await portal.user(2).say(bot["botId"], "Never answered")
    await portal.all_delivered()
    assert portal.deliveries[1].state in {DeliveryState.WAITING, DeliveryState.SENDING}


async def test_no_secret_is_shown_with_a_delivery(portal, bot):
    await portal.user(2).say(bot["botId"], "Hello")
    await portal.all_delivered()
    assert "custom" not in repr(portal.deliveries[0])
    assert "Hello" not in repr(portal.deliveries[0])


@on_virtual_clock
async def test_on_a_virtual_clock_a_slow_queue_takes_no_time():
    """A queue of ten minutes and a handler that works for ten seconds, in one loop with everything else."""
    loop, arrived = asyncio.get_running_loop(), []

    async def handle(request):
        await request.read()
        arrived.append(loop.time())
        await asyncio.sleep(10)
        return web.Response()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    policy = PortalPolicy(delivery_connections=1, delivery_delay=600)
    async with Portal(plan=Plan.UNLIMITED, policy=policy) as portal, aiohttp.ClientSession() as session:
        fields = {"code": "slow", "botToken": "t", "properties": {"name": "Slow"}, "eventMode": "webhook"}
        register = portal.webhook_url + "imbot.v2.Bot.register"
        async with session.post(register, json={"fields": fields | {"webhookUrl": url}}) as response:
            bot_id = (await response.json())["result"]["bot"]["id"]
        start = loop.time()
        for text in ("one", "two"):
            await portal.user(2).say(bot_id, text)
        await portal.all_delivered()
        assert [delivery.status for delivery in portal.deliveries] == [200, 200]
    await runner.cleanup()
    assert [round(moment - start) for moment in arrived] == [600, 1210]
