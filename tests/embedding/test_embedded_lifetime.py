"""One client for all requests of the process, work beside them, and an end at which neither is lost."""

import asyncio
import logging
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from bitrix_chat import ClientClosed
from bitrix_chat.embedding.aiohttp_web import client_context, worker_context
from bitrix_chat.embedding.fastapi import B24, ReceiverEndpoint, background, get_b24, lifespan, stop_server
from bitrix_chat.events.bot_events import MessageAdded
from bitrix_chat.events.inbox import Inbox
from bitrix_chat.events.router import EventRouter
from tests.embedding.homes import HOMES, on_uvicorn
from tests.events.event_bodies import ALL_DATA, BOT, posted

MESSAGE = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])


async def is_closed(b24):
    try:
        await b24.profile()
    except ClientClosed:
        return True
    return False


async def test_all_requests_share_one_client_which_is_closed_at_the_end(home, made):
    async with home() as served:
        answers = await asyncio.gather(*(served.get("/who") for _ in range(20)))
        assert not await is_closed(made[0])
    assert set(answers) == {(200, str(id(made[0])))}
    assert len(made) == 1
    assert await is_closed(made[0])


async def test_a_client_may_be_made_by_a_coroutine(framework, portal):
    async def make():
        await asyncio.sleep(0)
        return portal.client()

    async with HOMES[framework][0](make) as served:
        assert (await served.get("/who"))[0] == 200


async def test_events_that_are_posted_are_handled_beside_the_requests_and_the_last_before_the_end(home, door, store):
    router, begun, gate, done = EventRouter(), asyncio.Event(), asyncio.Event(), []

    @router.on(MessageAdded)
    async def handle(event):
        begun.set()
        await gate.wait()
        done.append((event.message.text, (await client.profile()).id))

    async def work(b24):
        nonlocal client
        client = b24
        await b24.bot(BOT["id"], token="token").run(router, store=store, source=Inbox(store, pause=0.01))

    client = None
    async with home(door(), work) as served:
        assert await served.post(MESSAGE) == (200, "OK")
        await begun.wait()
        asyncio.get_running_loop().call_later(0.2, gate.set)
        assert done == []
    assert done == [("Ahoy & +1 50%", 1)], "the client outlives the run"
    assert await store.pending() == []


async def test_work_that_fails_is_told_at_once_and_raised_at_the_end(request, home, door, store, caplog):
    told = asyncio.Queue()

    async def work(_):
        raise OSError("the disk is full")

    async def serve():
        async with home(door(), work, on_failure=told.put_nowait) as served:
            assert str(await told.get()) == "the disk is full"
            assert await served.post(MESSAGE) == (200, "OK")

    if request.getfixturevalue("framework") == "aiohttp":
        with pytest.raises(OSError, match="the disk is full"):
            await serve()
    else:
        await serve()  # uvicorn logs what a lifespan raises in the end
        assert "Application shutdown failed" in caplog.text
    assert [record.levelno for record in caplog.records if "has failed" in record.message] == [logging.CRITICAL]
    assert len(await store.pending()) == 1, "it waits for the next process"


async def test_work_that_ends_by_itself_ends_nothing_else(home):
    async def work(b24):
        return (await b24.profile()).id

    async with home(work=work) as served:
        assert (await served.get("/who"))[0] == 200


async def test_a_start_that_fails_on_aiohttp_closes_what_was_opened(make, made):
    ended = []

    async def work(_):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def broken(_):
        await asyncio.sleep(0)
        raise OSError("no database")
        yield

    app = web.Application()
    app.cleanup_ctx.extend([client_context(make), worker_context(work), broken])
    runner = web.AppRunner(app)
    with pytest.raises(OSError, match="no database"):
        await runner.setup()
    await runner.cleanup()
    assert ended
    assert await is_closed(made[0])


async def test_a_lifespan_of_ones_own_may_have_this_one_in_it_and_fail(make, made):
    @asynccontextmanager
    async def own(app):
        async with lifespan(make)(app) as state:
            assert state == {B24: made[0]}
            raise OSError("no database")
            yield

    with pytest.raises(OSError, match="no database"):
        async with own(Starlette()):
            pass
    assert await is_closed(made[0])


async def test_a_worker_that_cannot_begin_stops_those_before_it(make, made):
    ended = []

    async def first(_):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    def second(_):
        raise OSError("no settings")

    with pytest.raises(OSError, match="no settings"):
        async with lifespan(make, first, second)(None):
            pass
    assert await is_closed(made[0])


async def test_a_client_that_cannot_be_made_keeps_the_application_from_starting():
    def make():
        raise OSError("no webhook")

    runner = web.AppRunner(app := web.Application())
    app.cleanup_ctx.append(client_context(make))
    with pytest.raises(OSError, match="no webhook"):
        await runner.setup()
    await runner.cleanup()
    with pytest.raises(OSError, match="no webhook"):
        async with lifespan(make)(None):
            pass


async def test_who_is_in_a_hurry_cancels_once_more_and_does_not_wait_for_what_drains():
    cancelled, drains_now = [], asyncio.Event()

    async def drains():
        while len(cancelled) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                drains_now.set()

    async def serve():
        async with background(drains()):
            await asyncio.sleep(0)

    serving = asyncio.create_task(serve())
    await drains_now.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert len(cancelled) == 2


async def test_the_client_is_found_in_mounted_applications_and_receivers_may_be_mounted(make, made, receiver):
    async def who(request):
        return PlainTextResponse(str(id(await get_b24(request))))

    inner = Starlette(routes=[Route("/who", who)])
    routes = [Mount("/inner", inner), Mount("/events", ReceiverEndpoint(receiver))]
    async with on_uvicorn(Starlette(lifespan=lifespan(make), routes=routes)) as served:
        assert (await served.get("/inner/who"))[1] == str(id(made[0]))
        assert (await served.get("/events/"))[0] == 405


async def test_an_application_without_the_lifespan_is_told_so():
    with pytest.raises(RuntimeError, match="lifespan"):
        await get_b24(HTTPConnection({"type": "http"}))


def test_stopping_the_server_is_what_a_supervisor_would_do():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        stop_server(OSError())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


def ran(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_its_extra_the_module_names_it():
    done = ran("import sys; sys.modules['starlette'] = None; import bitrix_chat.embedding.fastapi")
    assert done.stderr.splitlines()[-1] == (
        'ImportError: this module needs its extra: pip install "bitrix-chat[fastapi]"'
    )
    assert "ModuleNotFoundError" not in done.stderr


@pytest.mark.parametrize(
    ("imports", "frameworks"),
    [
        ("bitrix_chat.client, bitrix_chat.events.bot, bitrix_chat.events.receiver, bitrix_chat.events.inbox", []),
        ("bitrix_chat.embedding.asgi, bitrix_chat.embedding.lifetime", []),
        ("bitrix_chat.embedding.aiohttp_web", ["aiohttp.web"]),
        ("bitrix_chat.embedding.fastapi", ["starlette"]),
    ],
)
def test_nothing_of_a_framework_is_imported_but_by_its_adapter(imports, frameworks):
    known = ["aiohttp.web", "fastapi", "pydantic", "starlette", "uvicorn"]
    done = ran(f"import sys, {imports}; print([name for name in {known} if name in sys.modules])")
    assert done.stdout.strip() == str(frameworks), done.stderr
