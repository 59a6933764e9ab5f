"""A bulk run in a process that is going to be killed: it is ready, is told how to begin, says so, and creates chats."""

import asyncio
import sys

import bitrix_chat.bulk.job  # noqa: F401  # so that nothing is left to import once it is ready
from bitrix_chat import BitrixChat, ChatSpec, Plan, WebhookAuth

BOT_TOKEN = "house-bot-token"
QUIESCENCE = 1.0
AMPLE = Plan(2200, 1000)


def title_of(key):
    return f"Room of {key}"


def specs(count):
    return [ChatSpec(title=title_of(f"deal-{number}"), key=f"deal-{number}") for number in range(count)]


def say(word):
    print(word, flush=True)  # noqa: T201  # whoever started us reads it


async def run(url, bot_id, count, journal, report):
    async with BitrixChat(
        WebhookAuth(url), limiter=AMPLE, quiescence=QUIESCENCE, max_in_flight=1, allow_insecure_loopback=True
    ) as b24:
        chat = b24.im.chat if bot_id == "none" else b24.bot(int(bot_id), token=BOT_TOKEN).chat
        say("ready")
        how = sys.stdin.readline().strip()
        if not how:
            return
        say("begun")
        job = chat.resume(journal) if how == "resume" else chat.bulk(specs(int(count)), journal=journal)
        (await job.run()).to_jsonl(report)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
