"""From specs to jobs: every chat is written down before any job of it is there, so that a kill leaves nothing half."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from attrs import frozen

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.items import Item
from bitrix_chat.bulk.journal import Intent, IntentState, Run
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.shared_journal import SharedJournal
from bitrix_chat.bulk.source import Specs, SpecSource
from bitrix_chat.client import BitrixChat
from bitrix_chat.errors import ClientClosed, InvalidParameter
from bitrix_chat.jobs.journals import Journals
from bitrix_chat.jobs.spec import JobSpec
from bitrix_chat.rest.request import Exchange, Response

_PAGE: Final = 50
"""Intents that are read at a time: each may have an avatar of many megabytes."""
_ENDED: Final = frozenset({IntentState.DONE, IntentState.FAILED})
_WORDS: Final = {"portal": "the portal", "method": "the method", "bot_id": "the bot"}


async def prepare_jobs(
    specs: Specs, *, portal: str, journal: str, journals: Journals, bot: int | None = None
) -> list[dict[str, Any]]:
    """Write chats into a journal, and return the jobs of all that have not come to their end there.

    Give each job to an engine whose workers call `run_job`. Doing both again with the same specs adds nothing twice,
    and completes what a kill has cut short.

    Args:
        specs: what `chat.bulk` takes; all of it is read before anything is written, and each needs a key.
        portal: the portal, as the workers' clients know it: its host for `OneClient`, the `member_id` for `Portals`.
        journal: its name, made if it is not there; one for each import, say, of one portal and one creator.
        journals: opens it.
        bot: the bot that creates the chats; a user does without it.

    Raises:
        InvalidParameter: a spec has no key, or is one that the portal would refuse, or the journal is another
            portal's, method's or bot's; nothing was written.
        KeyReused: the journal has another chat under one of the keys; nothing was written.
        JournalError: the journal cannot be written.
    """
    target = JobSpec(portal=portal, journal=journal, method="im.chat.add", key="-")
    if bot is not None:
        target = JobSpec(portal=portal, journal=journal, method="imbot.v2.Chat.add", bot=int(bot), key="-")
    JobSpec.from_dict(target.to_dict())
    intents = await _intents(specs, target)
    opened = journals(journal)
    try:
        await _join(opened, target)
        kept = await opened.add(intents) if intents else ()
        await opened.note(is_complete=True)
        return [_job(target, intent) for intent in await _open(opened, kept)]
    finally:
        await opened.close()


async def _join(journal: SharedJournal, target: JobSpec) -> None:
    ours = Run(method=target.method, portal=target.portal, bot_id=None if target.bot is None else str(target.bot))
    stored = await journal.join(ours)
    for name, word in _WORDS.items():
        kept, asked = getattr(stored, name), getattr(ours, name)
        if kept != asked:
            raise InvalidParameter(f"the journal {target.journal!r} is about {word} {kept}, not {asked}")


async def _open(journal: SharedJournal, kept: Sequence[Intent]) -> Sequence[Intent]:
    """Return what has not come to its end: of those given, and where others are open as well, of all."""
    given = [intent for intent in kept if intent.state not in _ENDED]
    tally = await journal.tally()
    if sum(count for state, count in tally.items() if state not in _ENDED) <= len(given):
        return given
    found: list[Intent] = []
    after = -1
    while page := await journal.read(after, _PAGE):
        found.extend(intent for intent in page if intent.state not in _ENDED and intent.key is not None)
        after = page[-1].number
    return found


def _job(target: JobSpec, intent: Intent) -> dict[str, Any]:
    return {**target.to_dict(), "key": intent.key}


async def _intents(specs: Specs, target: JobSpec) -> list[Intent]:
    """Check all specs, and return what the journal is to keep of each.

    Raises:
        InvalidParameter: the message names the first that is wrong.
    """
    source: SpecSource[Any] = SpecSource(_creator(target), specs)
    found: dict[str, Intent] = {}
    async with aclosing(source.items(Recorder(None))) as lumps:
        async for lump in lumps:
            for item in lump:
                intent = _intent(item)
                found.setdefault(intent.key or "", intent)
    return list(found.values())


def _intent(item: Item[Any]) -> Intent:
    if item.call is not None:
        item.call.close()
    if item.result is not None:
        raise InvalidParameter(f"the spec at {item.index} is wrong: {item.result.error}")
    if item.key is None:
        raise InvalidParameter(
            f"the spec at {item.index} ({item.spec.title!r}) has no key: a job may run twice, and only by its key the"
            " chat is created once"
        )
    return Intent(number=item.index, key=item.key, spec=item.spec.to_json())


def _creator(target: JobSpec) -> Creator[Any]:
    """Return what checks specs as the portal's own would."""
    nowhere = _Nowhere()
    b24 = BitrixChat.over(nowhere)
    chats: Any = b24.im.chat if target.bot is None else b24.bot(target.bot).chat
    return Creator(target.method, nowhere, chats.add, int, None if target.bot is None else str(target.bot))


@frozen
class _Nowhere:
    """Sends nothing: calls are made to be checked."""

    async def send(self, exchange: Exchange) -> Response:
        raise ClientClosed("calls are made here to be checked, not to be sent", method=exchange.request.method)
