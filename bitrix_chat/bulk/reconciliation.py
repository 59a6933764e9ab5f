"""Finding out what became of chats that may have been created, by lookups alone: nothing is created here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, TypeVar

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.items import Item
from bitrix_chat.bulk.recorder import Recorder, is_open
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkState
from bitrix_chat.bulk.source import JournalSource, adopt
from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.keys import created_id

T = TypeVar("T")

_TOGETHER: Final = 800
"""Chats that are looked up at a time: they travel fifty a request."""


async def reconcile(creator: Creator[T], recorder: Recorder, report: BulkReport[T]) -> None:
    """Put what can be learned of unknown chats into a report, and into the journal if there is one."""
    together: list[Item[T]] = []
    async for item in (
        _journaled(creator, recorder, report) if recorder.journal is not None else _remembered(creator, report)
    ):
        together.append(item)
        if len(together) == _TOGETHER:
            await _resolve_all(together, creator, recorder, report)
            together.clear()
    await _resolve_all(together, creator, recorder, report)


async def _journaled(creator: Creator[T], recorder: Recorder, report: BulkReport[T]) -> AsyncIterator[Item[T]]:
    """Yield what the journal knows no end of; all else is reported as it stands."""
    source = JournalSource(creator)
    async for intent in recorder.intents():
        item = source.item_of(intent)
        await adopt(item, intent, creator)
        if item.result is None and is_open(intent):
            yield item
            continue
        if item.call is not None:
            item.call.close()
        report.add(item.result or item.ended(BulkState.NOT_STARTED))


async def _remembered(creator: Creator[T], report: BulkReport[T]) -> AsyncIterator[Item[T]]:
    for result in report.unknown:
        if result.key is not None:
            item: Item[T] = Item(result.index, result.spec, result.key, attempts=result.attempts)
            item.call = creator.call(result.spec, result.key, is_new=False)
            yield item


async def _resolve_all(items: list[Item[T]], creator: Creator[T], recorder: Recorder, report: BulkReport[T]) -> None:
    ends = (_resolve(item, creator, recorder, report) for item in items)
    for error in await asyncio.gather(*ends, return_exceptions=True):
        if error is not None:
            raise error


async def _resolve(item: Item[T], creator: Creator[T], recorder: Recorder, report: BulkReport[T]) -> None:
    if item.call is None:
        return
    request = item.call.request
    item.call.close()
    try:
        response = await creator.resolve(request)
    except BitrixError as error:
        state = BulkState.UNKNOWN if error.chat_id is None else BulkState.DONE  # it was found, and could not be fetched
        result = item.ended(state, error=error, chat_id=error.chat_id)
    else:
        found = None if response is None else created_id(response.result)
        state = BulkState.NOT_STARTED if response is None else BulkState.DONE
        result = item.ended(state, chat_id=found)
    await recorder.finish(item, result)
    report.add(result)
