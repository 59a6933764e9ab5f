"""Everything that an object or an error can bring into a log, as text to search."""

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

_TESTS: Final = str(Path(__file__).parents[1]) + os.sep
_EMULATOR: Final = ("bitrix_chat.portal", "_pytest.", "pluggy.")


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
    """Yield what an error and those behind it say, the variables of every frame but the tests' and emulator's too."""
    for each in chain(error):
        yield f"{each} {each!r} {each.args!r} {vars(each)!r}"
        yield from variables(each.__traceback__)


def variables(link: TracebackType | None) -> Iterator[str]:
    """Yield the variables of all frames of a traceback that are the library's, or of what it calls."""
    while link is not None:
        frame, link = link.tb_frame, link.tb_next
        name = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_filename.startswith(_TESTS) or name.startswith(_EMULATOR):
            continue
        for variable, value in frame.f_locals.items():
            yield f"{name}.{frame.f_code.co_qualname}: {variable} = {shown(value)}"


def shown(value: object) -> str:
    """Return a repr; some raise."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001
        return type(error).__name__


def as_reporters_show_it(error: BaseException) -> str:
    """Return the traceback with causes and variables, as an error reporter sends it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
