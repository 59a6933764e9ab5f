"""Which store is meant: a path, one of one's own, or none that outlives the process."""

import os
from typing import TypeAlias

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.events.store import EventStore

Keeping: TypeAlias = str | os.PathLike[str] | EventStore
"""Where events are kept: the path of a SQLite file, or a store of one's own."""


def opened_store(store: Keeping | None) -> tuple[EventStore, bool]:
    """Return the store that is meant, and whether whoever asked has to close it.

    Raises:
        InvalidParameter: it is neither a path nor a store.
    """
    if store is None:
        return MemoryEventStore(), True
    if isinstance(store, str | os.PathLike):
        return SqliteEventStore(store), True
    if isinstance(store, EventStore) and not isinstance(store, type):
        return store, False
    raise InvalidParameter(f"`store` is {type(store).__name__}, not a path or an EventStore")
