"""From the portal's words to ours: a documented body becomes the arguments of our method by one table of names."""

import base64
import inspect
import typing
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from bitrix_chat import BitrixChat
from bitrix_chat.models.chat import Entity
from bitrix_chat.rest.call import Call
from tests.conformance import tree
from tests.conformance.catalogue import containers, parameters

NAMES: Final[Mapping[str, str]] = {
    "botToken": "token",
    "ENTITY_ID": "entity",
    "ENTITY_TYPE": "entity",
    "ORDER.ID": "order",
    "REPLY_ID": "reply_to",
    "SEARCH_MESSAGE": "text",
    "USERS": "user_ids",
    "fields.botToken": "token",
    "fields.replyId": "reply_to",
    "order.id": "order",
    "order.lastSendMessageId": "order",
    "order.userId": "order",
}
"""Our names that are not the snake case of the portal's, by its path, for all methods."""
NAMES_OF: Final[Mapping[tuple[str, str], str]] = {
    ("im.department.employees.get", "ID"): "department_ids",
    ("im.department.get", "ID"): "department_ids",
    ("im.department.managers.get", "ID"): "department_ids",
    ("im.disk.file.commit", "FILE_ID"): "file_ids",
    ("im.disk.file.commit", "UPLOAD_ID"): "upload_ids",
    ("im.notify.answer", "ANSWER_TEXT"): "text",
    ("im.notify.answer", "NOTIFY_ID"): "notification_id",
    ("im.notify.confirm", "NOTIFY_ID"): "notification_id",
    ("im.notify.confirm", "NOTIFY_VALUE"): "value",
    ("im.notify.delete", "ID"): "notification_id",
    ("im.notify.history.search", "SEARCH_AUTHORS"): "author_ids",
    ("im.notify.history.search", "SEARCH_DATE"): "date",
    ("im.notify.history.search", "SEARCH_DATE_FROM"): "date_from",
    ("im.notify.history.search", "SEARCH_DATE_TO"): "date_to",
    ("im.notify.history.search", "SEARCH_TEXT"): "text",
    ("im.notify.history.search", "SEARCH_TYPE"): "type",
    ("im.notify.history.search", "SEARCH_TYPES"): "types",
    ("im.notify.read", "ACTION"): "read",
    ("im.notify.read", "ID"): "notification_id",
    ("im.notify.read.list", "ACTION"): "read",
    ("im.notify.read.list", "IDS"): "notification_ids",
    ("im.recent.unread", "ACTION"): "unread",
    ("im.user.get", "ID"): "user_id",
    ("im.user.list.get", "ID"): "user_ids",
    ("im.user.status.idle.start", "AGO"): "minutes",
    ("imbot.v2.Bot.update", "fields.botToken"): "new_token",
}
"""The same for one method."""
NOT_OFFERED: Final = frozenset({("im.user.list.get", "RESULT_TYPE")})
"""Parameters that are no arguments of ours; the table of deviations says why."""


def argument(method: str, path: str) -> str:
    """Return our name for a documented parameter."""
    named = NAMES_OF.get((method, path)) or NAMES.get(path)
    return named or tree.snake_case(path.rpartition(".")[2])


@cache
def signature(method: str) -> Mapping[str, Any]:
    """Return the parameters of our method with their types."""
    function = tree.function(method)
    names = inspect.signature(function).parameters
    if not names:
        return {}
    plain = function if inspect.isroutine(function) else type(function).__call__
    hints = typing.get_type_hints(inspect.unwrap(plain))
    return {name: hints[name] for name in names}


def required(method: str) -> frozenset[str]:
    """Return our parameters that have no default."""
    given = inspect.signature(tree.function(method)).parameters.values()
    return frozenset(each.name for each in given if each.default is each.empty)


def parts(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    return typing.get_args(annotation) if _is_union(annotation) else (annotation,)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, type(int | str))


def vocabulary(annotation: Any) -> type[StrEnum] | None:
    """Return the enumeration that a parameter takes."""
    for part in parts(annotation):
        if isinstance(part, type) and issubclass(part, StrEnum):
            return part
        if typing.get_origin(part) is Mapping:
            return vocabulary(typing.get_args(part)[1])
    return None


def flat(method: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's values by their dotted paths, stepping only into objects whose fields are documented."""
    return dict(_flat(body, containers(method), ""))


def _flat(body: Mapping[str, Any], inside: frozenset[str], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if prefix + name in inside and isinstance(value, Mapping):
            yield from _flat(value, inside, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def call(method: str, given: Mapping[str, Any], b24: BitrixChat | None = None) -> Call[Any]:
    """Make our call that sends the given values, by their dotted paths."""
    rest = dict(given)
    bot = (456, "t")
    if method.startswith(tree.BOT_BRANCHES):
        bot = rest.pop("botId", None), rest.pop("botToken", None)
    function = tree.find(b24 or tree.client(), method, *bot)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made: Call[Any] = function(**arguments(method, rest))
    assert made.request  # to look at it says that it need not be sent
    return made


def arguments(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn values by their dotted paths into the arguments of our method."""
    types = signature(method)
    by_name: dict[str, dict[str, Any]] = {}
    for path, value in given.items():
        if (method, path) not in NOT_OFFERED:
            by_name.setdefault(argument(method, path), {})[path] = value
    return {name: _value(name, types.get(name), values) for name, values in by_name.items()}


def _value(name: str, annotation: Any, values: Mapping[str, Any]) -> Any:
    kinds = parts(annotation)
    if Entity in kinds:
        return Entity(*(values.get(path, "") for path in ("ENTITY_TYPE", "ENTITY_ID")))
    if any(typing.get_origin(kind) is Mapping for kind in kinds) and all(
        path.startswith(f"{name}.") for path in values
    ):
        return {path.removeprefix(f"{name}."): value for path, value in values.items()}
    (value,) = values.values()
    return _converted(kinds, value)


def _converted(kinds: tuple[Any, ...], value: Any) -> Any:
    if bool in kinds and value in ("Y", "N") and str not in kinds:
        return value == "Y"
    if datetime in kinds and isinstance(value, str):
        return datetime.fromisoformat(value)
    if not isinstance(value, list | dict) and any(typing.get_origin(kind) is Iterable for kind in kinds):
        return value if str in kinds else str(value).split(",") if isinstance(value, str) else [value]
    if bytes in kinds and str not in kinds:
        return base64.b64decode(value)
    return value


def outcome(method: str, given: Mapping[str, Any]) -> Call[Any] | Exception:
    """Return the call, or the error with which our method refuses the values."""
    try:
        return call(method, given)
    except Exception as error:  # noqa: BLE001  # a finding, whatever it is
        return error


def sent(method: str, made: Call[Any]) -> dict[str, Any]:
    """Return what a call sends, by dotted paths."""
    return flat(method, made.request.params)


def documented_arguments(method: str) -> set[str]:
    """Return our names of all documented parameters."""
    given = {path for path in parameters(method) if (method, path) not in NOT_OFFERED}
    if method.startswith(tree.BOT_BRANCHES):
        given -= {"botId", "botToken"}
    return {argument(method, path) for path in given}
