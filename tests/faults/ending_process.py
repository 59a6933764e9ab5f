"""A program whose event loop ends while it creates chats, in one of the ways in which programs end."""

import asyncio
import signal
import sys
from contextlib import suppress

import aiohttp

from bitrix_chat import BitrixChat, BitrixError, ChatSpec, Plan, WebhookAuth
from bitrix_chat.bulk.sqlite_journal import SqliteJournal

COUNT = 80
AMPLE = Plan(2200, 1000)


class GivenUpError(Exception):
    """What the program itself fails with."""


def specs():
    return [ChatSpec(title=f"Room {number}", key=f"room-{number}") for number in range(COUNT)]


def client(url, session=None):
    return BitrixChat(WebhookAuth(url), session=session, limiter=AMPLE, quiescence=1.0, allow_insecure_loopback=True)


async def begun(b24, journal):
    """Begin a bulk run and a gather, and return them when both have something in the air."""
    asyncio.get_running_loop().slow_callback_duration = 60.0  # of the machine, which may be busy, nothing is to be said
    running = asyncio.create_task(b24.im.chat.bulk(specs(), journal=journal).run())
    gathering = asyncio.gather(*(b24.im.chat.add(title=f"Hall {number}") for number in range(COUNT)))
    for each in (running, gathering):
        each.add_done_callback(looked_at)
    while not await has_sent(journal):  # noqa: ASYNC110  # what a file holds announces nothing
        await asyncio.sleep(0.01)
    return running, gathering


def looked_at(future):
    """Look at the program's own futures, so that all that Python may still mention is the library's."""
    if not future.cancelled():
        future.exception()


async def has_sent(journal):
    with suppress(BitrixError):  # it is not there yet
        async with SqliteJournal.reading(journal) as reading:
            return (await reading.run()).sent_at is not None
    return False


async def leave(url, journal):
    async with client(url) as b24:
        await begun(b24, journal)


async def fail(url, journal):
    async with client(url) as b24:
        await begun(b24, journal)
        raise GivenUpError


async def forget_the_client(url, journal):
    async with aiohttp.ClientSession() as session:
        await begun(client(url, session), journal)


async def be_interrupted(url, journal):
    async with client(url) as b24:
        under_way = await begun(b24, journal)
        signal.raise_signal(signal.SIGINT)
        await asyncio.gather(*under_way)


WAYS = {way.__name__: way for way in (leave, fail, forget_the_client, be_interrupted)}

if __name__ == "__main__":
    # Whatever was begun in the background of a shell is born deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(GivenUpError, KeyboardInterrupt):
        asyncio.run(WAYS[sys.argv[1]](*sys.argv[2:]))
