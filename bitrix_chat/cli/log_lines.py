"""What the packages below warn of, as lines on stderr: each thing once in a while, however many jobs it befalls."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bitrix_chat.cli import endings

_EVERY: Final = 60.0
"""Seconds until the same reason is said again."""
_MOST: Final = 1000
"""Reasons that are remembered."""


class _OneLine(logging.Formatter):
    """A line each, since the traceback of a job that is to run again tells nothing to whoever watches workers."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return endings.printable(f"bitrix-chat: {record.getMessage()}" + ("" if error is None else f": {error}"))


class _Seldom(logging.Filter):
    """Lets a job's error pass that was not said of any job for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info or record.exc_info[1] is None:
            return True
        reason = str(record.exc_info[1])
        if record.created - self._said.get(reason, 0.0) < _EVERY:
            return False
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[reason] = record.created
        return True


@contextmanager
def said(name: str) -> Iterator[None]:
    """Say on stderr what a logger warns of."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_OneLine())
    handler.addFilter(_Seldom())
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
