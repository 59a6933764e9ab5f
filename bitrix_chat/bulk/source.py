"""Where items come from: specs as they are asked for, kept in the journal first, or the journal alone."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence, Sized, ValuesView
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from attrs import define, field, frozen

from bitrix_chat.bulk import lumps
from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.errors import KeyReused
from bitrix_chat.bulk.items import Item
from bitrix_chat.bulk.journal import Intent, IntentState
from bitrix_chat.bulk.lumps import lumps_of
from bitrix_chat.bulk.recorder import Recorder, is_open, seconds_ago
from bitrix_chat.bulk.results import BulkState
from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.bulk.stored_errors import error_from_json
from bitrix_chat.errors import InvalidParameter, OutcomeUnknown

T = TypeVar("T")

Given = ChatSpec | Mapping[str, Any] | str
Specs = Iterable[Given] | AsyncIterable[Given]
KeyOf = Callable[[ChatSpec], str | None]

_NO_SPEC: Final = ChatSpec()
_COLLECTIONS: Final = (Sequence, AbstractSet, ValuesView)
"""What gives its specs as often as it is asked; much else that tells a length gives them once."""


class Source(Protocol[T]):
    """Where a run takes its items from."""

    @property
    def total(self) -> int | None:
        """How many there are, None where that is not known in advance."""
        ...

    def items(self, recorder: Recorder) -> AsyncGenerator[list[Item[T]], None]:
        """Yield them in their order, as they are asked for; those that are there come together."""
        ...


@frozen
class _Prepared(Generic[T]):
    item: Item[T]
    text: str = ""


@define(eq=False)
class SpecSource(Generic[T]):
    """Items from specs.

    Attributes:
        creator: makes their calls.
        specs: what was given.
        key: finds the key of a spec; its own, by default.
        key_is_new: whether keys were surely never used.
    """

    creator: Creator[T]
    specs: Specs
    key: KeyOf | None = None
    key_is_new: bool = False
    _seen: dict[int, int] = field(factory=dict, init=False)
    _is_kept: bool = field(default=False, init=False)

    @property
    def total(self) -> int | None:
        """How many specs there are, where they can be counted."""
        is_counted = isinstance(self.specs, Sized) and not isinstance(self.specs, AsyncIterable)
        try:
            return len(self.specs) if is_counted else None  # type: ignore[arg-type]
        except TypeError:  # a wrapper, such as a progress bar, has the method for whatever it wraps
            return None

    async def items(self, recorder: Recorder) -> AsyncGenerator[list[Item[T]], None]:
        """Yield an item for each spec; with a journal, after it was kept there, all of them if they can be counted."""
        self._is_kept = recorder.journal is not None
        if self._is_kept and isinstance(self.specs, _COLLECTIONS):
            await self._keep_all(recorder)
        async with aclosing(self._lumps()) as prepared:
            async for lump in prepared:
                yield await self._kept(lump, recorder) if self._is_kept else [each.item for each in lump]
        await recorder.note(is_complete=True)

    async def _keep_all(self, recorder: Recorder) -> None:
        """Write all intents down at once, so that a kill leaves all of them or none."""
        sound: list[_Prepared[T]] = []
        async with aclosing(self._lumps()) as prepared:
            async for lump in prepared:
                for each in lump:
                    if each.item.call is not None:
                        each.item.call.close()
                        each.item.call = None  # made anew when its turn comes
                        sound.append(each)
        await recorder.add([_intent(each) for each in sound])
        self._seen.clear()
        await recorder.note(is_complete=True)

    async def _lumps(self) -> AsyncGenerator[list[_Prepared[T]], None]:
        index = 0
        async with aclosing(lumps_of(self.specs)) as pulled:
            async for lump in pulled:
                yield [self._prepared(number, given) for number, given in enumerate(lump, index)]
                index += len(lump)

    def _prepared(self, index: int, given: Given) -> _Prepared[T]:
        """Check a spec and make its call; what is wrong with it is its result."""
        spec, key = _NO_SPEC, None
        try:
            spec = ChatSpec.of(given)
            key = spec.key if self.key is None else self.key(spec)
            was_seen = isinstance(key, str) and _folded(key) in self._seen
            call = self.creator.call(spec, key, is_new=self.key_is_new and not was_seen)
            call.request  # noqa: B018  # to look is to claim it for later
            # What is compared or kept; without that it costs more than all checks.
            text = spec.to_json() if self._is_kept or key is not None else ""
            self._see(key, text)
        except InvalidParameter as error:
            item: Item[T] = Item(index, spec, key)
            item.result = item.ended(BulkState.FAILED, error=error)
            return _Prepared(item)
        return _Prepared(Item(index, spec, key, call), text)

    def _see(self, key: str | None, text: str) -> None:
        """Refuse a key that stands for two chats in one input."""
        # Databases compare without regard to case, so that keys must differ in more.
        if key is not None and self._seen.setdefault(_folded(key), hash((key, text))) != hash((key, text)):
            raise _reused(key)

    async def _kept(self, chunk: list[_Prepared[T]], recorder: Recorder) -> list[Item[T]]:
        sound = [prepared for prepared in chunk if prepared.item.result is None]
        for prepared, kept in zip(sound, await recorder.add([_intent(each) for each in sound]), strict=True):
            if isinstance(kept, KeyReused):
                prepared.item.result = prepared.item.ended(BulkState.FAILED, error=kept)
            else:
                await adopt(prepared.item, kept, self.creator)
        return [prepared.item for prepared in chunk]


def _folded(key: str) -> int:
    """Return what stands for a key, whatever its case: of a hundred thousand the keys themselves would be large."""
    return hash(key.casefold())


def _intent(prepared: _Prepared[Any]) -> Intent:
    return Intent(number=prepared.item.index, key=prepared.item.key, spec=prepared.text)


@frozen
class JournalSource(Generic[T]):
    """Items from the intents of a journal.

    Attributes:
        creator: makes their calls.
        retry_failed: whether those that surely did not run are tried again.
        total: how many there are, None as long as nobody has counted.
    """

    creator: Creator[T]
    retry_failed: bool = False
    total: int | None = None

    async def items(self, recorder: Recorder) -> AsyncGenerator[list[Item[T]], None]:
        """Yield an item for each intent."""
        after = -1
        while intents := await recorder.page(after, lumps.LUMP):
            items = [self.item_of(intent) for intent in intents]
            for item, intent in zip(items, intents, strict=True):
                await adopt(item, intent, self.creator, retry_failed=self.retry_failed)
            yield items
            after = intents[-1].number

    def item_of(self, intent: Intent) -> Item[T]:
        """Return the item of an intent."""
        try:
            spec = ChatSpec.from_json(intent.spec, intent.key)
            call = self.creator.call(spec, intent.key, is_new=False)
            call.request  # noqa: B018
        except (InvalidParameter, ValueError) as error:
            known = error if isinstance(error, InvalidParameter) else InvalidParameter("the journal holds no spec here")
            item: Item[T] = Item(intent.number, ChatSpec(), intent.key)
            item.result = item.ended(BulkState.FAILED, error=known)
            return item
        return Item(intent.number, spec, intent.key, call)


async def adopt(item: Item[T], kept: Intent, creator: Creator[T], *, retry_failed: bool = False) -> None:
    """Take over what the journal knows of an item: its end, or that it may have left."""
    item.number, item.attempts = kept.number, kept.attempts
    item.attempts_before = kept.attempts
    if item.result is not None and is_open(kept):  # it cannot be read any more, and may have run
        item.result = item.ended(BulkState.UNKNOWN, error=_lost(kept, creator.method))
    if item.result is not None or kept.state is IntentState.PENDING:
        return
    if kept.state is IntentState.DONE:
        item.result = item.ended(BulkState.SKIPPED, chat_id=kept.chat_id)
    elif kept.state is IntentState.FAILED and not retry_failed:
        item.result = item.ended(BulkState.FAILED, error=error_from_json(kept.error or "{}"))
    elif is_open(kept):
        await _recall(item, kept, creator)


async def _recall(item: Item[T], kept: Intent, creator: Creator[T]) -> None:
    item.lost = _lost(kept, creator.method)
    if item.key is None or item.call is None:
        item.result = item.ended(BulkState.UNKNOWN, error=item.lost)
        return
    item.call.close()
    # The caller's word that keys are new holds for their first send alone.
    item.call = creator.call(item.spec, item.key, is_new=False)
    # Where nobody wrote down when, it may have been this moment.
    await creator.recall(item.call.request, kept.sent_at or datetime.now(UTC), seconds_ago(kept))


def _lost(kept: Intent, method: str) -> OutcomeUnknown:
    known = error_from_json(kept.error) if kept.error else None
    if isinstance(known, OutcomeUnknown):
        return known
    advice = "it has no key to look it up by" if kept.key is None else "a lookup of its key finds out"
    lost = OutcomeUnknown(f"it may have run (the process ended before the answer); {advice}", method=method)
    lost.marker, lost.sent_at = kept.key, kept.sent_at
    return lost


def _reused(key: str) -> KeyReused:
    error = KeyReused(f"the key {key!r} stands for another chat already; a key is for one chat")
    error.key = key
    return error
