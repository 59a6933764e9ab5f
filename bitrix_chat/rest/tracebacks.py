"""What a traceback must not hold: frames in whose variables a secret stands, in the clear or inside a body.

Error reporters show the variables of every frame. Those of the transport, of authorization and of everything that
these call are left out of what reaches a caller; the caller's own frames stay, and whoever wrote a hook or a store
reads in a note where it failed.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from bitrix_chat.errors import BitrixError

T = TypeVar("T")
P = ParamSpec("P")

_BEHIND: Final = ("bitrix_chat.transport.", "bitrix_chat.auth.", "bitrix_chat.http.")


def forget_frames(error: BaseException) -> None:
    """Cut the tracebacks of an error, and of all errors behind it, where they enter the transport or `auth`."""
    for each in _family(error):
        kept, left_out = _split(each.__traceback__)
        if left_out:
            each.__traceback__ = _joined(kept)
            _tell(each, left_out)


def discreet(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function that is given a secret fail without a frame that shows its arguments."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            forget_frames(error)
            error.__traceback__ = None
            raise
        finally:
            del args, kwargs

    return called


def discreet_coroutine(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Do as `discreet` does for a coroutine function."""

    @functools.wraps(function)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            forget_frames(error)
            error.__traceback__ = None
            raise
        finally:
            del args, kwargs

    return awaited


def discreetly_made(kind: type[T]) -> type[T]:
    """Let the constructor of a class, one written by attrs too, fail as a `discreet` function does."""
    kind.__init__ = discreet(kind.__init__)  # type: ignore[method-assign]  # the class is being made
    return kind


def _family(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _split(traceback: TracebackType | None) -> tuple[list[TracebackType], list[TracebackType]]:
    links: list[TracebackType] = []
    while traceback is not None:
        links.append(traceback)
        traceback = traceback.tb_next
    border = next((index for index, link in enumerate(links) if _module(link).startswith(_BEHIND)), len(links))
    return links[:border], links[border:]


def _module(link: TracebackType) -> str:
    return str(link.tb_frame.f_globals.get("__name__", ""))


def _joined(links: list[TracebackType]) -> TracebackType | None:
    joined: TracebackType | None = None
    for link in reversed(links):
        joined = TracebackType(joined, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return joined


def _tell(error: BaseException, left_out: list[TracebackType]) -> None:
    """Say where a stranger's error came from; ours say what happened, and where is no help."""
    strangers = [link for link in left_out if not _module(link).startswith("bitrix_chat.")]
    if strangers and isinstance(error, Exception) and not isinstance(error, BitrixError):
        error.add_note("\n".join(["Raised here, its variables left out:", *map(_place, strangers)]))


def _place(link: TracebackType) -> str:
    code: Any = link.tb_frame.f_code
    return f'  File "{code.co_filename}", line {link.tb_lineno}, in {code.co_name}'


class _WithoutFrames(logging.Filter):
    """Does for the errors in our log what is done for those that are raised."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            forget_frames(error)
            record.exc_info = type(error), error, error.__traceback__
        return True


logging.getLogger("bitrix_chat").addFilter(_WithoutFrames())
