"""The file of an event store, which several processes have open at a time.

A journal has one writer; here the web server keeps what is posted and a worker handles it. Each commit is short;
SQLite lets the writers take turns.
"""

import sqlite3
import time
from pathlib import Path
from typing import Final

from bitrix_chat.events.errors import EventStoreError
from bitrix_chat.events.sqlite_rows import EVENT_STORE
from bitrix_chat.storage.file_lease import FileLease
from bitrix_chat.storage.sqlite_file import PATIENCE, create, identify, is_there, make_private, open_to_write

_STEP: Final = 0.02
"""Seconds between two attempts at another process' lock."""


def opened(path: Path) -> sqlite3.Connection:
    """Open a store, made if it is not there."""
    if not is_there(EVENT_STORE, path):
        _create_once(path)
    identify(EVENT_STORE, path)
    make_private(EVENT_STORE, path)
    return open_to_write(EVENT_STORE, path)


def _create_once(path: Path) -> None:
    """Make the file, unless another process does that at this moment."""
    release = _alone(path)
    try:
        if not is_there(EVENT_STORE, path):
            create(EVENT_STORE, path)
    finally:
        release()


def _alone(path: Path) -> FileLease:
    lock = path.with_name(f"{path.name}.lock")
    ends_at = time.monotonic() + PATIENCE
    while (lease := FileLease.take(lock, EVENT_STORE)) is None:
        if time.monotonic() > ends_at:
            raise EventStoreError(f"{lock}: another program holds it locked")
        time.sleep(_STEP)
    return lease
