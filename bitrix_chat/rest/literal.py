"""What is sent as it stands, whatever the dialect: null on purpose, and JSON that has its wire form already."""

import enum
from typing import Any, Final

from attrs import frozen


class Null(enum.Enum):
    """What is sent as null: a value to be removed, where None is one that was not given."""

    NULL = None


NULL: Final = Null.NULL


@frozen
class Verbatim:
    """JSON that has its wire form already (a keyboard, an attachment): no dialect touches it, null included."""

    value: Any

    @classmethod
    def of(cls, value: Any) -> "Verbatim | None":
        """Wrap a value; None stays what was not given."""
        return None if value is None else cls(value)

    def __bool__(self) -> bool:
        return bool(self.value)
