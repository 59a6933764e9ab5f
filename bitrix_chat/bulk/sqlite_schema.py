"""The tables of a journal, and what a file must be to be taken for one."""

from contextlib import closing
from pathlib import Path
from typing import Final

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.storage.file_kind import FileKind
from bitrix_chat.storage.sqlite_file import open_to_read

JOURNAL: Final = FileKind(
    noun="journal",
    application_id=0x62786A31,  # `bxj1` in ASCII
    version=1,
    schema="""
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    method TEXT NOT NULL,
    portal TEXT NOT NULL,
    bot_id TEXT,
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    keeps_entities INTEGER NOT NULL CHECK (keeps_entities IN (0, 1)),
    sent_at TEXT,
    owner TEXT
);
CREATE TABLE intent (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    key TEXT UNIQUE,
    spec TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'done', 'failed', 'unknown')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    sent_at TEXT,
    uptime REAL,
    chat_id INTEGER,
    error TEXT
);
""",
    error=JournalError,
    damaged="is damaged; restore a copy of it, a new journal would not know what was created",
    afterwards=", then resume",
)


def examine(path: Path) -> None:
    """Find out whether a file is a sound journal of this version, without a write to it.

    Raises:
        JournalError: it is not.
    """
    with closing(open_to_read(JOURNAL, path)) as connection:
        if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise JournalError(f"{path}: {JOURNAL.damaged}")
