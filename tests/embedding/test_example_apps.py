"""Both example applications at work, as processes: a hundred clients at once, events from the portal, and the end."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bitrix_chat.portal import DeliveryState, Plan, Portal

EXAMPLES = Path(__file__).parents[2] / "examples"
EXIT_CODES = {"aiohttp_app.py": 0, "fastapi_app.py": -signal.SIGTERM}  # uvicorn ends by the signal it was sent
APPS = pytest.mark.parametrize("script", EXIT_CODES)
CLIENTS = 100


@pytest.fixture
def portal():
    with Portal(plan=Plan.UNLIMITED, users=CLIENTS).in_thread() as portal:
        yield portal


class App:
    """An example in a process of its own."""

    def __init__(self, script, portal, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.script = script
        self.variables = {
            "BITRIX24_WEBHOOK_URL": portal.webhook_url,
            "BITRIX24_EMULATOR": "1",
            "BOT_TOKEN": "desk-token",
            "PUBLIC_URL": self.url,
            "PORT": str(port),
            "EVENTS_FILE": str(folder / "events.sqlite"),
        }
        self.log = b""

    @asynccontextmanager
    async def running(self, session):
        """Start it, wait until it answers, and end it by SIGTERM if the test has not."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            str(EXAMPLES / self.script),
            env=os.environ | self.variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        reading = asyncio.create_task(process.stdout.read())
        try:
            await self._answers(session, process)
            yield process
            if process.returncode is None:
                process.terminate()
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            self.log += await reading
            await process.wait()

    async def _answers(self, session, process):
        while process.returncode is None:
            try:
                async with session.post(f"{self.url}/nothing"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)

    async def chat(self, session, key):
        """Ask for a chat with a visitor, and return its id."""
        number = int(key.partition("-")[2])
        wanted = {"key": key, "title": f"Room of {key}", "user_ids": [number + 2]}
        async with session.post(f"{self.url}/chats", json=wanted) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["chat_id"]


@pytest.fixture
def app(request, portal, tmp_path):
    return App(request.getfixturevalue("script"), portal, tmp_path)


def rooms(portal):
    return {chat_id: chat for chat_id, chat in portal.chats.items() if chat.title.startswith("Room of deal-")}


def answers(portal, chat_id):
    texts = [message.text for message in portal.chats[chat_id].messages]
    return [text for text in texts if text.startswith("We are looking at")]


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # the portal lives in another thread
            await asyncio.sleep(0.02)


@pytest.mark.slow
@APPS
async def test_a_hundred_clients_get_a_chat_each_and_each_visitor_is_answered_once(script, portal, app):
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, app.running(session) as process:
        keys = [f"deal-{number}" for number in range(CLIENTS)]
        # Everybody asks twice, as after a lost answer.
        created = await asyncio.gather(*(app.chat(session, key) for key in (*keys, *keys)))
        assert created[:CLIENTS] == created[CLIENTS:]
        assert sorted(created[:CLIENTS]) == sorted(rooms(portal))

        await asyncio.gather(
            *(
                portal.user(number + 2).say(f"chat{chat_id}", f"Lamp {number}")
                for number, chat_id in enumerate(created[:CLIENTS])
            )
        )
        await portal.all_delivered()
        await until(lambda: all(answers(portal, chat_id) for chat_id in rooms(portal)))
        process.terminate()
        assert await process.wait() == EXIT_CODES[script]

    assert all(
        answers(portal, chat_id) == [f"We are looking at “Lamp {number}”."]
        for number, chat_id in enumerate(created[:CLIENTS])
    )
    assert {delivery.state for delivery in portal.deliveries} == {DeliveryState.ANSWERED}
    assert {delivery.status for delivery in portal.deliveries} == {200}
    assert len(portal.bots) == 1
    assert b"Traceback" not in app.log
    assert b"desk-token" not in app.log


@APPS
async def test_what_was_posted_before_the_end_is_answered_by_the_next_process_if_not_by_this_one(script, portal, app):
    async with aiohttp.ClientSession() as session:
        async with app.running(session) as process:
            chat_id = await app.chat(session, "deal-0")
            for number in range(40):
                await portal.user(2).say(f"chat{chat_id}", f"Lamp {number}")
            await portal.all_delivered()
            process.terminate()
            await process.wait()
        statuses = {delivery.status for delivery in portal.deliveries}
        async with app.running(session):
            assert await app.chat(session, "deal-0") == chat_id
            await until(lambda: len(answers(portal, chat_id)) >= 40)

    assert statuses == {200}
    # The portal posts over several connections at a time, in no order.
    assert sorted(answers(portal, chat_id)) == sorted(f"We are looking at “Lamp {number}”." for number in range(40))
    assert len(rooms(portal)) == len(portal.bots) == 1
    assert b"Traceback" not in app.log


@APPS
async def test_a_bot_that_cannot_be_registered_keeps_the_application_from_starting(script, portal, app):
    app.variables["BITRIX24_WEBHOOK_URL"] = f"{portal.url}/rest/1/unknown/"
    async with aiohttp.ClientSession() as session, app.running(session) as process:
        assert await process.wait() > 0
    assert b"INVALID_CREDENTIALS" in app.log


@APPS
async def test_a_wrong_request_is_the_clients_fault(script, portal, app):
    async with aiohttp.ClientSession() as session, app.running(session):
        for wanted in ({"title": "No key"}, {"key": " ", "title": "x", "user_ids": [2]}, [], "x"):
            async with session.post(f"{app.url}/chats", json=wanted) as response:
                assert 400 <= response.status < 500
    assert rooms(portal) == {}
    assert b"Traceback" not in app.log
    assert portal.webhook_url.split("/")[-2].encode() not in app.log
