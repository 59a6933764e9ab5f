"""Every function of the client that reads an answer, found by making every call it offers, and the models it reads."""

import inspect
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import cattrs
from attrs import frozen

from bitrix_chat import Entity
from bitrix_chat.rest.call import Call
from tests.conformance.tree import client, is_helper, offered

Decode = Callable[[Any], Any]

_TOGETHER: Final = frozenset({"b24.batch"})
"""Calls whose answer depends on what they were made of; they have tests of their own."""
_PNG: Final = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 1, 1, 8, 6, 0, 0, 0, 0)
_BY_NAME: Final[Mapping[str, Any]] = {
    "avatar": _PNG,
    "color": "mint",
    "command": "weather",
    "content": b"content",
    "dialog_id": "chat5",
    "entity": Entity("ORDER", "77"),
    "event": "ONIMBOTV2JOINCHAT",
    "handler": "https://bots.example/handler/",
    "reaction": "like",
    "status": "online",
    "type": "CHAT",
}
_NEEDED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "b24.im.chat.mute": ("chat_id",),
    "b24.im.message.add": ("message",),
    "b24.im.message.update": ("message",),
    "b24.im.notify.history.search": ("text",),
    "b24.imbot.bot.update": ("name",),
    "bot.chat.message.send": ("message",),
    "bot.chat.message.update": ("message",),
    "bot.chat.update": ("title",),
    "bot.command.answer": ("message",),
    "b24.im.chat.set_owner": ("chat_id",),
    "b24.im.chat.update_avatar": ("chat_id",),
    "b24.im.chat.update_color": ("chat_id",),
    "b24.im.chat.update_title": ("chat_id",),
    "b24.im.disk.file.commit": ("chat_id", "file_ids"),
    "b24.im.disk.folder.get": ("chat_id",),
    "b24.im.notify.delete": ("notification_id",),
    "b24.im.search.chat.list": ("find",),
    "b24.imbot.bot.get": ("bot_id",),
    "bot.command.register": ("title",),
    "bot.command.update": ("title",),
}
"""What is optional by itself, while one of several has to be there."""
_ANSWERS_MORE: Final = ("user_data",)
"""Optional parameters by which the answer has another form."""


@frozen(eq=False)
class Model:
    """A type that some decoder makes, and the converter by which it does."""

    converter: cattrs.Converter
    kind: Any


@cache
def decoders() -> Mapping[str, Decode]:
    """Return all decoders by the path of their call."""
    paths = sorted(path for path in offered() - _TOGETHER if not is_helper(path))
    return {f"{path}{extra}": call.decode for path in paths for extra, call in _calls(path)}


def _calls(path: str) -> Iterator[tuple[str, Call[Any]]]:
    """Yield a call of a method with the least parameters, and one for each other form of its answer."""
    method = _method(path)
    known = inspect.signature(method).parameters
    least = [name for name, each in known.items() if each.default is inspect.Parameter.empty]
    for extra in ((), *((name,) for name in _ANSWERS_MORE if name in known)):
        arguments = {name: _argument(path, name) for name in (*least, *_NEEDED_BY.get(path, ()), *extra)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what the portal gives up answers too
            call = method(**arguments)
        assert call.request
        yield "".join(f" with {name}" for name in extra), call


def _method(path: str) -> Callable[..., Call[Any]]:
    root, *names = path.split(".")
    found: Any = client() if root == "b24" else client().bot(456, token="t")
    for name in names:
        found = getattr(found, name)
    assert callable(found)
    return found


def _argument(path: str, name: str) -> Any:
    if path.startswith("bot.command.") and name == "title":
        return {"en": "words"}
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name == "user_data":
        return True
    return [7] if name.endswith("_ids") else 7 if name.endswith("_id") else "words"


def models_of(decode: Decode) -> list[Model]:
    """Return the models that a decoder reads, itself or through those it calls."""
    return list(_models(decode, set()))


def _models(function: Any, seen: set[int]) -> Iterator[Model]:
    if not inspect.isfunction(function) or id(function) in seen:
        return
    seen.add(id(function))
    variables = inspect.getclosurevars(function)
    if function.__qualname__ == "decoder.<locals>.decode":
        yield Model(variables.nonlocals["hook"].__wrapped__.func.__self__, variables.nonlocals["kind"])
        return
    for inner in (*variables.nonlocals.values(), *variables.globals.values()):
        yield from _models(inner, seen)
