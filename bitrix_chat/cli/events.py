"""`bitrix-chat events`: what happens to a bot as JSON Lines, each acknowledged once its line is written."""

import asyncio
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from bitrix_chat.cli import endings
from bitrix_chat.cli.answers import check_writable, show
from bitrix_chat.cli.interrupts import Interrupts, listening
from bitrix_chat.cli.listening_connection import ListeningConnection
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat
    from bitrix_chat.events.bot import BotClient
    from bitrix_chat.events.delivery import Delivery
    from bitrix_chat.events.polling import EventStream
    from bitrix_chat.events.sqlite_store import SqliteEventStore

_CONNECTION: Final = ListeningConnection()
_LOST: Final = "The event could not be printed, so that it waits on"


async def events(
    *,
    bot_id: WholeNumber,
    store: Annotated[Path | None, Parameter(name="--store")] = None,
    follow: bool = False,
    from_start: bool = False,
    with_user_events: bool = False,
    connection: ListeningConnection = _CONNECTION,
) -> int:
    """Print the events that wait for a bot as JSON Lines: type, id, date and data, without tokens.

    An event is acknowledged once its line is written: the portal then forgets it, and no other program gets it.
    `bitrix-chat bot event get` looks without acknowledging. The bot needs the event mode fetch; the portal keeps events
    for 24 hours.

    Args:
        bot_id: The bot that listens.
        store: A SQLite file that remembers what was printed: after a crash no line is lost, and what was printed is
            not printed again. It also keeps a second program with the same file from taking events.
        follow: Go on with events as they come, until Ctrl-C.
        from_start: Print all that the portal still has, also what --store remembers.
        with_user_events: Also those of the webhook's or token's user, after `bitrix-chat im v2 event subscribe`.
        connection: Which portal, and as whom.
    """
    check_writable(store, "--store")
    async with connection.client() as b24:
        bot = connection.bot(b24, bot_id)
        await _check(b24, bot, connection.token_of_bot())
        kept = None if store is None else _opened(store, from_start=from_start)
        try:
            return await _print(_stream(bot, kept, follow=follow, with_user_events=with_user_events))
        finally:
            if kept is not None:
                await kept.close()


async def _check(b24: "BitrixChat", bot: "BotClient", token: str | None) -> None:
    """Ask for the bot, since a stream would wait for a portal that is not there."""
    from bitrix_chat.enums import EventMode  # noqa: PLC0415  # not needed for help

    found = await b24.imbot.bot.get(bot.id, token=token)
    if found.bot.event_mode is EventMode.WEBHOOK:
        print("bitrix-chat: warning: this bot's events are posted to its address, so that none wait", file=sys.stderr)


def _opened(path: Path, *, from_start: bool) -> "SqliteEventStore":
    from bitrix_chat.events.sqlite_store import SqliteEventStore  # noqa: PLC0415  # not needed for help

    class Forgetful(SqliteEventStore):
        """Remembers for the next time alone."""

        async def handled(self, consumer: str) -> Collection[int]:  # noqa: ARG002  # the protocol's
            return ()

    return (Forgetful if from_start else SqliteEventStore)(path)


def _stream(
    bot: "BotClient", store: "SqliteEventStore | None", *, follow: bool, with_user_events: bool
) -> "EventStream":
    if follow:
        return bot.events.stream(store, with_user_events=with_user_events)
    from bitrix_chat.events.waiting import waiting_events  # noqa: PLC0415  # not needed for help

    return waiting_events(bot, store, with_user_events=with_user_events)


async def _print(stream: "EventStream") -> int:
    """Print one event after the other; Ctrl-C lets the one at hand be acknowledged, a second one stops at once."""
    arrivals = _Arrivals(stream)
    printing = asyncio.create_task(_print_all(stream, arrivals))
    interrupts = Interrupts(arrivals.stop, printing.cancel)
    with listening(interrupts):
        try:
            await printing
        except asyncio.CancelledError:
            if not interrupts:
                raise
    return endings.INTERRUPTED if interrupts else endings.DONE


async def _print_all(stream: "EventStream", arrivals: "_Arrivals") -> None:
    from bitrix_chat.events.dead_letters import letter_of  # noqa: PLC0415  # not needed for help

    async with stream:
        while (delivery := await arrivals.next()) is not None:
            async with delivery:
                show(letter_of(delivery.event), lost=_LOST, indent=None)


class _Arrivals:
    """What a stream delivers, until it ends or nobody wants more."""

    def __init__(self, stream: "EventStream") -> None:
        self._stream = stream
        self._coming: asyncio.Task[Delivery] | None = None
        self._is_over = False

    async def next(self) -> "Delivery | None":
        """Wait for the next delivery; None if there is none."""
        if self._is_over:
            return None
        self._coming = asyncio.create_task(self._stream.__anext__())
        try:
            return await self._coming
        except StopAsyncIteration:
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._is_over or (task is not None and task.cancelling()):
                raise
            return None

    def stop(self) -> None:
        """Wait no longer."""
        self._is_over = True
        if self._coming is not None:
            self._coming.cancel()
