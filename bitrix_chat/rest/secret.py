"""Text that opens something keeps its value to itself: it has to be asked for, and no listing of variables asks.

A traceback with its variables, the repr of a dict of parameters or of an attrs object: all of them go by `repr`.
"""

from typing import Any, Final, NoReturn, SupportsIndex

MASK: Final = "***"


class Secret(str):
    """Text like any other to JSON, comparison and `str`, but its repr is `'***'` and pickle is refused."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __getitem__(self, place: SupportsIndex | slice) -> "Secret":
        # Who shortens long texts, as rich does, shows the repr of a slice.
        return Secret(super().__getitem__(place))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a token, a webhook's address or another secret is not pickled, and neither is what holds it:"
            " make that again where it is needed, from where its secrets are kept"
        )


def concealed(value: str) -> str:
    """Return a text as a secret, and what is none as it is, for a check to refuse."""
    return Secret(value) if isinstance(value, str) else value


def concealed_if_given(value: str | None) -> str | None:
    """Do as `concealed` does for a text that may be missing."""
    return None if value is None else concealed(value)
