"""Where a REST method is found on the client: its path in snake_case, and everything else that hangs there."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from bitrix_chat import BitrixChat
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.resources.resource import Resource
from bitrix_chat.testing import ScriptedTransport

BOT_BRANCHES: Final = ("imbot.v2.Chat.", "imbot.v2.Command.", "imbot.v2.Event.", "imbot.v2.File.")
"""What one bot does, on `b24.bot(id, token=...)`."""
HELPERS: Final = frozenset(
    {
        "b24.bot",
        "b24.call",
        "b24.close",
        "b24.ensure_bot",
        "b24.from_env",
        "b24.over",
        "b24.im.chat.bulk",
        "b24.im.chat.resume",
        "b24.im.v2.file.open",
        "b24.im.v2.file.read",
        "b24.im.v2.file.save",
        "b24.im.v2.file.upload_stream",
        "bot.chat.bulk",
        "bot.chat.resume",
        "bot.ensure",
        "bot.run",
        "bot.file.open",
        "bot.file.read",
        "bot.file.save",
        "bot.file.upload_stream",
    }
)
"""Public methods that send no REST method of their own; so do all named `iter_...`."""

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake_case(segment: str) -> str:
    """Write a segment of a REST path, or a parameter's name, as we do."""
    return (segment if segment.isupper() else _WORD.sub("_", segment)).lower()


def attribute_path(method: str) -> str:
    """Return where a method is found, beginning with `b24` or `bot`."""
    root, rest = "b24", method
    if method.startswith(BOT_BRANCHES):
        root, rest = "bot", method.removeprefix("imbot.v2.")
    elif method.startswith("imbot.v2."):
        rest = method.replace(".v2.", ".", 1)
    return ".".join([root, *map(snake_case, rest.split("."))])


def client() -> BitrixChat:
    """Return a client that can send nothing."""
    return BitrixChat.over(ScriptedTransport())


def function(method: str, bot_id: int = 456, token: str | None = "t") -> Callable[..., Any]:  # noqa: S107
    """Return our method for a REST method, on a client that can send nothing."""
    return find(client(), method, bot_id, token)


def find(b24: BitrixChat, method: str, bot_id: int, token: str | None) -> Callable[..., Any]:
    """Return a client's method for a REST method."""
    root, *names = attribute_path(method).split(".")
    found: Any = b24 if root == "b24" else b24.bot(bot_id, token=token)
    for name in names:
        found = getattr(found, name)
    assert callable(found)
    return found


def offered() -> set[str]:
    """Return every public method on a client and on a bot."""
    b24 = client()
    return {*_walk("b24", b24), *_walk("bot", b24.bot(456, token="t"))}


def _walk(path: str, branch: object) -> Iterator[str]:
    for name in dir(branch):
        if name.startswith("_"):
            continue
        found = getattr(branch, name)
        if isinstance(found, Resource | BotHandle):
            yield from _walk(f"{path}.{name}", found)
        if callable(found):
            yield f"{path}.{name}"


def is_helper(path: str) -> bool:
    """Whether a public method is one that sends no REST method of its own."""
    return path in HELPERS or path.rpartition(".")[2].startswith("iter_")
