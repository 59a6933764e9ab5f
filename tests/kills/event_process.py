"""A bot in a process that is going to be killed: it is ready, is told to begin, and handles events until it is stopped.

What it does is written into a file, one line an act, so that nothing of it is lost with the process.
"""

import asyncio
import os
import random
import sys
import time

from bitrix_chat import BitrixChat, Plan, WebhookAuth
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.events.types import MessageAdded

BOT_TOKEN = "house-bot-token"
AMPLE = Plan(2200, 1000)


def say(word):
    print(word, flush=True)  # noqa: T201  # whoever started us reads it


def router_over(diary):
    router = EventRouter()

    def note(act, event):
        line = f"{time.monotonic_ns()} {os.getpid()} {act} {event.id} {event.dialog_id} {event.message.text}\n"
        os.write(diary, line.encode())

    @router.on(MessageAdded)
    async def handle(event: MessageAdded, delivery: Delivery) -> None:
        note("begin", event)
        await asyncio.sleep(random.uniform(0.0, 0.02))  # noqa: S311
        if delivery.attempt == 1 and random.random() < 0.05:  # noqa: S311
            raise RuntimeError("bad luck")
        note("end", event)

    return router


async def work(url, bot_id, path, diary):
    async with (
        BitrixChat(WebhookAuth(url), limiter=AMPLE, allow_insecure_loopback=True) as b24,
        SqliteEventStore(path) as store,
    ):
        bot = b24.bot(int(bot_id), token=BOT_TOKEN)
        router = router_over(os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
        say("ready")
        if not sys.stdin.readline().strip():
            return
        stream = bot.events.stream(store, limit=50, idle=(0.1, 0.3), busy=0.05)
        running = asyncio.create_task(bot.run(router, store=store, source=stream, backoff=0.05))
        say("begun")
        await asyncio.to_thread(sys.stdin.readline)
        running.cancel()
        await asyncio.wait([running])


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
