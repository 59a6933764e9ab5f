"""What can go wrong with many chats at once, below the tree of `bitrix_chat.errors`.

    BitrixError
    ├── InvalidParameter
    │   └── KeyReused           the journal has this key, or number, with another spec
    ├── JournalError            the journal cannot be used: what cannot be written down is not sent
    │   └── JournalInUse        somebody else writes to it
    └── BulkStopped             the run ended before its input did; `report` tells how far it came

What fails with a single chat is none of these: it is in that chat's result.
"""

from typing import Any

from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.outcomes import Outcome


class KeyReused(InvalidParameter):
    """The journal has this key, or number, with another spec: one of the two would never be created.

    Attributes:
        key: the key, None where it is a number that is taken.
    """

    key: str | None = None


class JournalError(BitrixError):
    """The journal cannot be opened, read or written, and nothing is sent that could not be written down.

    What was sent before is in it, at least as sent; `resume` goes on from there when the cause is gone.
    """

    default_outcome = Outcome.NOT_SENT


class JournalInUse(JournalError):
    """Another process, or another job of this one, writes to the journal; it is free as soon as that ends."""


class BulkStopped(BitrixError):
    """The run ended early, since its specs or its journal failed; `__cause__` tells how. Some of the chats may exist.

    Attributes:
        report: what became of each chat until then. It stays behind where the error is pickled.
    """

    default_outcome = Outcome.UNKNOWN
    stays_behind = frozenset({"report"})
    report: Any = None
