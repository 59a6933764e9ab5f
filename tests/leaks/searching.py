"""Everything that an object or an error can bring into a log, as text to search."""

import os
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

_TESTS: Final = str(Path(__file__).parents[1]) + os.sep
_OTHERS: Final = ("bitrix_chat.portal", "bitrix_chat.cli.", "cyclopts.", "_pytest.", "pluggy.")
"""Whose variables are searched by nobody: the emulator's, and a command's, whose line any process list shows."""


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors behind it, suppressed ones too."""
    seen, waiting = set(), [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def sayings(error: BaseException) -> Iterator[str]:
    """Yield what an error and those behind it say, and the variables of every frame of the library."""
    for each in chain(error):
        kept: Collection[str] = getattr(each, "stays_behind", ())  # said to hold secrets, and asked for by name
        shared = {name: value for name, value in vars(each).items() if name not in kept}
        yield " ".join(map(shown, (each, each.args, shared)))
        yield shown(each, str)
        yield from variables(each.__traceback__)


def variables(link: TracebackType | None) -> Iterator[str]:
    """Yield the variables of all frames of a traceback that are the library's, or of what it calls."""
    while link is not None:
        frame, link = link.tb_frame, link.tb_next
        name = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_filename.startswith(_TESTS) or name.startswith(_OTHERS):
            continue
        for variable, value in frame.f_locals.items():
            yield f"{name}.{frame.f_code.co_qualname}: {variable} = {shown(value)}"


def shown(value: object, kind: Callable[[object], str] = repr) -> str:
    """Return a repr or another text; some raise."""
    try:
        return kind(value)
    except Exception as error:  # noqa: BLE001
        return type(error).__name__


def as_reporters_show_it(error: BaseException) -> str:
    """Return the traceback with causes and variables, as an error reporter sends it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
