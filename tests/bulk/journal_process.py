"""Another process with a journal: it works until it is killed or no file may grow, forks, or reads without rights."""

import asyncio
import os
import resource
import sys
import warnings
from datetime import UTC, datetime

from bitrix_chat import BitrixError
from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.bulk.sqlite_journal import SqliteJournal

COUNT = 400


def say(*words):
    print(*words, flush=True)  # noqa: T201  # whoever started us reads it


async def begun(path):
    journal = SqliteJournal(path)
    await journal.begin(Run(method="im.chat.add", portal="portal.example"))
    return journal


async def work(path):
    journal = await begun(path)
    await journal.add([Intent(number=number, spec="{}") for number in range(COUNT)])
    say("added")
    for number in range(COUNT):
        await journal.departing([number], datetime.now(UTC), 1.0)
        say("sent", number)
        await journal.finish([Ending(number=number, state=IntentState.DONE, chat_id=number + 1)])
        say("done", number)
    await asyncio.Event().wait()


async def fill(path):
    journal = await begun(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    for number in range(COUNT):
        try:
            await journal.add([Intent(number=number, spec="canary" * 2000)])
        except JournalError as error:
            say(number, type(error.__cause__).__name__, "canary" in str(error))
            break
    os._exit(0)


async def read(path):
    if os.geteuid() == 0:
        os.setuid(65534)  # to whom rights apply
    try:
        async with SqliteJournal.reading(path) as journal:
            say(len(await journal.read()))
    except JournalError as error:
        say(error)


def fork(path):
    journal = asyncio.run(begun(path))
    warnings.simplefilter("ignore")  # of threads: the one of the journal is what this is about
    if os.fork() == 0:
        try:
            asyncio.run(journal.read())
        except BitrixError as error:
            say(type(error).__name__)
        os._exit(0)
    os.wait()
    say(len(asyncio.run(journal.read())))
    asyncio.run(journal.close())


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        fork(sys.argv[2])
    else:
        asyncio.run({"work": work, "fill": fill, "read": read}[sys.argv[1]](sys.argv[2]))
