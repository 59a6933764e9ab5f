"""The client as a thing to make, share and close."""

import asyncio
import warnings

import aiohttp
import pytest

from bitrix_chat import (
    ENTERPRISE,
    AuthStrategy,
    BitrixChat,
    ClientClosed,
    Credentials,
    InvalidParameter,
    InvalidPortalUrl,
    MemoryRateLimiter,
    Plan,
    ReauthorizationRequired,
    WebhookAuth,
)
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock

WEBHOOK = "https://acme.bitrix24.example/rest/1/canarysecret/"


class EnvironmentAuth:
    """A strategy that a user wrote."""

    def __init__(self, endpoint: str) -> None:
        self._credentials = Credentials(endpoint)

    async def credentials(self) -> Credentials:
        return self._credentials

    async def renew(self, rejected: Credentials) -> Credentials:
        raise ReauthorizationRequired("write a new webhook into the environment")


async def test_a_strategy_of_the_users_own_is_one(portal, unlimited):
    auth = EnvironmentAuth(portal.webhook_url)

    assert isinstance(auth, AuthStrategy)
    async with portal.client(auth, limiter=unlimited) as b24:
        assert (await b24.profile()).id == 1


async def test_a_callers_session_stays_open_and_unchanged(portal, unlimited):
    async with aiohttp.ClientSession() as session:
        async with portal.client(session=session, limiter=unlimited) as b24:
            await b24.profile()

        assert not session.closed
        async with session.get(portal.webhook_url + "profile") as response:
            assert response.status == 200


async def test_a_client_is_closed_once_and_for_all(portal, unlimited):
    b24 = portal.client(limiter=unlimited)
    await b24.profile()
    await b24.close()
    await b24.close()

    with pytest.raises(ClientClosed):
        await b24.profile()


async def test_a_client_that_was_never_used_closes_without_a_sound():
    async with BitrixChat(WebhookAuth(WEBHOOK)):
        pass


@on_virtual_clock
async def test_no_task_is_left_behind():
    b24 = BitrixChat(
        WebhookAuth("http://127.0.0.1:9/rest/1/secret0/"),
        limiter=MemoryRateLimiter(Plan(1e9, 1e8)),
        allow_insecure_loopback=True,
    )
    task = asyncio.create_task(b24.im.chat.add(title="Chat"))
    await asyncio.sleep(0.05)
    await b24.close()
    await asyncio.gather(task, return_exceptions=True)

    assert len(asyncio.all_tasks()) == 1


def test_a_client_can_be_made_before_the_loop_runs():
    b24 = BitrixChat(WebhookAuth(WEBHOOK))

    assert "canary" not in repr(b24)
    asyncio.run(b24.close())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"auth": WEBHOOK}, "`auth` is str, not WebhookAuth"),
        ({"auth": None}, "`auth` is NoneType"),
        ({"auth": WebhookAuth}, "`auth` is the class WebhookAuth"),
        ({"session": "x"}, "`session` is str"),
        ({"limiter": "enterprise"}, "`limiter` is str"),
        ({"limiter": MemoryRateLimiter}, "`limiter` is the class MemoryRateLimiter"),
        ({"operating_limit": 0}, "`operating_limit` is 0"),
        ({"max_in_flight": 0}, "`max_in_flight` is 0"),
        ({"max_in_flight": 2.5}, "`max_in_flight` is 2.5"),
    ],
)
def test_what_cannot_work_is_refused_by_its_name(arguments, fault):
    with pytest.raises(InvalidParameter, match=fault):
        BitrixChat(**{"auth": WebhookAuth(WEBHOOK)} | arguments)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True])
def test_a_timeout_of_no_time_is_refused(timeout):
    with pytest.raises(InvalidParameter, match="`timeout`"):
        BitrixChat(WebhookAuth(WEBHOOK), timeout=timeout)


async def test_the_environment_names_a_webhook(portal):
    async with BitrixChat.from_env({"BITRIX24_WEBHOOK_URL": portal.webhook_url}, allow_insecure_loopback=True) as b24:
        assert (await b24.profile()).id == 1


async def test_the_environment_names_an_application(portal, tmp_path):
    pair = portal.oauth
    environ = {
        "BITRIX24_CLIENT_ID": pair.client_id,
        "BITRIX24_CLIENT_SECRET": pair.client_secret,
        "BITRIX24_ACCESS_TOKEN": pair.access_token,
        "BITRIX24_REFRESH_TOKEN": pair.refresh_token,
        "BITRIX24_CLIENT_ENDPOINT": pair.client_endpoint,
    }
    async with BitrixChat.from_env(environ, allow_insecure_loopback=True) as b24:
        assert (await b24.profile()).id == 1
    file = {name: environ[name] for name in ("BITRIX24_CLIENT_ID", "BITRIX24_CLIENT_SECRET")}
    async with BitrixChat.from_env(
        file | {"BITRIX24_TOKEN_FILE": str(tmp_path / "token.json")}, allow_insecure_loopback=True
    ) as b24:
        with pytest.raises(ReauthorizationRequired):
            await b24.profile()


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "BITRIX24_CLIENT_ID or BITRIX24_WEBHOOK_URL"),
        ({"BITRIX24_CLIENT_ID": "local.1"}, "BITRIX24_CLIENT_SECRET"),
        ({"BITRIX24_CLIENT_ID": "local.1", "BITRIX24_CLIENT_SECRET": "s"}, "BITRIX24_ACCESS_TOKEN"),
    ],
)
def test_a_missing_variable_is_named(environ, missing):
    with pytest.raises(InvalidParameter, match=missing):
        BitrixChat.from_env(environ)


def test_a_wrong_webhook_in_the_environment_is_explained():
    with pytest.raises(InvalidPortalUrl):
        BitrixChat.from_env({"BITRIX24_WEBHOOK_URL": "acme.bitrix24.example"})


async def test_cancelling_one_call_leaves_the_others_alone(b24, portal):
    tasks = [asyncio.create_task(b24.im.chat.add(title=f"Chat {number}")) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert sum(isinstance(result, int) for result in results) == 19
    assert isinstance(results[3], asyncio.CancelledError)


async def test_an_interrupted_program_leaves_no_warning(portal):
    async with portal.client(limiter=MemoryRateLimiter(Plan(5, 2))) as b24:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ExceptionGroup):
                await _interrupted(b24)


async def _interrupted(b24: BitrixChat) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(b24.im.chat.add(title=f"Chat {number}"))
        group.create_task(_fail())


async def _fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("the program's own")


@on_virtual_clock
async def test_two_clients_of_one_webhook_share_the_operating_budget():
    async with Portal(plan=PortalPlan.UNLIMITED, costs={"im.chat.add": 50.0}, operating_limit=480) as portal:
        first, second = (portal.client(limiter=ENTERPRISE) for _ in range(2))
        for number in range(24):
            await (first, second)[number % 2].im.chat.add(title="Chat")
        await first.close()
        await second.close()

    assert portal.blocked == 0


async def test_a_strategy_may_hand_out_the_url_as_it_was_copied(portal, unlimited):
    for copied in (portal.webhook_url.rstrip("/"), portal.webhook_url + "profile.json", f" {portal.webhook_url} "):
        async with BitrixChat(EnvironmentAuth(copied), limiter=unlimited, allow_insecure_loopback=True) as b24:
            assert (await b24.profile()).id == 1


async def test_an_address_without_encryption_is_no_credential():
    with pytest.raises(InvalidPortalUrl):
        Credentials("http://acme.bitrix24.example/rest/1/secret0/")
