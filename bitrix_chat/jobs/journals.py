"""Where the journals of jobs are: opened by name, so that a job need not carry any address."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from bitrix_chat.bulk.shared_journal import SharedJournal

if TYPE_CHECKING:
    from bitrix_chat.redis.server import RedisServer

Journals: TypeAlias = Callable[[str], SharedJournal]
"""Opens the journal of a name; whoever asks for one closes it."""


@runtime_checkable
class DeletableJournal(Protocol):
    """A journal that can be deleted; those of `redis_journals` can."""

    async def delete(self, *, even_open: bool = False) -> None:
        """Delete it with all that it knows; refused while intents are open, unless they are to be lost."""
        ...


class OpenJournals:
    """Journals while somebody uses them; users of one share it, so that what they write is written together."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._open: dict[str, SharedJournal] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def journal(self, name: str) -> AsyncIterator[SharedJournal]:
        """Lend out a journal."""
        if name not in self._open:
            self._open[name] = self._journals(name)
        journal = self._open[name]
        self._users[name] += 1
        try:
            yield journal
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._open[name]
                await journal.close()


def redis_journals(server: "str | RedisServer") -> Journals:
    """Return what opens the journals of a Redis or Valkey server that keeps an append-only file.

    Args:
        server: its address; or the server itself, whose connections then serve all journals.

    Raises:
        ImportError: the extra `redis` is not installed.
    """
    from bitrix_chat.redis.shared_journal import SharedRedisJournal  # noqa: PLC0415  # an extra; journals of one's own need none

    return partial(SharedRedisJournal, server)
