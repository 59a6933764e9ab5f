"""Chats created through the whole stack against the emulator, over real sockets and on virtual time."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bitrix_chat import (
    ENTERPRISE,
    AccessTokenAuth,
    BitrixChat,
    BitrixError,
    ChatType,
    Color,
    DeadlineExceeded,
    Entity,
    ExpiredToken,
    MemoryRateLimiter,
    OAuthAuth,
    Outcome,
    OutcomeUnknown,
    Plan,
    ReauthorizationRequired,
    RestError,
    Token,
    TokenRefreshFailed,
    UntrustedRedirect,
    WebhookAuth,
    ref,
)
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock

BOT_TOKEN = "canary-bot-token"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)


@asynccontextmanager
async def standard(
    auth: Any = None, *, limiter: Any = None, **options: Any
) -> AsyncIterator[tuple[Portal, BitrixChat]]:
    """A portal with a request limit, and a client of it."""
    timeout, coalesce = options.pop("timeout", None), options.pop("coalesce", True)
    async with (
        Portal(**options) as portal,
        portal.client(limiter=limiter, timeout=timeout, coalesce=coalesce) as b24,
    ):
        yield portal, b24


async def registered(b24: BitrixChat) -> Any:
    info = await b24.imbot.bot.register("house_bot", name="House", token=BOT_TOKEN)
    return b24.bot(info.bot.id, token=BOT_TOKEN)


async def test_a_bot_creates_a_chat_with_every_field(portal, b24):
    bot = await registered(b24)

    created = await bot.chat.add(
        title="Проект «R&D» #1 100% a+b",
        description="What it is about",
        color=Color.LIGHT_BLUE,
        avatar=PNG,
        user_ids=[1, 2],
        owner_id=2,
        message="Hello",
        type=ChatType.OPEN,
        entity=Entity("DEAL", "1663"),
    )

    chat = created.chat
    kept = portal.chats[chat.id]
    assert chat.dialog_id == f"chat{chat.id}"
    assert chat.name == kept.title == "Проект «R&D» #1 100% a+b"
    assert (chat.color_name, chat.owner, chat.entity_type, chat.entity_id) == (Color.LIGHT_BLUE, 2, "DEAL", "1663")
    assert kept.members == {1, 2, bot.id}
    assert kept.avatar
    assert [user.id for user in created.users] == [bot.id]
    assert (await bot.chat.get(chat.dialog_id)).chat.name == chat.name


async def test_a_user_creates_a_chat_and_finds_it_again_by_its_entity(portal, b24):
    deal = Entity("DEAL", "1663")

    chat_id = await b24.im.chat.add(title="Deal", user_ids=[2, 3], color="mint", message="Welcome", entity=deal)

    assert await b24.im.chat.get(deal) == chat_id
    assert await b24.im.chat.get(Entity("DEAL", "1664")) is None
    assert portal.chats[chat_id].members == {1, 2, 3}
    assert "Welcome" in [message.text for message in portal.chats[chat_id].messages]


async def test_a_chat_and_its_first_message_travel_in_one_batch(portal, b24):
    bot = await registered(b24)
    hits = portal.hits
    chat = bot.chat.add(title="Support")
    message = b24.call(
        "imbot.v2.Chat.Message.send",
        {
            "botId": bot.id,
            "botToken": BOT_TOKEN,
            "dialogId": ref(chat)["chat"]["dialogId"],
            "fields": {"message": "Hello"},
        },
    )

    created, sent = (await b24.batch([chat, message], halt=True)).values()

    assert portal.hits == hits + 1
    assert sent["id"] > 0
    assert portal.chats[created.chat.id].messages[-1].text == "Hello"
    assert chat.outcome is message.outcome is Outcome.DONE


async def test_a_reference_to_a_failed_command_never_reaches_chat_1(portal, b24):
    first = await b24.im.chat.add(title="Chat of everyone")
    broken = b24.call("im.chat.add", {"USERS": [{"no": "id"}]})
    message = b24.call("im.message.add", {"DIALOG_ID": ref(broken), "MESSAGE": "private"})

    result = await b24.batch({"profile": b24.profile(), "broken": broken, "message": message})

    assert result["profile"].value.id == 1
    assert [item.name for item in result.failed] == ["broken", "message"]
    assert "private" not in [message.text for message in portal.chats[first].messages]


async def test_one_bad_command_in_a_batch_leaves_its_neighbours_their_results(portal, b24):
    bot = await registered(b24)
    wrong = b24.bot(bot.id, token="wrong")

    calls = [(wrong if number == 3 else bot).chat.add(title=f"Chat {number}") for number in range(10)]
    result = await b24.batch(calls)

    assert [item.error is None for item in result] == [number != 3 for number in range(10)]
    assert [item.value.chat.name for item in result if item.value] == [f"Chat {n}" for n in range(10) if n != 3]
    assert calls[3].outcome is Outcome.REFUSED
    assert result[3].error.code == "BOT_OWNERSHIP_ERROR"


async def test_any_method_can_be_called_by_its_name(portal, b24):
    call = b24.call("server.time")

    assert isinstance(await call, str)
    assert call.response is not None
    assert call.response.time.duration is not None


@pytest.mark.parametrize(("plan", "limiter"), [(PortalPlan.STANDARD, None), (PortalPlan.ENTERPRISE, ENTERPRISE)])
@pytest.mark.parametrize("coalesce", [True, False])
def test_three_hundred_concurrent_calls_meet_the_request_limit_and_never_hit_it(plan, limiter, coalesce):
    on_virtual_clock(_meet_the_limit)(plan, limiter, coalesce=coalesce)


async def _meet_the_limit(plan: PortalPlan, limiter: Any, *, coalesce: bool) -> None:
    async with standard(plan=plan, limiter=limiter, coalesce=coalesce) as (portal, b24):
        ids = await asyncio.gather(*(b24.im.chat.add(title=f"Chat {number}") for number in range(300)))

    assert [portal.chats[chat_id].title for chat_id in ids] == [f"Chat {number}" for number in range(300)]
    assert len(portal.chats) == 300
    assert portal.refused == 0
    assert portal.hits <= 46 if coalesce else portal.hits == 300


@on_virtual_clock
async def test_a_stranger_on_the_same_address_slows_us_down_without_losing_a_call():
    async def stranger(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.post(f"{url}profile") as response:
                    await response.read()
                await asyncio.sleep(1)

    async with standard(plan=PortalPlan.STANDARD) as (portal, b24):
        noise = asyncio.create_task(stranger(portal.webhook_url))
        ids = await asyncio.gather(*(b24.im.chat.add(title=f"Chat {number}") for number in range(1000)))
        noise.cancel()
        await asyncio.gather(noise, return_exceptions=True)

    assert len(set(ids)) == len(portal.chats) == 1000
    ours = [request for request in portal.requests if request.user_agent.startswith("bitrix_chat/")]
    assert sum(request.status == 503 for request in ours) <= len(ours) / 20


@pytest.mark.parametrize(("told", "real"), [(480, 480), (480, 420), (None, 480)])
@pytest.mark.parametrize("coalesce", [True, False])
def test_the_operating_limit_is_met_and_after_a_first_429_kept(told, real, coalesce):
    on_virtual_clock(_keep_operating_limit)(told, real, coalesce=coalesce)


async def _keep_operating_limit(told: float | None, real: float, *, coalesce: bool) -> None:
    limiter = MemoryRateLimiter(Plan(1e9, 1e8))
    async with (
        Portal(plan=PortalPlan.UNLIMITED, costs={"im.chat.add": 9.0}, operating_limit=real) as portal,
        portal.client(limiter=limiter, operating_limit=told, coalesce=coalesce) as b24,
    ):
        ids = await asyncio.gather(*(b24.im.chat.add(title=f"Chat {number}") for number in range(200)))

    assert len(set(ids)) == len(portal.chats) == 200
    in_flight = 16 * 3 if coalesce else 16  # half a minute's work is three calls of 9 s
    assert portal.blocked <= (0 if told == real else in_flight)


FAULTS: dict[str, tuple[Fault, int, Any]] = {
    "reset before": (Fault(method="im.chat.add", cut=Cut.BEFORE), 0, OutcomeUnknown),
    "reset after": (Fault(method="im.chat.add", cut=Cut.AFTER), 1, OutcomeUnknown),
    "half an answer": (Fault(method="im.chat.add", cut=Cut.TRUNCATE), 1, OutcomeUnknown),
    "502 html, ran": (Fault(method="im.chat.add", status=502, body="<html>", execute=True), 1, OutcomeUnknown),
    "502 html": (Fault(method="im.chat.add", status=502, body="<html>"), 0, OutcomeUnknown),
    "503 html": (Fault(method="im.chat.add", status=503, body="<html>"), 0, OutcomeUnknown),
    "200 html": (Fault(method="im.chat.add", status=200, body="<html>login</html>"), 0, OutcomeUnknown),
    "200 list": (Fault(method="im.chat.add", status=200, body="[]"), 0, OutcomeUnknown),
    "200 null": (Fault(method="im.chat.add", status=200, body="null"), 0, OutcomeUnknown),
    "200 empty": (Fault(method="im.chat.add", status=200, body=""), 0, OutcomeUnknown),
    "500 server error": (
        Fault(method="im.chat.add", status=500, body={"error": "INTERNAL_SERVER_ERROR", "error_description": ""}),
        0,
        OutcomeUnknown,
    ),
    "500 unlisted": (Fault(method="im.chat.add", status=500, body={"error": "NEW_CODE"}), 0, OutcomeUnknown),
    "400 unlisted": (Fault(method="im.chat.add", status=400, body={"error": "NEW_CODE"}), 0, RestError),
    "200 error": (Fault(method="im.chat.add", status=200, body={"error": "ACCESS_DENIED"}), 0, RestError),
    "overload": (Fault(method="im.chat.add", status=503, body={"error": "OVERLOAD_LIMIT"}), 0, RestError),
    "moved": (
        Fault(method="im.chat.add", status=302, headers={"Location": "https://evil.example/"}),
        0,
        UntrustedRedirect,
    ),
}
REPEATED: dict[str, Fault] = {
    "query limit": Fault(
        method="im.chat.add", status=503, body={"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}, times=3
    ),
    "operating limit": Fault(
        method="im.chat.add", status=429, body={"error": "OPERATION_TIME_LIMIT", "error_description": ""}, times=2
    ),
    "slow": Fault(method="im.chat.add", delay=59.0),
}


@pytest.mark.parametrize(("fault", "executed", "raised"), FAULTS.values(), ids=FAULTS)
def test_a_create_whose_fate_is_not_proven_is_never_sent_twice(fault, executed, raised):
    on_virtual_clock(_never_twice)(fault, executed, raised)


async def _never_twice(fault: Fault, executed: int, raised: type[BitrixError]) -> None:
    async with standard(plan=PortalPlan.STANDARD) as (portal, b24):
        portal.faults.add(fault)
        call = b24.im.chat.add(title="Once")

        with pytest.raises(raised) as caught:
            await call

        await asyncio.sleep(300)
    assert portal.executions["im.chat.add"] == len(portal.chats) == executed
    assert portal.hits == 1
    assert caught.value.outcome is call.outcome
    assert (call.outcome is Outcome.UNKNOWN) == (raised is OutcomeUnknown)
    assert str(caught.value).startswith("im.chat.add: ")


@pytest.mark.parametrize("fault", REPEATED.values(), ids=REPEATED)
def test_a_create_that_the_portal_postponed_runs_exactly_once(fault):
    on_virtual_clock(_exactly_once)(fault)


async def _exactly_once(fault: Fault) -> None:
    async with standard(plan=PortalPlan.STANDARD) as (portal, b24):
        portal.faults.add(fault)

        chat_id = await b24.im.chat.add(title="Once")

    assert list(portal.chats) == [chat_id]


@on_virtual_clock
async def test_a_portal_that_never_answers_ends_the_attempt_as_unknown():
    async with standard(plan=PortalPlan.STANDARD) as (portal, b24):
        portal.faults.add(Fault(method="im.chat.add", delay=200.0))
        began = asyncio.get_running_loop().time()

        with pytest.raises(OutcomeUnknown, match="no answer in time"):
            await b24.im.chat.add(title="Late")

        assert 74 <= asyncio.get_running_loop().time() - began <= 77


@on_virtual_clock
async def test_a_read_is_repeated_until_it_is_answered():
    async with standard(plan=PortalPlan.STANDARD) as (portal, b24):
        portal.faults.add(Fault(method="profile", cut=Cut.AFTER, times=3))

        assert (await b24.profile()).id == 1
        assert portal.hits == 4


@on_virtual_clock
async def test_a_call_within_its_time_waits_and_one_beyond_is_refused_at_once():
    async with standard(plan=PortalPlan.STANDARD, timeout=60.0, coalesce=False) as (_, b24):
        calls = [asyncio.create_task(_settled(b24.im.chat.add(title="Chat"))) for _ in range(250)]
        results = await asyncio.gather(*calls)

    # The one whose slot comes at the very deadline may go either way.
    assert sum(isinstance(result, int) for result in results) in {46 + 119, 46 + 120}
    assert all(result.outcome is Outcome.NOT_SENT for result in results if isinstance(result, DeadlineExceeded))


async def _settled(call: Any) -> Any:
    try:
        return await call
    except BitrixError as error:
        return error


def oauth(portal: Portal, **options: Any) -> OAuthAuth:
    pair = portal.oauth
    token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint)
    server = portal.authorization_server
    return OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=server, **options)


@on_virtual_clock
async def test_two_hundred_calls_on_an_expired_token_refresh_once_and_create_two_hundred_chats():
    async with Portal(plan=PortalPlan.STANDARD) as portal:
        auth = oauth(portal)
        portal.expire_tokens()
        async with portal.client(auth) as b24:
            bot = await b24.imbot.bot.register("house_bot", name="House")
            portal.expire_tokens()
            chats = await asyncio.gather(
                *(b24.bot(bot.bot.id).chat.add(title=f"Chat {number}") for number in range(200))
            )

    assert len({created.chat.id for created in chats}) == len(portal.chats) == 200
    assert len(portal.token_requests) == 2
    assert portal.refused == 0


@on_virtual_clock
async def test_a_refused_refresh_reaches_everyone_and_is_not_repeated():
    async with Portal(plan=PortalPlan.STANDARD) as portal, portal.client(oauth(portal)) as b24:
        portal.expire_tokens()
        portal.revoke_refresh_tokens()

        results = await asyncio.gather(*(_settled(b24.im.chat.add(title="Chat")) for _ in range(200)))

        assert {type(result) for result in results} == {ReauthorizationRequired}
        assert len(portal.token_requests) == 1
        assert not portal.chats


@on_virtual_clock
async def test_an_authorization_server_that_is_away_fails_this_time_only():
    async with Portal(plan=PortalPlan.STANDARD) as portal, portal.client(oauth(portal)) as b24:
        portal.expire_tokens()
        portal.faults.add(Fault(method="oauth/token", status=502, body="<html>"))

        with pytest.raises(TokenRefreshFailed):
            await b24.im.chat.add(title="Chat")

        assert await b24.im.chat.add(title="Chat") in portal.chats


async def test_a_bare_access_token_works_until_it_expires(portal, unlimited):
    auth = AccessTokenAuth(portal.oauth.client_endpoint, portal.oauth.access_token)
    async with portal.client(auth, limiter=unlimited) as b24:
        assert (await b24.profile()).id == 1
        portal.expire_tokens()
        with pytest.raises((ReauthorizationRequired, ExpiredToken)):
            await b24.profile()


async def test_the_portal_over_tls(tmp_path):
    async with Portal(plan=PortalPlan.UNLIMITED, tls=True) as portal:
        connector = aiohttp.TCPConnector(ssl=portal.ssl_context())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            portal.client(session=session) as b24,
        ):
            assert await b24.im.chat.add(title="Over TLS") in portal.chats


async def test_a_wrong_webhook_fails_without_saying_its_secret(portal, unlimited, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "canary0webhook"
    async with portal.client(WebhookAuth(f"{portal.url}/rest/1/{secret}/"), limiter=unlimited) as b24:
        with pytest.raises(RestError) as caught:
            await b24.bot(5, token=BOT_TOKEN).chat.add(title="Chat")

        said = "".join(traceback.format_exception(caught.value)) + repr(b24) + caplog.text
    assert "canary" not in said
    assert caught.value.code == "INVALID_CREDENTIALS"
