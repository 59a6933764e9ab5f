"""What one chat is to be, as a value that outlives the process: a journal keeps it as text and makes it anew."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Self

from attrs import asdict, field, fields, frozen

from bitrix_chat.enums import ChatType, Color
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.chat import Entity

Id = int | str


def _as_tuple(value: Iterable[Id] | None) -> tuple[Id, ...] | None:
    if value is None or type(value) is tuple:
        return value
    if isinstance(value, str | bytes | Mapping):
        return value  # type: ignore[return-value]  # refused by name when the call is built
    return tuple(value) if isinstance(value, Iterable) else value


@frozen(kw_only=True, slots=False)
class ChatSpec:
    """One chat to create: what `chat.add` takes, and a key.

    Subclass it to carry what is yours (a deal's id) along to the result; only what is listed here is sent and kept.

    Attributes:
        title: at most 255 characters.
        description: also posted as a message.
        color: one of the 16.
        avatar: image bytes, a `pathlib.Path` or base64 text.
        user_ids: members besides the caller.
        owner_id: the owner; a bot's chats only.
        type: closed or open.
        message: the first message.
        entity: what the chat belongs to; not together with a key.
        copilot_main_role: the role of a CoPilot chat; a user's chats only.
        key: by which there is one chat, however often it is asked for.
    """

    title: str | None = None
    description: str | None = None
    color: Color | str | None = None
    avatar: Avatar | None = field(default=None, repr=False)
    user_ids: tuple[Id, ...] | None = field(default=None, converter=_as_tuple)
    owner_id: Id | None = None
    type: ChatType | str | None = None
    message: str | None = None
    entity: Entity | None = None
    copilot_main_role: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, given: "ChatSpec | Mapping[str, Any] | str") -> "ChatSpec":
        """Read a spec, a map of its attributes, or a title alone.

        Raises:
            InvalidParameter: it is neither, or names an attribute that does not exist.
        """
        if isinstance(given, ChatSpec):
            return given
        if isinstance(given, str):
            return cls(title=given)
        if type(given) is not dict and not isinstance(given, Mapping):
            raise InvalidParameter(f"a spec is {type(given).__name__}, not a ChatSpec, a map of its names, or a title")
        if unknown := [str(name) for name in given if name not in _NAMES]:
            raise InvalidParameter(f"a spec has no `{unknown[0]}`; its names are {', '.join(sorted(_NAMES))}")
        return cls(**given)

    def given(self) -> dict[str, Any]:
        """Return what was given, but for the key."""
        return {name: value for name in _VALUES if (value := getattr(self, name)) is not None}

    def to_json(self) -> str:
        """Write what was given as canonical JSON, the avatar as base64; equal specs have equal texts.

        Raises:
            InvalidParameter: a value that the portal, or a text, cannot hold.
        """
        given = self.given()
        if self.avatar is not None:
            given["avatar"] = encode_avatar(self.avatar)
        if isinstance(self.entity, Entity):
            given["entity"] = asdict(self.entity)
        try:
            text = _encode(given)
            text.encode()
        except (TypeError, ValueError) as error:
            fault = "half of a surrogate pair" if isinstance(error, UnicodeError) else "what JSON cannot say"
            raise InvalidParameter(f"a spec holds {fault}") from None
        return text

    @classmethod
    def from_json(cls, text: str, key: str | None = None) -> Self:
        """Read what `to_json` has written.

        Raises:
            ValueError: it is something else.
        """
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("not a spec")  # noqa: TRY004  # of a file, not of an argument
        try:
            if isinstance(given.get("entity"), dict):
                given["entity"] = Entity(**given["entity"])
            return cls(**given, key=key)
        except TypeError:
            raise ValueError("not a spec") from None


_NAMES = frozenset(attribute.name for attribute in fields(ChatSpec))
_VALUES = tuple(sorted(_NAMES - {"key"}))
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
