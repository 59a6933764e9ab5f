"""Every example of README runs."""

import asyncio
import inspect
import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from docket import Docket
from docket import Worker as Engine
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

from bitrix_chat import (
    STANDARD,
    BitrixChat,
    BulkReport,
    ChatSpec,
    DesiredBot,
    EventRouter,
    FileTokenStore,
    MessageAdded,
    OAuthAuth,
    Plan,
    SqliteEventStore,
    Token,
    WebhookReceiver,
    application_token_of_bot,
)
from bitrix_chat.jobs import OneClient, Worker, close_worker, redis_journals
from bitrix_chat.jobs.docket import chat_tasks
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.redis import RedisServer, RedisTokenStore
from tests import redis_server
from tests.redis.buckets import drain

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
OWN = {
    "webhook": "https://acme.bitrix24.com/rest/1/your_secret/",
    "client_id": "local.app_id",
    "client_secret": "app_secret",
    "store": 'store=FileTokenStore("token.json")',
    "installations": "installations=installed",
}
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    with Portal(plan=PortalPlan.UNLIMITED).in_thread() as portal:
        monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)
        # The reader's portal speaks https; this one is on loopback and does not.
        defaults = BitrixChat.__init__.__kwdefaults__
        monkeypatch.setitem(defaults, "allow_insecure_loopback", True)
        yield portal


@pytest.fixture
def bot_id(portal: Portal) -> int:
    async def register() -> int:
        async with portal.client(limiter=Plan(1e9, 1e8)) as b24:
            return (await b24.imbot.bot.register("support_bot", name="Support", token="my_bot_token")).bot.id

    return asyncio.run(register())


def example(name: str, **instead: str) -> dict[str, Any]:
    """Run the block that holds `name`, with words replaced that stand for the reader's own, and return its names."""
    (block,) = [block for block in BLOCKS if name in block]
    for word, other in instead.items():
        assert OWN[word] in block
        block = block.replace(OWN[word], other)
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, f"README: {name}", "exec"), namespace)  # noqa: S102
    return namespace


def test_every_block_is_run_by_a_test_below():
    source = inspect.getsource(sys.modules[__name__])
    named = re.findall(r'example\("([^"]+)"', source)

    assert {index for name in named for index, block in enumerate(BLOCKS) if name in block} == set(range(len(BLOCKS)))


def test_the_first_chat(portal, capsys):
    example("created.chat.dialog_id", webhook=portal.webhook_url)

    dialog_id, chat_id = capsys.readouterr().out.split()
    assert portal.chats[int(dialog_id.removeprefix("chat"))].title == "Support Chat"
    assert portal.chats[int(chat_id)].title == "Deal 1663"


