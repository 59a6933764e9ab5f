"""One consumer at a time: who takes a second one's events makes both lose some."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import define, field

from bitrix_chat.events.errors import ConsumerBusy
from bitrix_chat.events.sqlite_rows import EVENT_STORE
from bitrix_chat.storage.file_lease import FileLease

_NAME: Final = 16
"""Hexadecimal digits that stand for a consumer in the name of its lock file."""


@define(eq=False)
class NameLease:
    """A name in a set that others look at, given back with the object at the latest."""

    _name: str
    _taken: set[str]
    _is_held: bool = field(init=False, default=False)

    def take(self) -> "NameLease":
        """Take it.

        Raises:
            ConsumerBusy: it is in the set.
        """
        if self._name in self._taken:
            raise busy(self._name)
        self._taken.add(self._name)
        self._is_held = True
        return self

    def __call__(self) -> None:
        """Give it back."""
        if self._is_held:
            self._is_held = False
            self._taken.discard(self._name)

    def __del__(self) -> None:
        self()


def take_consumer(store: Path, name: str) -> FileLease:
    """Take the consumer `name` of the store at a path, until it is given back or the process ends.

    Raises:
        ConsumerBusy: somebody has it, in this process or another.
        EventStoreError: the lock file belongs to somebody else, or cannot be made.
    """
    digest = sha256(name.encode()).hexdigest()[:_NAME]
    lease = FileLease.take(store.with_name(f"{store.name}.{digest}.lock"), EVENT_STORE)
    if lease is None:
        raise busy(name)
    return lease


def busy(name: str) -> ConsumerBusy:
    """Return the error of whoever comes second."""
    return ConsumerBusy(
        f"the events of {name} are being taken by another consumer; let that end first, or stop it: two consumers"
        " of one bot would acknowledge each other's events"
    )
