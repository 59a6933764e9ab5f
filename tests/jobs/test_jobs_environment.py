"""`run_job` for engines that hand nothing over: the environment says who calls and where the journals are."""

import asyncio

import pytest

from bitrix_chat import ChatSpec, InvalidParameter
from bitrix_chat.jobs import Following, close_worker, prepare_jobs, redis_journals, run_job, worker_from_env
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.redis.errors import RedisFailed

NAME = "import-7"
VARIABLES = ("BITRIX24_WEBHOOK_URL", "BITRIX_CHAT_JOURNALS", "BITRIX24_SHARED", "BITRIX24_BOT_TOKEN")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(portal, redis_url, monkeypatch):
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)
    monkeypatch.setenv("BITRIX_CHAT_JOURNALS", redis_url)


async def jobs(b24, redis_url, count):
    specs = [ChatSpec(title=f"Room {number}", key=f"k{number}") for number in range(count)]
    host = await portal_of(b24)
    return await prepare_jobs(specs, portal=host, journal=NAME, journals=redis_journals(redis_url))


async def test_jobs_run_by_the_worker_of_the_environment(environment, b24, redis_url, portal):
    answers = await asyncio.gather(*(run_job(job) for job in await jobs(b24, redis_url, 3)))
    await close_worker()
    assert {answer["state"] for answer in answers} == {"done"}
    assert sorted(chat.title for chat in portal.chats.values()) == ["Room 0", "Room 1", "Room 2"]
    assert len((await Following(NAME, redis_journals(redis_url)).wait()).done) == 3


async def test_after_closing_the_next_job_opens_a_worker_anew(environment, b24, redis_url):
    [job] = await jobs(b24, redis_url, 1)
    first = await run_job(job)
    await close_worker()
    assert await run_job(job) == first
    await close_worker()
    await close_worker()


async def test_the_environment_has_to_name_the_journals(portal):
    with pytest.raises(InvalidParameter, match="BITRIX_CHAT_JOURNALS is not set"):
        await run_job({})
    await close_worker()


async def test_a_server_that_is_away_is_told_at_the_beginning_without_its_password(portal, monkeypatch):
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)
    monkeypatch.setenv("BITRIX_CHAT_JOURNALS", "redis://:SECRETCANARY@127.0.0.1:1")
    with pytest.raises(RedisFailed, match=r"at 127\.0\.0\.1:1 failed") as failed:
        async with worker_from_env():
            pass
    assert "SECRETCANARY" not in str(failed.value)
