"""`bitrix-chat echo-bot`: a bot on the emulator that answers what a user writes, to see events come and go."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from bitrix_chat import InvalidParameter

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat
    from bitrix_chat.events.delivery import Delivery
    from bitrix_chat.events.router import EventRouter

_TEXTS: Final = ("Hello!", "Does anybody listen?", "/shout quietly, please")
_TOKEN: Final = "echo"  # noqa: S105  # of a bot that lives as long as the emulator
_PAUSE: Final = 0.1
"""Seconds between requests for events; a portal is asked every few seconds, an emulator need not be spared."""


async def echo_bot(*texts: str) -> None:
    """Let a user of an emulated portal write to a bot, and print what is said.

    The bot is registered with its command /shout, fetches its events and answers each by a handler, as a bot of your
    own would. Needs no portal and no network.

    Args:
        texts: What the user writes, one message each; quote those with spaces.
    """
    if not all(text.strip() for text in texts):
        raise InvalidParameter("TEXTS: a message is more than blanks")
    from bitrix_chat.portal import Portal  # noqa: PLC0415  # slow to import, and only for this

    async with Portal() as portal, portal.client() as b24:
        bot_id = await _registered(b24)
        user, handled = portal.user(), asyncio.Queue[None]()
        async with _running(b24, bot_id, _router(handled)):
            for text in texts or _TEXTS:
                said = await user.say(bot_id, text)
                print(f"User: {text}", flush=True)
                await handled.get()
                for answer in await _answers(b24, bot_id, said):
                    print(f"Bot:  {answer}", flush=True)


async def _registered(b24: "BitrixChat") -> int:
    from bitrix_chat.events.command_spec import CommandSpec  # noqa: PLC0415  # only for this
    from bitrix_chat.events.desired import DesiredBot  # noqa: PLC0415

    shout = CommandSpec("shout", title={"en": "Say it louder"}, params={"en": "what"})
    desired = DesiredBot(code="echo", name="Echo", token=_TOKEN, commands=[shout])
    return (await b24.ensure_bot(desired)).bot.id


def _router(handled: "asyncio.Queue[None]") -> "EventRouter":
    from bitrix_chat.events.bot_events import CommandAdded, MessageAdded  # noqa: PLC0415  # only for this
    from bitrix_chat.events.router import EventRouter  # noqa: PLC0415

    router = EventRouter()

    @router.around
    async def count(_: "Delivery") -> AsyncIterator[None]:
        try:
            yield
        finally:
            handled.put_nowait(None)

    @router.command("shout")
    async def shout(event: CommandAdded) -> None:
        await event.answer(f"{event.command.params.upper() or 'What'}!")

    @router.on(MessageAdded)
    async def echo(event: MessageAdded) -> None:
        await event.answer(f"You said: {event.message.text}")

    return router


@asynccontextmanager
async def _running(b24: "BitrixChat", bot_id: int, router: "EventRouter") -> AsyncIterator[None]:
    bot = b24.bot(bot_id, token=_TOKEN)
    stream = bot.events.stream(idle=(_PAUSE, _PAUSE), busy=_PAUSE)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bot.run(router, source=stream, attempts=1))
        yield
        running.cancel()


async def _answers(b24: "BitrixChat", bot_id: int, message_id: int) -> Sequence[str]:
    page = await b24.im.dialog.messages.get(str(bot_id), first_id=message_id)
    return [message.text for message in sorted(page.messages, key=lambda each: each.id) if message.author_id == bot_id]