def test_logging_in(portal, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store = f"{OWN['store']}, authorization_server={portal.authorization_server!r}"
    app = {"client_id": portal.oauth.client_id, "client_secret": portal.oauth.client_secret}
    names = example("login_url", store=store, **app)

    async def log_in() -> int:
        async with await names["callback"](portal.authorize()) as b24:
            return (await b24.profile()).id

    assert names["login_url"]("xyz").startswith("https://acme.bitrix24.com/oauth/authorize/?")
    assert asyncio.run(log_in()) == 1
    assert (tmp_path / "token.json").stat().st_mode & 0o777 == 0o600


def test_a_strategy_of_your_own(portal):
    assert asyncio.run(example("VaultAuth")["who_am_i"]()) == 1


def test_many_chats(portal):
    ids = asyncio.run(example("chats_for")["chats_for"](list(range(30))))

    assert [portal.chats[chat_id].title for chat_id in ids] == [f"Deal {number}" for number in range(30)]


def test_a_chat_with_its_first_message(portal, bot_id, capsys):
    dialog_id = asyncio.run(example("greet")["greet"](bot_id, "my_bot_token"))

    assert portal.chats[int(dialog_id.removeprefix("chat"))].messages[-1].text == "Hello!"
    assert capsys.readouterr().out == ""


def on_a_chat(portal: Portal, use: Any) -> Any:
    async def main() -> Any:
        async with portal.client(limiter=Plan(1e9, 1e8)) as b24:
            return await use(b24, f"chat{await b24.im.chat.add(message='Good morning')}")

    return asyncio.run(main())


def test_a_message_with_a_keyboard(portal, bot_id):
    report = example("GridBlock")["report"]

    async def use(b24, dialog_id):
        await b24.im.chat.user.add(int(dialog_id.removeprefix("chat")), [bot_id])
        sent = await report(b24, bot_id, "my_bot_token", dialog_id, "[b]Eve[/b]")
        return [message async for message in b24.im.dialog.messages.iter_messages(dialog_id) if message.id == sent]

    (message,) = on_a_chat(portal, use)
    assert message.text.startswith("[b]New order[/b] of ")
    assert "[b]Eve" not in message.text
    assert message.params["KEYBOARD"]
    assert message.params["ATTACH"]


def test_a_transcript(portal):
    transcript = example("transcript")["transcript"]
    assert on_a_chat(portal, transcript) == ["Good morning"]


def test_a_file_there_and_back(portal, tmp_path):
    keep = example("upload")["keep"]
    assert on_a_chat(portal, lambda b24, dialog_id: keep(b24, dialog_id, tmp_path / "report.txt")) == 11
    assert (tmp_path / "report.txt").read_bytes() == b"All is well"


def test_limits(portal):
    assert asyncio.run(example("quickly")["quickly"](portal.webhook_url)) in portal.chats


def test_one_chat_a_key(portal):
    chat_of_deal = example("chat_of_deal")["chat_of_deal"]

    async def main() -> list[int | None]:
        async with portal.client() as b24:
            return await asyncio.gather(*(chat_of_deal(b24, 1663) for _ in range(5)))

    assert asyncio.run(main()) == [next(iter(portal.chats))] * 5
    assert len(portal.chats) == 1


def test_open_telemetry():
    instrument = example("AioHttpClientInstrumentor")["instrument"]
    try:
        instrument()
    finally:
        AioHttpClientInstrumentor().uninstrument()


def test_the_fixture(portal):
    example("test_it_creates_a_chat")["test_it_creates_a_chat"](portal)


def test_faults_on_a_virtual_clock():
    example("test_a_lost_answer_makes_no_second_chat")["test_a_lost_answer_makes_no_second_chat"]()


def ran(words: list[str], portal: Portal, folder: pathlib.Path) -> str:
    """Run a command that has to succeed and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "bitrix_chat", *words[1:]],
        env=os.environ | {"BITRIX24_WEBHOOK_URL": portal.webhook_url},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_many_chats_from_the_command_line(portal, tmp_path):
    (tmp_path / "chats.csv").write_text("title,user_ids,key\nDeal 1,2 3,deal-1\nDeal 2,,deal-2\n", encoding="utf-8")
    (block,) = [block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "--journal" in block]

    for command in block.splitlines():
        ran(shlex.split(command), portal, tmp_path)

    assert sorted(chat.title for chat in portal.chats.values()) == ["Deal 1", "Deal 2"]
    assert len((tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.fixture
def deals() -> dict[int, str]:
    return {number: f"Deal {number}" for number in range(1, 8)}


def test_ten_thousand_chats(portal, deals, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    async def create_and_go_on() -> None:
        async with portal.client() as b24:
            report = await example("chats_of_deals")["chats_of_deals"](b24, deals)
            assert [result.chat_id for result in report.done] == sorted(portal.chats)
        async with portal.client() as b24:
            await example("go_on")["go_on"](b24)

    asyncio.run(create_and_go_on())
    assert "limited by" in capsys.readouterr().out
    assert len((tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines()) == len(portal.chats) == 7


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("bitrix-chat")])
def test_each_command(command, portal, bot_id, tmp_path):
    words = shlex.split(command.replace("--bot-id 25", f"--bot-id {bot_id}"))
    asyncio.run(portal.user().say(bot_id, "Hello"))

    assert ran(words, portal, tmp_path).startswith("User: Hello" if "echo-bot" in words else "{")


TEXTS = ["Where is the lamp?", "And the table?"]


def said_by(portal: Portal, bot_id: int) -> list[str]:
    messages = [message for chat in list(portal.chats.values()) for message in list(chat.messages)]
    return [message.text for message in messages if message.author == bot_id]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # the portal lives in another thread
            await asyncio.sleep(0.02)


async def cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_bot_that_answers(portal, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = example("DesiredBot")

    async def main() -> int:
        async with portal.client() as b24:
            bot_id = (await b24.ensure_bot(names["DESK"])).bot.id
        await portal.user(2).say(bot_id, "Where is [b]the lamp[/b]?")
        await portal.user(2).use_command(bot_id, "/status 17")
        running = asyncio.create_task(names["main"]())
        await until(lambda: running.done() or len(said_by(portal, bot_id)) == 2)
        await cancelled(running)
        assert portal.pending_events.get(bot_id, []) == []
        return bot_id

    bot_id = asyncio.run(main())
    first, second = said_by(portal, bot_id)
    assert first.startswith("We are looking at [i]Where is ")
    assert "[b]" not in first
    assert second == "On its way: 17"
    assert capsys.readouterr().out.strip() == ""  # the bot was as it is declared


def test_a_bot_is_declared_and_what_was_changed_is_told(portal):
    desk = example("DesiredBot")["DESK"]

    async def main() -> None:
        async with portal.client() as b24:
            told = await b24.ensure_bot(desk)
            assert str(told.changes[0]) == "code: nothing -> 'help_desk'"
            assert (await b24.bot(told.bot.id, token="my_bot_token").ensure(desk)).changes == ()

    asyncio.run(main())


def test_events_without_a_router(portal, bot_id, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed = example("print_events"), []
    names["print"] = lambda *words: printed.append(words)

    async def main() -> None:
        for text in TEXTS:
            await portal.user(2).say(bot_id, text)
        async with portal.client() as b24:
            printing = asyncio.create_task(names["print_events"](b24, bot_id, "my_bot_token"))
            await until(lambda: printing.done() or printed.count(("ONIMBOTV2MESSAGEADD", "2", 1)) == len(TEXTS))
            await cancelled(printing)

    asyncio.run(main())
    assert len(portal.pending_events.get(bot_id, [])) <= 1  # the last one, if it was not acknowledged yet


@pytest.fixture
def echo() -> EventRouter:
    router = EventRouter()

    @router.on(MessageAdded)
    async def echo(event: MessageAdded) -> None:
        await event.answer(f"You said: {event.message.text}")

    return router


@asynccontextmanager
async def on_aiohttp(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def on_uvicorn(app: Any) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started or serving.done())
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def is_answered(portal: Portal, bot_id: int, url: str) -> None:
    """Have the bot's events posted to a server, and see that each message is answered."""
    desired = DesiredBot(token="my_bot_token", event_mode="webhook", webhook_url=f"{url}/bitrix24/events")
    async with portal.client() as b24:
        await b24.bot(bot_id, token="my_bot_token").ensure(desired)
    for text in TEXTS:
        await portal.user(2).say(bot_id, text)
    await portal.all_delivered()
    await until(lambda: len(said_by(portal, bot_id)) == len(TEXTS))
    assert said_by(portal, bot_id) == [f"You said: {text}" for text in TEXTS]
    assert {delivery.status for delivery in portal.deliveries} == {200}


def test_posted_events_in_aiohttp(portal, bot_id, echo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        async with on_aiohttp(example("desk_on_aiohttp")["desk_on_aiohttp"](bot_id, echo)) as url:
            await is_answered(portal, bot_id, url)

    asyncio.run(main())


def test_posted_events_in_fastapi(portal, bot_id, echo, tmp_path):
    desk_on_fastapi = example("desk_on_fastapi")["desk_on_fastapi"]

    async def main() -> int:
        async with SqliteEventStore(tmp_path / "events.sqlite") as store:
            token = application_token_of_bot("my_bot_token")
            receiver = WebhookReceiver(application_token=token, store=store)
            async with (
                on_uvicorn(desk_on_fastapi(bot_id, echo, receiver, store)) as url,
                aiohttp.ClientSession() as session,
                session.post(f"{url}/chats", params={"title": "Deal 1663"}) as response,
            ):
                await is_answered(portal, bot_id, url)
                chat_id: int = await response.json()
                return chat_id

    assert portal.chats[asyncio.run(main())].title == "Deal 1663"


def test_an_installation_is_verified_and_its_tokens_are_kept(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hosts = f"{OWN['installations']}, hosts={[portal.url, portal.authorization_server]!r}"
    secret = f'{portal.oauth.client_secret}", authorization_server="{portal.authorization_server}'
    names = example("Installation", installations=hosts, client_id=portal.oauth.client_id, client_secret=secret)
    form = "application/x-www-form-urlencoded"

    async def main() -> None:
        await portal.install_application("http://127.0.0.1:9/", user_id=2)
        await portal.all_delivered()
        body = portal.deliveries[0].body
        assert (await names["receiver"].handle(body, form)).status == 200
        assert await names["token_of"](portal.oauth.member_id) == portal.application_token
        kept = FileTokenStore(f"{portal.oauth.member_id}.json")
        auth = OAuthAuth(portal.oauth.client_id, portal.oauth.client_secret, store=kept)
        async with portal.client(auth) as b24:
            assert (await b24.profile()).id == 2

    asyncio.run(main())


def test_an_installation_of_another_application_is_refused(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hosts = f"{OWN['installations']}, hosts={[portal.url, portal.authorization_server]!r}"
    names = example("Installation", installations=hosts)

    async def main() -> int:
        await portal.install_application("http://127.0.0.1:9/", user_id=2)
        await portal.all_delivered()
        response = await names["receiver"].handle(portal.deliveries[0].body, "application/x-www-form-urlencoded")
        status: int = response.status
        return status

    assert asyncio.run(main()) == 403
    assert names["known"] == {}
    assert list(tmp_path.iterdir()) == []


def test_a_fake_bot():
    example("test_it_goes_on_after_a_crash")["test_it_goes_on_after_a_crash"]()


@pytest.fixture
def redis_that_may_hold_tokens() -> Iterator[str]:
    """A server whose files are not searched for secrets: tokens are what it is there to keep."""
    with TemporaryDirectory() as folder, redis_server.running(pathlib.Path(folder)) as server:
        yield server.url


def token_of(portal: Portal) -> Token:
    grant = portal.oauth
    return Token(grant.access_token, grant.refresh_token, grant.client_endpoint, grant.member_id)


def host_of(portal: Portal) -> str:
    return portal.url.partition("//")[2]


def application(portal: Portal) -> tuple[str, str]:
    return portal.oauth.client_id, portal.oauth.client_secret


def test_workers_of_one_machine(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    worker_client = example("worker_client")["worker_client"]

    async def main() -> list[int]:
        await FileTokenStore("token.json").save(token_of(portal))
        async with worker_client(*application(portal)) as one, worker_client(*application(portal)) as other:
            return [(await b24.profile()).id for b24 in (one, other)]

    assert asyncio.run(main()) == [1, 1]
    assert [path.suffix for path in (tmp_path / "bitrix_chat").iterdir() if path.suffix == ".limit"] == [".limit"]


def test_everything_in_redis(portal, redis_that_may_hold_tokens, capsys):
    on_any_machine = example("on_any_machine")["on_any_machine"]

    async def main() -> BulkReport[int]:
        server = RedisServer(redis_that_may_hold_tokens)
        await RedisTokenStore(server, "acme").save(token_of(portal))
        drain(redis_that_may_hold_tokens, host_of(portal), STANDARD)
        await server.close()
        return await on_any_machine(*application(portal), redis_that_may_hold_tokens, [ChatSpec(title="Spring")])

    report = asyncio.run(main())
    assert [portal.chats[result.chat_id].title for result in report.done] == ["Spring"]
    assert capsys.readouterr().out == "[]\n"


def test_many_portals(portal, tmp_path):
    names = example("of_application")

    async def main() -> int:
        async with names["registry"](*application(portal), tmp_path) as portals:
            chat_id: int = await names["welcome"](portals, token_of(portal))
            return chat_id

    assert portal.chats[asyncio.run(main())].messages[-1].text == "Hello!"
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{portal.oauth.member_id}.json"]


def test_chats_as_jobs(portal, redis_url, capsys):
    import_deals = example("import_deals")["import_deals"]

    async def main() -> BulkReport[int]:
        async with (
            portal.client(limiter=Plan(1e9, 1e8)) as b24,
            Docket(name=f"bitrix-chat:{host_of(portal)}", url=redis_url) as docket,
        ):
            for task in chat_tasks(Worker(clients=OneClient(b24), journals=redis_journals(redis_url))):
                docket.register(task)
            async with Engine(docket) as engine:
                working = asyncio.create_task(engine.run_forever())
                report = await import_deals(redis_url, host_of(portal), [7, 8])
                working.cancel()
                await asyncio.wait([working])
                return report

    report = asyncio.run(main())
    assert sorted(portal.chats[result.chat_id].title for result in report.results) == ["Deal 7", "Deal 8"]
    assert "of 2" in capsys.readouterr().out


def test_jobs_of_any_engine(portal, redis_url, monkeypatch):
    names = example("jobs_for")
    monkeypatch.setenv("BITRIX_CHAT_JOURNALS", redis_url)
    drain(redis_url, host_of(portal), STANDARD)

    async def main() -> list[dict[str, Any]]:
        try:
            jobs = await names["jobs_for"](redis_url, host_of(portal), [ChatSpec(title="Deal 9", key="deal-9")])
            return [await names["create_chat"](job) for job in [*jobs, *jobs]]
        finally:
            await close_worker()

    once, again = asyncio.run(main())
    assert once == again
    assert portal.chats[once["chat_id"]].title == "Deal 9"
    assert len(portal.chats) == 1


def test_there_are_two_commands_of_one_line_each():
    lines = [line for line in COMMANDS if line.startswith("python3 -m venv")]

    assert [line.split(" && ")[-1].split()[0] for line in lines] == [".venv/bin/bitrix-chat", ".venv/bin/pytest"]
