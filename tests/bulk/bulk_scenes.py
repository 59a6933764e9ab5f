"""What the tests of a bulk run share: a portal and a client of it, specs, and what the portal saw of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bitrix_chat import BitrixChat, BulkState, ChatSpec, MemoryRateLimiter, Plan
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.testing import ScriptedTransport

ADD = "im.chat.add"
BOT_ADD = "imbot.v2.Chat.add"
GET = "im.chat.get"
BOT_TOKEN = "token_of_bot"
AMPLE = Plan(1e9, 1e8)


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(condition: Callable[[], object], step: float = 0.01) -> None:
    """Wait for what announces nothing."""
    while not condition():  # noqa: ASYNC110  # it announces nothing
        await asyncio.sleep(step)


def emulated(plan: PortalPlan = PortalPlan.UNLIMITED, **options: Any) -> Portal:
    return Portal(plan=plan, **options)


def fresh(plan: Plan = AMPLE) -> MemoryRateLimiter:
    """A limiter that knows nothing of what was sent before, as that of another process."""
    return MemoryRateLimiter(plan)


@asynccontextmanager
async def scene(*, options: dict[str, Any] | None = None, **portal: Any) -> AsyncIterator[tuple[Portal, BitrixChat]]:
    """A portal, and a client that the request limit never holds up unless told otherwise."""
    async with emulated(**portal) as emulator, emulator.client(**{"limiter": fresh(), **(options or {})}) as b24:
        yield emulator, b24


async def registered(b24: BitrixChat) -> BotHandle:
    bot = (await b24.imbot.bot.register("keeper", name="Keeper", token=BOT_TOKEN)).bot
    return b24.bot(bot.id, token=BOT_TOKEN)


def titles(number: int) -> list[str]:
    return [f"Room {index}" for index in range(number)]


def keyed(number: int, name: str = "room") -> list[ChatSpec]:
    return [ChatSpec(title=f"Room {index}", key=f"{name}-{index}") for index in range(number)]


def counts(report: Any) -> dict[str, int]:
    """How many ended how, of those states that came up."""
    return {state.name: number for state, number in report.counts.items() if number}


def states(results: Any) -> list[BulkState]:
    return [result.state for result in results]


def title_of(portal: Portal, chat_id: int | None) -> str | None:
    return None if chat_id is None else portal.chats[chat_id].title


def belong(portal: Portal, results: Any) -> bool:
    """Whether each id is that of the chat of its spec, and no id came twice."""
    ids = [result.chat_id for result in results]
    named = all(title_of(portal, result.chat_id) == result.spec.title for result in results)
    return named and len(set(ids)) == len(ids)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def scripted(add: Any = None) -> ScriptedTransport:
    """A transport that numbers the chats it is asked for."""
    numbers = count(1)
    return ScriptedTransport({ADD: add or (lambda _: next(numbers))})
