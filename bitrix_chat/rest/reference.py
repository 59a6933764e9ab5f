"""References from one command of a batch to the result of an earlier one, as values."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attrs import field, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.safety import SAFETY

LOOKALIKE: Final = re.compile(
    # One of five words and a `[key]` before the next blank; atomic, so that no text of a stranger can stall the search.
    r"\$(?:result|next|total|time|error)(?>\S*?\[(?=[^\]]))[^\]]++\]",
    re.IGNORECASE | re.ASCII,
)
"""What the portal takes for a reference in any text of a batch; nothing escapes it."""

_CHAT_NUMBERS: Final = frozenset(
    (f"{branch}.{method}", path)
    for branch in ("im", "imbot")
    for method, path in (("chat.add", ()), ("chat.get", ("ID",)), ("dialog.get", ("id",)))
)
"""Where an answer has the number of a chat under a name that elsewhere is a user's, a bot's or a message's."""
_KNOWN: Final[Mapping[str, frozenset[tuple[str, ...]]]] = MappingProxyType(
    {
        "im.chat.add": frozenset({()}),
        "im.chat.get": frozenset(),  # null where there is no such chat
        "im.dialog.get": frozenset({("id",)}),
        "im.disk.folder.get": frozenset({("ID",)}),
        "im.message.add": frozenset({()}),
        "im.user.get": frozenset({("id",)}),
        "im.v2.file.upload": frozenset({("file", "id"), ("chatId",)}),
        "imbot.v2.bot.get": frozenset({("bot", "id")}),
        "imbot.v2.bot.register": frozenset({("bot", "id")}),
        "imbot.v2.bot.update": frozenset({("bot", "id")}),
        "imbot.v2.chat.add": frozenset({("chat", "id"), ("chat", "owner"), ("chat", "dialogId")}),
        "imbot.v2.chat.get": frozenset({("chat", "id"), ("chat", "owner"), ("chat", "dialogId")}),
        "imbot.v2.command.register": frozenset({("command", "id")}),
        "imbot.v2.file.upload": frozenset({("file", "id"), ("chatId",)}),
        "profile": frozenset({("ID",)}),
        "user.current": frozenset({("ID",)}),
    }
)
"""What an answer is sure to hold if the method ran; nothing, for a method of this client that is not listed. Beyond
it the portal stops at whatever it has reached: at an array, which as an id is 1, or at a number that means something
else."""
_OURS: Final = frozenset(method.lower() for method in SAFETY)
_KEY: Final = re.compile(r"[^\s\[\]]+")


@frozen(eq=False)
class Reference:
    """The result of an earlier command, or a part of it: `ref(created)["chat"]["dialogId"]`."""

    call: Call[Any]
    path: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        raise TypeError("a reference is no text and cannot be put into one; pass it itself")

    def __format__(self, _: str) -> str:
        return str(self)

    # `__getitem__` alone would make Python step through 0, 1, 2 and so on without end.
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __getitem__(self, key: str | int) -> "Reference":
        """Refer to a part of it.

        Raises:
            InvalidParameter: the key would not survive the portal's bracket syntax.
        """
        if not _KEY.fullmatch(str(key)):
            raise InvalidParameter(f"a reference cannot step to {key!r}: no blanks or brackets, and not empty")
        return Reference(self.call, (*self.path, str(key)))

    def whole(self, name: str) -> str:
        """Write the reference so that the portal puts the referred value in its place."""
        return f"$result[{name}]" + "".join(f"[{key}]" for key in self.path)

    def dialog_id(self, name: str) -> str | None:
        """Write the reference inside a dialog id, `chat$result[name]`; None where it is no chat's number.

        When the referred command failed, the text stays as it stands and names no chat, where a whole-value
        reference would become an array and, as an integer, chat 1.
        """
        if self.path[-2:] == ("chat", "dialogId"):
            return "chat" + Reference(self.call, (*self.path[:-1], "id")).whole(name)
        if (
            (self._method, self.path) in _CHAT_NUMBERS
            or self.path[-2:] == ("chat", "id")
            or self.path[-1:] == ("chatId",)
        ):
            return "chat" + self.whole(name)
        return None

    @property
    def is_sure(self) -> bool:
        """Whether the answer holds this if the method ran; taken for granted where the method is not known here."""
        method = self._method
        return self.path in _KNOWN.get(method, ()) or method not in _OURS

    @property
    def is_beyond_a_number(self) -> bool:
        """Whether it steps on from an answer that is a number, which the portal ignores."""
        return bool(self.path) and () in _KNOWN.get(self._method, ())

    @property
    def _method(self) -> str:
        return self.call._request.method.lower()  # noqa: SLF001  # to look is not to inspect: the call stays unsent


def ref(call: Call[Any]) -> Reference:
    """Refer to the result of `call` in a later command of the same batch, wherever an id is expected."""
    return Reference(call)
